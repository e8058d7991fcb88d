package diffusers_test

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/model/safetensors"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/sampler/diffusers"
	"github.com/cudiffuse/cudiffuse/sampler/internal/table"
)

// tolerance is relative to the largest element of the final sample.
const tolerance = 1e-9

type goldenCase struct {
	ID        string
	Class     string
	Config    map[string]any
	Steps     int
	Init      float64        `json:"init_noise_sigma"`
	Noise     []int          `json:"noise_calls"`
	SetKwargs map[string]any `json:"set_kwargs"`
	Kwargs    map[string]any `json:"step_kwargs"`
}

type goldens struct {
	file  *safetensors.File
	cases []goldenCase
	noise []float64
}

func readGoldens(t *testing.T) goldens {
	t.Helper()
	b, err := os.ReadFile("testdata/index.json")
	require.NoError(t, err)
	var index struct{ Cases []goldenCase }
	require.NoError(t, json.Unmarshal(b, &index))
	f, err := safetensors.Open("testdata/schedulers.safetensors")
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	noise, err := f.Float64s("noise")
	require.NoError(t, err)
	return goldens{f, index.Cases, noise}
}

// draw returns an entry of the noise bank, as the script that made the trajectories hands them out.
func (g goldens) draw(i int) []float64 {
	const n = 2 * 4 * 8 * 8
	i %= len(g.noise) / n
	return g.noise[i*n : (i+1)*n]
}

// fakeNetwork is the formula in index.json.
func fakeNetwork(x []float64, t float64) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = 0.3*math.Sin(1.7*v+0.01*t) + 0.1*v
	}
	return y
}

// network is that of the case: one that learns the variance has the second formula of index.json behind the first.
func (c goldenCase) network(x []float64, t float64) []float64 {
	y := fakeNetwork(x, t)
	switch c.Config["variance_type"] {
	case "learned":
		for _, v := range x {
			y = append(y, 0.02*(1+math.Cos(v+0.02*t)))
		}
	case "learned_range":
		for _, v := range x {
			y = append(y, 0.5*math.Cos(v+0.02*t))
		}
	}
	return y
}

