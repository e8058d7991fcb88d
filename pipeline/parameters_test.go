package pipeline_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/pipeline"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

func pick[T any](r *rand.Rand, v ...T) T { return v[r.IntN(len(v))] }

// randomParameters returns parameters as results have them: every default filled in.
func randomParameters(r *rand.Rand) pipeline.Parameters {
	num := func() float64 { return pick(r, 0, 0, 1, 0.1, -3.25, 1e-300, math.MaxFloat64, r.NormFloat64()) }
	name := func() string {
		return pick(r, "fashion", "a, Seed: 5", `"quoted"`, "two\nlines", "ü ∆", "", " x ", "a: b", `back\slash`,
			"Steps: 3", "\x00\xff", `"half`, `"a", `)
	}
	p := pipeline.Parameters{Model: name(), Hash: "0123456789ab", Size: "28x28"}
	p.Sampler, p.Steps = pick(r, sampler.Names()...), 1+r.IntN(1000)
	p.N, p.Seed = 1+r.IntN(100), r.Uint64()
	if p.Guidance = num(); p.Guidance == 0 {
		p.Guidance = 1
	}
	for range r.IntN(4) {
		p.Classes = append(p.Classes, r.IntN(1000))
	}
	if r.IntN(2) == 0 {
		n := r.IntN(1000)
		p.Negative = &n
	}
	p.Schedule = schedule.Curve(r.IntN(4))
	if r.IntN(2) == 0 {
		s := schedule.Spacing(r.IntN(4))
		p.Spacing = &s
	}
	p.Clip, p.Rescale = num(), num()
	p.Threshold = sampler.Threshold{Quantile: num(), Max: num()}
	if r.IntN(2) == 0 {
		eta := num()
		p.Params.Eta = &eta
	}
	p.Params.Churn, p.Params.ChurnMin, p.Params.ChurnMax, p.Params.ChurnNoise = num(), num(), num(), num()
	p.Params.Order = r.IntN(5)
	p.Params.Original, p.Params.KeepEpsilon = r.IntN(3)*25, r.IntN(2) == 0
	p.Extra = map[string]string{"Version": "cudiffuse " + pipeline.Version} // which String adds
	if r.IntN(2) == 0 {
		p.Extra["Layout"], p.Extra["Columns"], p.Extra["Zoom"] = name(), "3", "4"
	}
	return p
}

// TestParametersRoundTrip: what String writes, ParseParameters reads, whatever is in it.
func TestParametersRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for range 2000 {
		p := randomParameters(r)
		text := p.String()
		got, err := pipeline.ParseParameters(text)
		require.NoError(t, err, text)
		require.Equal(t, p, got, text)
		require.LessOrEqual(t, strings.Count(text, "\n"), 2, text)
	}
}

// TestParametersOfResult: the parameters of a result, read back, are a request that repeats it.
func TestParametersOfResult(t *testing.T) {
	p := open(t)
	eta, negative, spacing := 0.5, 4, schedule.Linspace
	for _, r := range []pipeline.Request{
		{Steps: 2, Classes: []int{5}, Seed: math.MaxUint64},
		{Steps: 2, Classes: []int{2, 7}, Sampler: "ddim", Params: sampler.Params{Eta: &eta, KeepEpsilon: true},
			Negative: &negative, Clip: 1, Spacing: &spacing, Guidance: 1.5},
		{Steps: 2, Classes: []int{2}, Sampler: "Euler", Schedule: schedule.KarrasCurve, Guidance: 1,
			Params: sampler.Params{Churn: 1, ChurnMin: 0.01, ChurnMax: 100, ChurnNoise: 1.01}},
		{Steps: 2, Classes: []int{1}, Sampler: "lcm", Params: sampler.Params{Original: 20}},
		{Steps: 2, Classes: []int{4}, Guidance: 6, RNG: "torch-cpu", Rescale: 0.7, Threshold: sampler.Threshold{Quantile: 0.99, Max: 3}},
		{Steps: 3, Classes: []int{4}, Guidance: 6, Guiding: pipeline.Guiding{Type: "apg", Eta: 0.5, Momentum: -0.5}},
	} {
		first := generate(t, p, r)
		like, err := pipeline.ParseParameters(first.Parameters.String())
		require.NoError(t, err)
		second := generate(t, p, like.Request)
		require.Equal(t, first.Parameters.String(), second.Parameters.String())
		for i := range first.Images {
			requireSame(t, first.Images[i].Sample, second.Images[i].Sample, first.Parameters.String())
		}
	}
}

// TestForeignParameters: text of other programs is read as far as it goes.
func TestForeignParameters(t *testing.T) {
	got, err := pipeline.ParseParameters("a cat, (masterpiece)\nNegative prompt: dog\nSteps: 20, Sampler: Euler a, " +
		"CFG scale: 7, Seed: 965400086, Size: 512x512, Model hash: 45dee52b, RNG: NV, Lora hashes: \"a: 1b, c: 2d\", Clip skip: 2")
	require.NoError(t, err)
	require.Equal(t, "Euler a", got.Sampler)
	require.Equal(t, 7.0, got.Guidance)
	require.Equal(t, "torch-cuda", got.RNG)
	require.Equal(t, map[string]string{"Lora hashes": "a: 1b, c: 2d", "Clip skip": "2"}, got.Extra)
	require.Nil(t, got.Classes)
	for _, bad := range []string{"", "a cat", "Steps: x", "Steps: 1, Seed: -1", "Steps: 1, nonsense", "Steps: 1, CFG scale: 0",
		"Steps: 99999999999999999999", "class one\nSteps: 1", "Negative prompt: class x\nSteps: 1",
		"Steps: 1, Schedule type: none", "Steps: 1, Spacing: none", "Steps: 1, Keep epsilon: 7",
		strings.Repeat("class 1\n", 1<<18)} {
		_, err := pipeline.ParseParameters(bad)
		var e *pipeline.RequestError
		require.ErrorAs(t, err, &e, "%.40q", bad)
		require.Less(t, len(err.Error()), 400)
	}
}

// FuzzParseParameters: no text panics, and what is read is written and read alike.
func FuzzParseParameters(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 5 {
		f.Add(randomParameters(r).String())
	}
	f.Add("Steps: 1, Model: \"a, b\", Clip: NaN, Eta: 0x1p-2")
	f.Add("class 1 2\nclass -1\nNegative prompt: class 3\nSteps: 5, Layout: \"\\n\"")
	f.Add("Steps: 1, Layout: \"a\"b, Zoom: , Columns: \",\"")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := pipeline.ParseParameters(text)
		if err != nil {
			return
		}
		once := p.String()
		q, err := pipeline.ParseParameters(once)
		require.NoError(t, err, once)
		require.Equal(t, once, q.String())
	})
}
