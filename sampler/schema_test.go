package sampler_test

import (
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// with returns the Params of one option.
func with(t *testing.T, o sampler.OptionSchema, v float64) (p sampler.Params) {
	t.Helper()
	f := reflect.ValueOf(&p).Elem().FieldByName(o.Field)
	require.True(t, f.IsValid(), "%s: no field %s", o.Name, o.Field)
	switch f.Interface().(type) {
	case *float64:
		f.Set(reflect.ValueOf(&v))
	case float64:
		f.SetFloat(v)
	case int:
		f.SetInt(int64(v))
	case bool:
		f.SetBool(v != 0)
	default:
		require.Fail(t, "an option of type "+f.Type().String())
	}
	return p
}

// eachOption calls f for each option of each sampler.
func eachOption(t *testing.T, f func(e sampler.Entry, o sampler.OptionSchema)) {
	t.Helper()
	for _, name := range sampler.Names() {
		e, err := sampler.Lookup(name)
		require.NoError(t, err)
		for _, o := range e.Schema() {
			f(e, o)
		}
	}
}

// TestSchemaIsWhole: every field of Params is an option of some sampler, with the type that the field has, and all
// of a schema is filled in.
func TestSchemaIsWhole(t *testing.T) {
	fields := map[string]bool{}
	eachOption(t, func(e sampler.Entry, o sampler.OptionSchema) {
		fields[o.Field] = true
		f, ok := reflect.TypeFor[sampler.Params]().FieldByName(o.Field)
		require.True(t, ok)
		want := map[string]sampler.OptionType{"*float64": sampler.NumberOption, "float64": sampler.NumberOption,
			"int": sampler.IntegerOption, "bool": sampler.BooleanOption}[f.Type.String()]
		require.Equal(t, want, o.Type, "%s %s", e.Name, o.Name)
		require.NotEmpty(t, o.About)
		require.Contains(t, e.Options(), o.Name)
		require.Equal(t, o.Type == sampler.BooleanOption, o.Min == nil, o.Name)
		b, err := json.Marshal(o)
		require.NoError(t, err)
		require.Contains(t, string(b), `"default":`)
	})
	for _, f := range reflect.VisibleFields(reflect.TypeFor[sampler.Params]()) {
		require.True(t, fields[f.Name], "no sampler has an option for Params.%s", f.Name)
	}
}

// TestSchemaDefaults: an option at its default gives the plan without it.
func TestSchemaDefaults(t *testing.T) {
	eachOption(t, func(e sampler.Entry, o sampler.OptionSchema) {
		var v float64
		switch d := o.Default.(type) {
		case float64:
			v = d
		case int:
			v = float64(d)
		case bool:
			require.False(t, d, "a field that is not set is false")
		default:
			require.Fail(t, "a default of another type")
		}
		want := plan(t, e.Name, 6, sampler.Params{})
		require.Equal(t, want, plan(t, e.Name, 6, with(t, o, v)), "%s %s", e.Name, o.Name)
	})
}

// TestSchemaBounds: Plan takes what is at a bound and refuses what is beyond it, with the range. 0 of a field that is
// no pointer is an option that is not given.
func TestSchemaBounds(t *testing.T) {
	refused := 0
	eachOption(t, func(e sampler.Entry, o sampler.OptionSchema) {
		beyond := []float64{}
		if o.Min != nil {
			plan(t, e.Name, 1, with(t, o, *o.Min))
			below := *o.Min - 1
			if below == 0 && o.Type == sampler.IntegerOption {
				below = -1
			}
			beyond = append(beyond, below)
		}
		if o.Max != nil {
			plan(t, e.Name, 6, with(t, o, *o.Max))
			beyond = append(beyond, *o.Max+1)
		}
		if o.Type == sampler.NumberOption {
			beyond = append(beyond, math.NaN(), math.Inf(-1))
			if o.Max != nil {
				beyond = append(beyond, math.Nextafter(*o.Max, math.Inf(1)))
			}
		}
		for _, v := range beyond {
			_, err := tryPlan(e.Name, 6, with(t, o, v))
			var pe *sampler.PlanError
			require.ErrorAs(t, err, &pe, "%s %s %v", e.Name, o.Name, v)
			require.ErrorContains(t, err, o.Name)
			require.ErrorContains(t, err, "want "+o.Range())
			refused++
		}
	})
	require.Greater(t, refused, 100)
}

// TestEntryOrder: the order that an entry names is the one that it has, where its noise can be turned off.
func TestEntryOrder(t *testing.T) {
	exact := solve(t, sampler.LMS{}, 1<<13, schedule.VP)
	distance := func(s sampler.Sampler, n int) float64 {
		got := solve(t, s, n, schedule.VP)
		return math.Hypot(got[0]-exact[0], got[1]-exact[1])
	}
	measured := 0
	for _, name := range sampler.Names() {
		e, err := sampler.Lookup(name)
		require.NoError(t, err)
		require.Equal(t, slices.Contains([]string{"lcm", "flow_lcm", "tcd", "consistency"}, name), e.Order() == 0, name)
		var p sampler.Params
		if slices.Contains(e.Options(), "eta") {
			p.Eta = new(float64)
		}
		s, err := e.Sampler(p)
		require.NoError(t, err)
		if u, ok := s.(sampler.UniPC); ok {
			u.KeepOrder = true
			s = u
		}
		if c, err := sampler.New(s, lambdaGrid(t, 4, schedule.VP), schedule.Epsilon); err != nil || c.Draws() > 0 ||
			name == "restart" || name == "repaint" || name == "consistency" || name == "lcm" {
			continue // with noise, from data to noise, or none
		}
		require.InDelta(t, e.Order(), math.Log(distance(s, 128)/distance(s, 512))/math.Log(4), 0.15, name)
		measured++
	}
	require.Greater(t, measured, 35)
}