func (c goldenCase) plan(t *testing.T) (*sampler.Plan, error) {
	t.Helper()
	c.Config["_class_name"] = c.Class
	b, err := json.Marshal(c.Config)
	require.NoError(t, err)
	s, err := diffusers.Parse(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return s.Plan(c.options())
}

func (c goldenCase) options() diffusers.Options {
	num := func(m map[string]any, k string) float64 { v, _ := m[k].(float64); return v }
	list := func(m map[string]any, k string) (out []float64) {
		v, _ := m[k].([]any)
		for _, e := range v {
			out = append(out, e.(float64))
		}
		return out
	}
	o := diffusers.Options{Steps: c.Steps, Timesteps: list(c.SetKwargs, "timesteps"),
		Sigmas: list(c.SetKwargs, "sigmas"), Eta: num(c.Kwargs, "eta"),
		SChurn: num(c.Kwargs, "s_churn"), SMin: num(c.Kwargs, "s_tmin"), SMax: num(c.Kwargs, "s_tmax"),
		SNoise: num(c.Kwargs, "s_noise"), Strength: num(c.SetKwargs, "strength"),
		OriginalSteps: int(num(c.SetKwargs, "original_inference_steps")), Order: int(num(c.Kwargs, "order"))}
	o.JumpLength, o.JumpSamples = int(num(c.SetKwargs, "jump_length")), int(num(c.SetKwargs, "jump_n_sample"))
	o.UseClippedModelOutput, _ = c.Kwargs["use_clipped_model_output"].(bool)
	if mu, ok := c.SetKwargs["mu"].(float64); ok {
		o.Mu = &mu
	}
	if eta, ok := c.Kwargs["eta"].(float64); ok && c.Class == "TCDScheduler" {
		o.Gamma = &eta
	}
	return o
}

// draws returns the noise of a case. The script starts the inverse classes from 0.8 times the first entry.
func (c goldenCase) draws(g goldens) table.Noise {
	if !strings.Contains(c.Class, "Inverse") {
		return g.draw
	}
	return func(i int) []float64 {
		d := slices.Clone(g.draw(i))
		for k := range d {
			d[k] *= 0.8
		}
		return d
	}
}

// independent puts one draw in place of the two parts of a Brownian increment: the script has no Brownian
// motion, and gives a draw of its own to each call.
func independent(p *sampler.Plan) {
	for i := range p.Stages {
		n := &p.Stages[i].X.N
		if n[1] != 0 {
			n[0], n[1] = 0, math.Hypot(n[0], n[1])
		}
	}
}

// run executes p on the batch of two images. A threshold belongs to one image, so each is run alone.
func run(p *sampler.Plan, net table.Network, draw table.Noise) []float64 {
	var out []float64
	for k := range 2 {
		image := func(id int) []float64 {
			d := draw(id)
			return d[k*len(d)/2 : (k+1)*len(d)/2]
		}
		steps := table.Run(p, net, image)
		out = append(out, steps[len(steps)-1]...)
	}
	return out
}

// TestMatchesDiffusers runs each plan in float64 and compares the final sample with diffusers' own.
func TestMatchesDiffusers(t *testing.T) {
	g := readGoldens(t)
	count := map[string]int{}
	for _, c := range g.cases {
		if c.Class == "RePaintScheduler" {
			continue // see TestRePaintMatchesDiffusers
		}
		p, err := c.plan(t)
		require.NoError(t, err, "%s %s %v", c.ID, c.Class, c.Config)
		want, err := g.file.Float64s(c.ID + ".f64.final")
		require.NoError(t, err)
		require.InDelta(t, c.Init, p.Init, 1e-9*c.Init, "%s: initial scale", c.ID)
		if strings.Contains(c.Class, "Inverse") {
			require.Equal(t, c.Steps, p.Steps(), "%s: steps", c.ID)
		}
		if c.Class == "DPMSolverSDEScheduler" {
			independent(p)
		}
		got := run(p, c.network, c.draws(g))
		worst, scale := 0.0, 1e-12
		for i := range want {
			worst = math.Max(worst, math.Abs(got[i]-want[i]))
			scale = math.Max(scale, math.Abs(want[i]))
		}
		limit := tolerance
		if c.Class == "SCMScheduler" {
			limit = 1e-6 // it keeps its timesteps, sines and cosines in float32 whatever the dtype
		}
		if !(worst/scale < limit) {
			t.Errorf("%s %s steps %d %v %v: relative error %.2g", c.ID, c.Class, c.Steps, c.Config, c.Kwargs,
				worst/scale)
		}
		count[c.Class]++
	}
	require.Equal(t, map[string]int{"DDPMScheduler": 42, "DDIMScheduler": 36, "DPMSolverMultistepScheduler": 91,
		"LCMScheduler": 39, "EulerDiscreteScheduler": 37, "EulerAncestralDiscreteScheduler": 19,
		"HeunDiscreteScheduler": 31, "LMSDiscreteScheduler": 34,
		"UniPCMultistepScheduler": 48, "DEISMultistepScheduler": 35, "PNDMScheduler": 26,
		"KDPM2DiscreteScheduler": 21, "KDPM2AncestralDiscreteScheduler": 17,
		"FlowMatchEulerDiscreteScheduler": 15, "TCDScheduler": 36, "IPNDMScheduler": 3,
		"DPMSolverSinglestepScheduler": 59, "EDMEulerScheduler": 8,
		"EDMDPMSolverMultistepScheduler": 20, "FlowMatchHeunDiscreteScheduler": 3,
		"CMStochasticIterativeScheduler": 5, "DDIMInverseScheduler": 12,
		"DPMSolverMultistepInverseScheduler": 30, "SASolverScheduler": 42,
		"DPMSolverSDEScheduler": 21, "CosineDPMSolverMultistepScheduler": 4,
		"FlowMatchLCMScheduler": 2, "SCMScheduler": 1},
		count, "every supported case of the reference is run")
}
