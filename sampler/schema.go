package sampler

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// OptionType says which values an option takes.
type OptionType string

// The types of options.
const (
	NumberOption  OptionType = "number"
	IntegerOption OptionType = "integer"
	BooleanOption OptionType = "boolean"
)

// OptionSchema describes an option of a sampler, for forms, documents and checks. [Entry.Sampler] refuses values
// outside it.
type OptionSchema struct {
	Name    string     `json:"name"`           // as messages call it
	Field   string     `json:"-"`              // of [Params]
	Type    OptionType `json:"type"`           //
	Default any        `json:"default"`        // a float64, int or bool: what an option that is not given is
	Min     *float64   `json:"min,omitempty"`  // the least value; nil for a boolean
	Max     *float64   `json:"max,omitempty"`  // the largest; nil where there is no limit
	Unit    string     `json:"unit,omitempty"` // "" for a plain number
	About   string     `json:"about"`          // what it does
}

// Range writes the bounds: "0 to 1", "1 or more", or "true or false".
func (o OptionSchema) Range() string {
	switch {
	case o.Min == nil:
		return "true or false"
	case o.Max == nil:
		return fmt.Sprintf("%v or more", *o.Min)
	}
	return fmt.Sprintf("%v to %v", *o.Min, *o.Max)
}

// takes tells whether v is within the bounds.
func (o OptionSchema) takes(v float64) bool {
	return !math.IsNaN(v) && (o.Min == nil || v >= *o.Min) && (o.Max == nil || v <= *o.Max)
}

func number(name, field string, otherwise, least float64, most *float64, about string) OptionSchema {
	return OptionSchema{Name: name, Field: field, Type: NumberOption, Default: otherwise, Min: &least, Max: most,
		About: about}
}

func integer(name, field string, otherwise int, most *float64, unit, about string) OptionSchema {
	least := 1.0
	return OptionSchema{Name: name, Field: field, Type: IntegerOption, Default: otherwise, Min: &least, Max: most,
		Unit: unit, About: about}
}

// etaUpTo is an eta of 0 to most.
func etaUpTo(otherwise, most float64, about string) []OptionSchema {
	return []OptionSchema{number("eta", "Eta", otherwise, 0, &most, about)}
}

func etaOption(otherwise float64) []OptionSchema {
	return etaUpTo(otherwise, 1, "share of the noise of the ancestral sampler that each step adds; 0 is deterministic")
}

func orderOption(otherwise int, most float64) []OptionSchema {
	return []OptionSchema{integer("order", "Order", otherwise, &most, "",
		"order of the method: as many predictions as that are combined")}
}

func gammaOption() []OptionSchema {
	most := 5.0
	return []OptionSchema{number("gamma", "Gamma", 2, 1, &most,
		"how far the noise is extrapolated beyond the step before; 1 is Euler")}
}

func keepEpsilonOption() []OptionSchema {
	return []OptionSchema{{Name: "keep-epsilon", Field: "KeepEpsilon", Type: BooleanOption, Default: false,
		About: "where the prediction is clipped, go on with the noise of the unclipped one, as the textbook does"}}
}

// churnOptions are those of euler, heun and flow_heun, whose noise levels are unit.
func churnOptions(unit string) []OptionSchema {
	options := []OptionSchema{
		number("s-churn", "Churn", 0, 0, nil, "noise that is added over all steps; a step takes at most sqrt(2)-1 times its level"),
		number("s-tmin", "ChurnMin", 0, 0, nil, "churn only at this noise level or above"),
		number("s-tmax", "ChurnMax", 0, 0, nil, "churn only at this noise level or below; 0 is no limit"),
		number("s-noise", "ChurnNoise", 1, 0, nil, "standard deviation of the churn's noise; 0 means 1"),
	}
	options[1].Unit, options[2].Unit = unit, unit
	return options
}

func originalOption() []OptionSchema {
	return []OptionSchema{integer("original-inference-steps", "Original", 50, nil, "timesteps",
		"timesteps that the network was distilled at, at most those of training; steps are chosen among them")}
}

func jumpOptions() []OptionSchema {
	most := 1000.0
	return []OptionSchema{
		integer("jump-length", "JumpLength", 10, nil, "steps", "how many steps to go back"),
		integer("jump-n-sample", "JumpSamples", 10, &most, "", "how often those steps are run"),
	}
}

// Options returns the names of the parameters that the sampler takes.
func (e Entry) Options() []string {
	var names []string
	for _, o := range e.options {
		names = append(names, o.Name)
	}
	return names
}

// Schema describes the parameters that the sampler takes, in the order of [Entry.Options].
func (e Entry) Schema() []OptionSchema { return slices.Clone(e.options) }

// check refuses what p sets that the sampler does not take.
func (e Entry) check(p Params) error {
	for _, v := range p.given() {
		i := slices.IndexFunc(e.options, func(o OptionSchema) bool { return o.Name == v.name })
		if i < 0 {
			takes := strings.Join(e.Options(), ", ")
			if takes == "" {
				takes = "no options"
			}
			return &PlanError{Sampler: e.Name, Step: -1,
				Detail: fmt.Sprintf("has no option %s: it takes %s", v.name, takes)}
		}
		if o := e.options[i]; !o.takes(v.value) {
			return &PlanError{Sampler: e.Name, Step: -1, Detail: fmt.Sprintf("%s %v: want %s", o.Name, v.value, o.Range())}
		}
	}
	return nil
}

// givenOption is the value of an option that a Params sets.
type givenOption struct {
	name  string
	value float64 // of a boolean, 1
}

// given returns the options that p sets, in the order of its fields.
func (p Params) given() (set []givenOption) {
	keep := 0.0
	if p.KeepEpsilon {
		keep = 1
	}
	add := func(name string, v float64, is bool) {
		if is {
			set = append(set, givenOption{name, v})
		}
	}
	add("eta", valueOr(p.Eta, 0), p.Eta != nil)
	for _, o := range []givenOption{{"keep-epsilon", keep}, {"s-churn", p.Churn}, {"s-tmin", p.ChurnMin},
		{"s-tmax", p.ChurnMax}, {"s-noise", p.ChurnNoise}, {"original-inference-steps", float64(p.Original)},
		{"order", float64(p.Order)}} {
		add(o.name, o.value, o.value != 0)
	}
	add("gamma", valueOr(p.Gamma, 0), p.Gamma != nil)
	add("jump-length", float64(p.JumpLength), p.JumpLength != 0)
	add("jump-n-sample", float64(p.JumpSamples), p.JumpSamples != 0)
	return set
}
