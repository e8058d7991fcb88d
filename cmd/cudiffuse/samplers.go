package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/cudiffuse/cudiffuse/sampler"
)

type samplersCmd struct {
	Names []string `arg:"" optional:"" name:"name" help:"Samplers to show with their options; all in a table if none is named."`
	JSON  bool     `name:"json" help:"Print JSON."`
}

// samplerLine is what there is to say of a sampler, in JSON as in text.
type samplerLine struct {
	Name      string   `json:"name"`
	Title     string   `json:"title"`
	Paper     string   `json:"arxiv"`
	A1111     []string `json:"a1111"`     // the label in its menu
	ComfyUI   []string `json:"comfyui"`   // the names there
	Diffusers []string `json:"diffusers"` // classes
	Aliases   []string `json:"aliases"`   // all other names that --sampler takes

	Order       int     `json:"order"`                // see sampler.Entry.Order
	Stochastic  bool    `json:"stochastic"`           // with the default options
	NoiseOption string  `json:"noise_option"`         // what turns noise on or off; "" for nothing
	Steps       int     `json:"default_steps"`        //
	Evaluations string  `json:"evaluations"`          // of N steps, per condition
	PerStep     float64 `json:"evaluations_per_step"` // in many steps

	Options []optionLine `json:"options"`
}

// optionLine is an option and the flag that sets it.
type optionLine struct {
	sampler.OptionSchema
	Flag string `json:"flag"`
}

// flagOf is the flag of an option.
func flagOf(o sampler.OptionSchema) string {
	if o.Name == "keep-epsilon" {
		return "--use-clipped-model-output=false"
	}
	return "--" + o.Name
}

// Run lists the samplers.
func (c *samplersCmd) Run(a *app) error {
	names := c.Names
	if len(names) == 0 {
		names = sampler.Names()
	}
	var lines []samplerLine
	for _, name := range names {
		e, err := sampler.Lookup(name)
		if err != nil {
			return &usageError{err}
		}
		l, err := describe(e)
		if err != nil {
			return err
		}
		lines = append(lines, l)
	}
	switch {
	case c.JSON:
		return json.NewEncoder(a.stdout).Encode(map[string]any{"samplers": lines})
	case len(c.Names) == 0:
		return samplerTable(a.stdout, lines)
	}
	for i, l := range lines {
		if i > 0 {
			fmt.Fprintln(a.stdout)
		}
		if err := l.print(a.stdout); err != nil {
			return err
		}
	}
	return nil
}

// describe makes the line of an entry.
func describe(e sampler.Entry) (samplerLine, error) {
	l := samplerLine{Name: e.Name, Title: e.Title, Paper: e.Paper, Order: e.Order(), Steps: e.Steps,
		A1111: []string{}, ComfyUI: []string{}, Diffusers: []string{}, Aliases: []string{}, Options: []optionLine{}}
	notes := allNotes()
	n := notes[slices.IndexFunc(notes, func(n note) bool { return n.name == e.Name })]
	if n.a1111 != "" {
		l.A1111 = append(l.A1111, n.a1111)
	}
	if n.comfyUI != "" {
		l.ComfyUI = append(l.ComfyUI, n.comfyUI)
	}
	for _, alias := range e.Aliases {
		switch {
		case strings.HasSuffix(alias, "Scheduler"):
			l.Diffusers = append(l.Diffusers, alias)
		case strings.HasSuffix(alias, "_gpu"): // ComfyUI's, with noise from the GPU
			l.ComfyUI = append(l.ComfyUI, alias)
		case alias != n.comfyUI && !strings.EqualFold(alias, n.a1111):
			l.Aliases = append(l.Aliases, alias)
		}
	}
	for _, o := range e.Schema() {
		l.Options = append(l.Options, optionLine{o, flagOf(o)})
		if o.Name == "eta" || o.Name == "s-churn" {
			l.NoiseOption = o.Name
		}
	}
	noise, err := stochastic(e)
	if err != nil {
		return l, err
	}
	l.Stochastic = noise == "in each step"
	if l.Evaluations, err = evaluations(e, n.steps()); err != nil {
		return l, err
	}
	l.PerStep, err = perStep(e, n.steps())
	return l, err
}

// perStep counts the evaluations of a step between the two largest of some numbers of steps.
func perStep(e sampler.Entry, steps []int) (float64, error) {
	var n [2]int
	last := steps[len(steps)-2:]
	for i, s := range last {
		p, err := galleryPlan(e, s)
		if err != nil {
			return 0, err
		}
		n[i] = p.Evaluations()
	}
	return float64(n[1]-n[0]) / float64(last[1]-last[0]), nil
}

// noise says whether there is some, in words.
func (l samplerLine) noise() string {
	switch {
	case l.Stochastic && l.NoiseOption != "":
		return "yes, --" + l.NoiseOption
	case l.Stochastic:
		return "yes"
	case l.NoiseOption != "":
		return "with --" + l.NoiseOption
	}
	return "no"
}

func (l samplerLine) order() string {
	if l.Order == 0 {
		return "-"
	}
	return fmt.Sprint(l.Order)
}

func dash(s []string) string {
	if len(s) == 0 {
		return "-"
	}
	return strings.Join(s, ", ")
}

// samplerTable writes a line a sampler.
func samplerTable(out io.Writer, lines []samplerLine) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SAMPLER\tORDER\tNOISE\tEVALUATIONS A STEP\tSTEPS\tOPTIONS\tA1111\tCOMFYUI\tDIFFUSERS")
	for _, l := range lines {
		var options []string
		for _, o := range l.Options {
			options = append(options, o.Name)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%.3g\t%d\t%s\t%s\t%s\t%s\n", l.Name, l.order(), l.noise(), l.PerStep, l.Steps,
			dash(options), dash(l.A1111), dash(l.ComfyUI), dash(l.Diffusers))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, "`cudiffuse samplers NAME` describes the options of one.")
	return err
}

// print writes all there is to say of a sampler.
func (l samplerLine) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s\t%s, arXiv:%s\n", l.Name, l.Title, l.Paper)
	for _, f := range [][2]string{{"A1111", dash(l.A1111)}, {"ComfyUI", dash(l.ComfyUI)}, {"diffusers", dash(l.Diffusers)},
		{"also", dash(l.Aliases)}, {"order", l.order()}, {"noise", l.noise()},
		{"evaluations", l.Evaluations}, {"default steps", fmt.Sprint(l.Steps)}} {
		fmt.Fprintf(w, "  %s\t%s\n", f[0], f[1])
	}
	if len(l.Options) == 0 {
		fmt.Fprintln(w, "  options\tnone")
	}
	for _, o := range l.Options {
		fmt.Fprintf(w, "  %s\t%s\n", o.Flag, optionText(o.OptionSchema))
	}
	return w.Flush()
}

// optionText describes an option in a line.
func optionText(o sampler.OptionSchema) string {
	kind := string(o.Type)
	if o.Unit != "" {
		kind += " in " + o.Unit
	}
	if o.Min != nil {
		kind += ", " + o.Range()
	}
	return fmt.Sprintf("%s (%s; default %v)", o.About, kind, o.Default)
}
