package pipeline_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/pipeline"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// refinerCalls are those of make_refiner.py.
func refinerCalls(t testing.TB) (calls map[string]struct {
	call
	At                float64 `json:"at"` // of an ensemble
	Aesthetic         float64 `json:"aesthetic_score"`
	NegativeAesthetic float64 `json:"negative_aesthetic_score"`
}) {
	t.Helper()
	b, err := os.ReadFile("testdata/refiner/calls.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &calls))
	return calls
}

// openEnsemble opens sdxl with its refiner.
func openEnsemble(t testing.TB) *pipeline.TextToImage {
	t.Helper()
	p, err := pipeline.OpenText("testdata/sdxl", pipeline.Options{Threads: 2, Refiner: "testdata/refiner"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

// TestRefinerGolden holds the refiner against diffusers: image-to-image with scores, and after the base, as two calls with
// latents between them and as one.
func TestRefinerGolden(t *testing.T) {
	calls := refinerCalls(t)
	_, f := readCalls(t, "refiner")
	refiner, base, both := openText(t, "refiner", nil), openText(t, "sdxl", nil), openEnsemble(t)
	picture, err := pipeline.Pixels(signed(floats(t, f, "input")), 3, 16, 16)
	require.NoError(t, err)
	for name, c := range calls {
		t.Run(name, func(t *testing.T) {
			r := c.request()
			r.Aesthetic, r.NegativeAesthetic = c.Aesthetic, c.NegativeAesthetic
			equal := func(suffix string, got []float32) {
				d := distance(t, floats(t, f, name+suffix), got)
				t.Logf("%s %.1e", suffix, d)
				require.Less(t, d, 1e-5, suffix)
			}
			if c.At == 0 {
				r.Image, r.Strength = picture, c.Strength
				res, err := refiner.Generate(t.Context(), r)
				require.NoError(t, err)
				equal(".latents", res.Images[0].Latent)
				pixels(t, floats(t, f, name+".image"), res.Images[0])
				return
			}
			first, second, whole := r, r, r
			first.DenoisingEnd, second.DenoisingStart, whole.RefinerSwitch = c.At, c.At, c.At
			res, err := base.Generate(t.Context(), first)
			require.NoError(t, err)
			equal(".base.latents", res.Latents.Samples[0])
			require.EqualValues(t, 1, res.Latents.Alpha, "Euler's scale")
			require.Positive(t, res.Latents.Sigma)
			second.Latents, second.Height, second.Width = res.Latents, 0, 0
			end, err := refiner.Generate(t.Context(), second)
			require.NoError(t, err)
			require.Nil(t, end.Latents)
			equal(".latents", end.Images[0].Latent)
			pixels(t, floats(t, f, name+".image"), end.Images[0])

			stages := 0
			one, err := both.GenerateFunc(t.Context(), whole, func(s pipeline.TextStep) error {
				stages++
				require.Equal(t, stages, s.Stage)
				require.Equal(t, c.Steps, s.Stages)
				_, err := s.Save()
				require.ErrorContains(t, err, "of one model")
				_, err = s.Preview(t.Context(), 0)
				return err
			})
			require.NoError(t, err)
			require.Equal(t, c.Steps, stages)
			requireSame(t, end.Images[0].Latent, one.Images[0].Latent)
			require.Equal(t, res.Evaluations+end.Evaluations, one.Evaluations)
			require.Equal(t, 2*c.Steps, one.Evaluations)
		})
	}
}

func TestRefinerInfo(t *testing.T) {
	info := openText(t, "refiner", nil).Info()
	require.True(t, info.XL)
	require.True(t, info.Aesthetic)
	info = openEnsemble(t).Info()
	require.False(t, info.Aesthetic)
	require.Equal(t, "refiner", info.Refiner)
	require.True(t, pipeline.IsText("testdata/refiner"))
}

// TestEnsembleSamplers: a sampler by name runs in both, multistep ones and those of noise too, in the scale of either; with
// the same model for both, a sampler without history draws what one run draws.
func TestEnsembleSamplers(t *testing.T) {
	both := openEnsemble(t)
	same, err := pipeline.OpenText("testdata/sdxl", pipeline.Options{Threads: 2, Refiner: "testdata/sdxl"})
	require.NoError(t, err)
	defer same.Close()
	for _, name := range []string{"", "euler", "euler_ancestral", "ddim", "dpmpp_2m", "dpmpp_2m_sde", "heun", "dpmpp_sde"} {
		r := pipeline.TextRequest{Prompt: prompt, Steps: 8, Seed: 3, Sampler: name, N: 2, Negative: "blurry"}
		res, err := both.Generate(t.Context(), r)
		require.NoError(t, err, name)
		require.Len(t, res.Images, 2)
		require.EqualValues(t, pipeline.DefaultRefinerSwitch, res.Parameters.RefinerSwitch)
		alone := r
		alone.RefinerSwitch = 1
		own, err := both.Generate(t.Context(), alone)
		require.NoError(t, err, name)
		require.NotEqual(t, own.Images[0].Latent, res.Images[0].Latent, name)
		split, err := same.Generate(t.Context(), r)
		require.NoError(t, err, name)
		far := distance(t, own.Images[1].Latent, split.Images[1].Latent)
		switch name {
		case "", "euler", "ddim":
			require.Less(t, far, 1e-6, name)
		case "euler_ancestral", "dpmpp_2m_sde", "dpmpp_sde": // the noise after the switch is another
			require.Less(t, far, 1., name)
		default:
			require.Less(t, far, 0.05, name)
		}
		// What is written repeats it.
		par, err := pipeline.ParseTextParameters(res.Parameters.String())
		require.NoError(t, err)
		require.Equal(t, "refiner", par.Extra["Refiner"])
		par.N, par.Seed = 1, 4
		again, err := both.Generate(t.Context(), par.TextRequest)
		require.NoError(t, err)
		requireSame(t, res.Images[1].Latent, again.Images[0].Latent)
	}
	// One that ends in another scale than the next begins in.
	r := pipeline.TextRequest{Prompt: prompt, Steps: 20, Seed: 3}
	whole, err := same.Generate(t.Context(), func() pipeline.TextRequest { r := r; r.Sampler, r.RefinerSwitch = "ddim", 1; return r }())
	require.NoError(t, err)
	first := r
	first.Sampler, first.DenoisingEnd, first.RefinerSwitch = "euler", 0.5, 1
	res, err := same.Generate(t.Context(), first)
	require.NoError(t, err)
	r.Sampler, r.DenoisingStart, r.Latents, r.RefinerSwitch = "ddim", 0.5, res.Latents, 1
	end, err := same.Generate(t.Context(), r)
	require.NoError(t, err)
	require.Less(t, distance(t, whole.Images[0].Latent, end.Images[0].Latent), 1e-3, "Euler and DDIM are one method in two scales")
}

// TestEnsembleImage: the base starts from an image.
func TestEnsembleImage(t *testing.T) {
	p := openEnsemble(t)
	res, err := p.Generate(t.Context(), pipeline.TextRequest{Prompt: prompt, Steps: 10, Image: ramp(16, 16), Strength: 0.6})
	require.NoError(t, err)
	require.Equal(t, 2*6, res.Evaluations)
}

// TestRangeErrors: what does not go together.
func TestRangeErrors(t *testing.T) {
	refiner, base, both, flow := openText(t, "refiner", nil), openText(t, "sdxl", nil), openEnsemble(t), openText(t, "sd3", nil)
	latents := func(change func(*pipeline.NoisyLatents)) *pipeline.NoisyLatents {
		l := &pipeline.NoisyLatents{Samples: [][]float32{make([]float32, 4*64)}, Height: 8, Width: 8, Alpha: 1, Sigma: 2}
		change(l)
		return l
	}
	good := latents(func(*pipeline.NoisyLatents) {})
	for i, c := range []struct {
		p     *pipeline.TextToImage
		field string
		r     pipeline.TextRequest
	}{
		{base, "denoising end", pipeline.TextRequest{DenoisingEnd: 1}},
		{base, "denoising end", pipeline.TextRequest{DenoisingEnd: -0.5}},
		{base, "denoising end", pipeline.TextRequest{DenoisingEnd: math.NaN()}},
		{base, "denoising end", pipeline.TextRequest{DenoisingEnd: 0.1, Steps: 2}},
		{base, "denoising end", pipeline.TextRequest{DenoisingEnd: 0.5, Brownian: true}},
		{base, "denoising end", pipeline.TextRequest{DenoisingEnd: 0.5, Image: ramp(16, 16), Mask: ramp(16, 16)}},
		{flow, "denoising end", pipeline.TextRequest{DenoisingEnd: 0.5}},
		{base, "denoising start", pipeline.TextRequest{DenoisingStart: 0.5}},
		{base, "denoising start", pipeline.TextRequest{DenoisingStart: 0.5, DenoisingEnd: 0.4, Latents: good}},
		{base, "denoising start", pipeline.TextRequest{DenoisingStart: 0.9999, Latents: good, Steps: 2}},
		{base, "latents", pipeline.TextRequest{Latents: good}},
		{base, "latents", pipeline.TextRequest{Latents: good, DenoisingStart: 0.5, Image: ramp(16, 16)}},
		{base, "latents", pipeline.TextRequest{Latents: good, DenoisingStart: 0.5, N: 2}},
		{base, "latents", pipeline.TextRequest{Latents: good, DenoisingStart: 0.5, Width: 32}},
		{base, "latents", pipeline.TextRequest{Latents: latents(func(l *pipeline.NoisyLatents) { l.Width = 9 }), DenoisingStart: 0.5}},
		{base, "latents", pipeline.TextRequest{Latents: latents(func(l *pipeline.NoisyLatents) { l.Height = 1 << 40 }), DenoisingStart: 0.5}},
		{base, "latents", pipeline.TextRequest{Latents: latents(func(l *pipeline.NoisyLatents) { l.Alpha = 0 }), DenoisingStart: 0.5}},
		{base, "latents", pipeline.TextRequest{Latents: latents(func(l *pipeline.NoisyLatents) { l.Sigma = math.Inf(1) }), DenoisingStart: 0.5}},
		{base, "latents", pipeline.TextRequest{Latents: latents(func(l *pipeline.NoisyLatents) { l.Samples[0][3] = float32(math.NaN()) }), DenoisingStart: 0.5}},
		{base, "refiner switch", pipeline.TextRequest{RefinerSwitch: 0.5}},
		{both, "refiner switch", pipeline.TextRequest{RefinerSwitch: 1.5}},
		{both, "refiner switch", pipeline.TextRequest{DenoisingEnd: 0.5}},
		{both, "refiner switch", pipeline.TextRequest{Resume: &pipeline.SavedRun{}}},
		{both, "refiner switch", pipeline.TextRequest{Guiding: pipeline.Guiding{Stop: 0.5}}},
		{both, "denoising end", pipeline.TextRequest{Image: ramp(16, 16), Mask: ramp(16, 16)}},
		{both, "denoising start", pipeline.TextRequest{RefinerSwitch: 0.9999, Steps: 2}},
		{base, "aesthetic score", pipeline.TextRequest{Aesthetic: 5}},
		{refiner, "aesthetic score", pipeline.TextRequest{Aesthetic: -1}},
		{refiner, "negative aesthetic score", pipeline.TextRequest{NegativeAesthetic: math.NaN()}},
	} {
		_, err := c.p.Generate(t.Context(), c.r)
		var request *pipeline.RequestError
		require.ErrorAs(t, err, &request, "%d", i)
		require.Equal(t, c.field, request.Field, "%d: %v", i, err)
	}
}

// TestRefinerOpenErrors: models that are none, or not of the same latents.
func TestRefinerOpenErrors(t *testing.T) {
	index := func(score string) fstest.MapFS {
		return fstest.MapFS{"model_index.json": &fstest.MapFile{Data: []byte(`{"_class_name": "StableDiffusionXLImg2ImgPipeline",
			"text_encoder": [null, null], "requires_aesthetics_score": ` + score + `}`)}}
	}
	_, err := tryText(t, "refiner", index("false"))
	require.ErrorContains(t, err, "5 numbers beside the text: want 6")
	_, err = tryText(t, "sdxl", index("true"))
	require.ErrorContains(t, err, "cross_attention_dim")
	for _, other := range []string{"sd3", "sd15", "inpaint", "none"} {
		_, err := pipeline.OpenText("testdata/sdxl", pipeline.Options{Refiner: "testdata/" + other})
		var open *pipeline.OpenError
		require.ErrorAs(t, err, &open, other)
		require.Equal(t, "testdata/"+other, open.Path)
	}
	_, err = pipeline.Open("testdata/dit", pipeline.Options{Refiner: "testdata/refiner"})
	var request *pipeline.RequestError
	require.ErrorAs(t, err, &request)
	require.Equal(t, "Refiner", request.Field)
}

// TestCutSteps: the steps of an image-to-image plan are counted from its own first, so that guidance in the first half of
// them is that.
func TestCutSteps(t *testing.T) {
	res, err := openText(t, "sd15", nil).Generate(t.Context(), pipeline.TextRequest{Prompt: prompt, Image: ramp(16, 16), Strength: 0.5,
		Steps: 8, Guiding: pipeline.Guiding{Stop: 0.5}})
	require.NoError(t, err)
	var guided []bool
	for _, st := range res.Plan.Stages {
		guided = append(guided, st.Guidance == sampler.GuideAll)
	}
	require.Equal(t, []bool{true, true, false, false}, guided)
}

// TestRangeResumed: a run that goes on from latents is saved and resumed without them.
func TestRangeResumed(t *testing.T) {
	p := openText(t, "sdxl", nil)
	r := pipeline.TextRequest{Prompt: prompt, Steps: 8, DenoisingEnd: 0.5, Seed: 2}
	first, err := p.Generate(t.Context(), r)
	require.NoError(t, err)
	r.DenoisingStart, r.DenoisingEnd, r.Latents = 0.5, 0, first.Latents
	var saved *pipeline.SavedRun
	want, err := p.GenerateFunc(t.Context(), r, func(s pipeline.TextStep) error {
		if s.Stage == 2 {
			saved, err = s.Save()
		}
		return err
	})
	require.NoError(t, err)
	r.Latents, r.Resume = nil, saved
	got, err := p.Generate(t.Context(), r)
	require.NoError(t, err)
	requireSame(t, want.Images[0].Latent, got.Images[0].Latent)
}
