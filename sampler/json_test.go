package sampler_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/sampler"
)

// planJSON is the documented form, written down a second time.
type planJSON struct {
	Sampler     string
	Init        float64
	Evaluations int
	Stages      []struct {
		Step            int
		T, Alpha, Sigma float64
		Eval, Final     bool
		In              float64 `json:"c_in"`
		Skip, Out, Clip float64
		Rows            struct {
			X    map[string]float64
			Base map[string]float64
			Push *struct {
				Slot int
				Row  map[string]float64
			}
		}
		Draws []int
	}
}

// TestPlanJSON: the JSON of a plan holds every number of it.
func TestPlanJSON(t *testing.T) {
	names := sampler.RegisterNames()
	row := func(r sampler.Row) map[string]float64 {
		m := map[string]float64{}
		for i, c := range r.Coefficients() {
			if c != 0 {
				m[names[i]] = c
			}
		}
		return m
	}
	for _, name := range sampler.Names() {
		p := plan(t, name, 3, sampler.Params{}, sampler.WithClip(0.5))
		b, err := json.Marshal(p)
		require.NoError(t, err)
		var got planJSON
		require.NoError(t, json.Unmarshal(b, &got))
		require.Equal(t, p.Sampler, got.Sampler)
		require.Equal(t, p.Init, got.Init)
		require.Equal(t, p.Evaluations(), got.Evaluations)
		require.Len(t, got.Stages, len(p.Stages))
		for i, st := range p.Stages {
			g := got.Stages[i]
			require.Equal(t, []any{st.Step, st.At.T, st.At.Alpha, st.At.Sigma, st.Eval, st.Final, st.At.In,
				st.From.Skip, st.From.Out, st.Clip}, []any{g.Step, g.T, g.Alpha, g.Sigma, g.Eval, g.Final, g.In,
				g.Skip, g.Out, g.Clip})
			require.Equal(t, row(st.X), g.Rows.X)
			require.Equal(t, st.Base != nil, g.Rows.Base != nil)
			if st.Base != nil {
				require.Equal(t, row(*st.Base), g.Rows.Base)
			}
			require.Equal(t, st.Push != nil, g.Rows.Push != nil)
			if st.Push != nil {
				require.Equal(t, st.Slot, g.Rows.Push.Slot)
				require.Equal(t, row(*st.Push), g.Rows.Push.Row)
			}
			require.NotNil(t, g.Draws, "an empty list, not null")
			var draws [2]int
			copy(draws[:], g.Draws)
			require.Equal(t, st.Draws, draws, "%s: each in the place of its register", name)
		}
	}
}

// TestPlanJSONDraws: each draw stands in the place of its register.
func TestPlanJSONDraws(t *testing.T) {
	for want, draws := range map[string][2]int{"[]": {}, "[3]": {3}, "[3,1]": {3, 1}, "[0,2]": {0, 2}} {
		b, err := json.Marshal(&sampler.Plan{Stages: []sampler.Stage{{Draws: draws}}})
		require.NoError(t, err)
		var got struct {
			Stages []struct{ Draws json.RawMessage }
		}
		require.NoError(t, json.Unmarshal(b, &got))
		require.Equal(t, want, string(got.Stages[0].Draws))
	}
}
