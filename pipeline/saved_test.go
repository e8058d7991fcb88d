package pipeline_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"image"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/model/bundled"
	"github.com/cudiffuse/cudiffuse/pipeline"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// throughFile sends a run through its binary form.
func throughFile(t testing.TB, r *pipeline.SavedRun) *pipeline.SavedRun {
	t.Helper()
	data, err := r.MarshalBinary()
	require.NoError(t, err)
	back, err := pipeline.ReadSavedRun(iotest.OneByteReader(bytes.NewReader(data)))
	require.NoError(t, err)
	require.Equal(t, r, back)
	return back
}

// saveRun runs a request up to a stage.
func saveRun(t testing.TB, p *pipeline.Pipeline, r pipeline.Request, stage int) *pipeline.SavedRun {
	t.Helper()
	for s, err := range p.Steps(t.Context(), r) {
		require.NoError(t, err)
		if s.Stage == stage {
			saved, err := s.Save()
			require.NoError(t, err)
			return throughFile(t, saved)
		}
	}
	require.Fail(t, "no such stage")
	return nil
}

func saveTextRun(t testing.TB, p *pipeline.TextToImage, r pipeline.TextRequest, stage int) *pipeline.SavedRun {
	t.Helper()
	for s, err := range p.Steps(t.Context(), r) {
		require.NoError(t, err)
		if s.Stage == stage {
			saved, err := s.Save()
			require.NoError(t, err)
			return throughFile(t, saved)
		}
	}
	require.Fail(t, "no such stage")
	return nil
}

// pngs are the files of a result.
func pngs(t testing.TB, res pipeline.Result) (files [][]byte) {
	t.Helper()
	for _, img := range res.Images {
		files = append(files, pngOf(t, img.Image, res.Parameters.String()))
	}
	return files
}

func textPNGs(t testing.TB, res pipeline.TextResult) (files [][]byte) {
	t.Helper()
	for _, img := range res.Images {
		files = append(files, pngOf(t, img.Image, res.Parameters.String()))
	}
	return files
}

func pngOf(t testing.TB, img image.Image, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, pipeline.WritePNG(&b, img, text))
	return b.Bytes()
}

// TestSavedRun: interrupted after any stage, between the stages of a step too, and resumed by another pipeline, a run
// gives the files of one that was not interrupted, with the evaluations that were left.
func TestSavedRun(t *testing.T) {
	p := open(t)
	other, err := pipeline.Bundled(pipeline.Options{Threads: 1})
	require.NoError(t, err)
	defer other.Close()
	for _, r := range []pipeline.Request{
		{Sampler: "dpmpp_2m_sde", Steps: 4, Classes: []int{3, 8}, Seed: 41, RNG: "torch-cpu", Guidance: 3},
		{Sampler: "dpmpp_2m_sde", Steps: 3, Classes: []int{5}, Seed: 1, Brownian: true, Guidance: 1},
		{Sampler: "heun", Steps: 3, Classes: []int{5}, N: 2, Seed: math.MaxUint64, Rescale: 0.7},
		{Sampler: "ddim", Steps: 4, Classes: []int{5}, Guidance: 4, Guiding: pipeline.Guiding{Type: "apg", Momentum: -0.5}},
	} {
		want := generate(t, p, r)
		stages := len(want.Plan.Stages)
		for cut := 1; cut <= stages; cut++ {
			again := r
			again.Resume = saveRun(t, p, r, cut)
			got := generate(t, other, again)
			for i := range want.Images {
				requireSame(t, want.Images[i].Sample, got.Images[i].Sample, r.Sampler, cut)
			}
			require.Equal(t, pngs(t, want), pngs(t, got), "%s after %d", r.Sampler, cut)
			require.Nil(t, got.Parameters.Resume)
			require.Equal(t, want.Evaluations*(stages-cut)/stages, got.Evaluations)
			if cut == stages {
				continue
			}
			for s, err := range other.Steps(t.Context(), again) {
				require.NoError(t, err)
				require.Equal(t, []int{cut + 1, stages}, []int{s.Stage, s.Stages})
				break
			}
		}
	}
}

// TestSavedTextRun: with guidance, a folder's scheduler, parts of an image that stay, a network for in-painting,
// perturbed attention, momentum, a flow.
func TestSavedTextRun(t *testing.T) {
	img, mask := ramp(24, 16), window(24, 16, image.Rect(4, 6, 12, 16))
	for folder, requests := range map[string][]pipeline.TextRequest{
		"sd15": {
			{Prompt: prompt, Negative: "blurry", N: 2, Seed: 40, Steps: 4, Sampler: "dpmpp_2m_sde"},
			{Prompt: prompt, Steps: 3, RNG: "torch-cpu", Guidance: 1},
			{Prompt: prompt, Steps: 4, Sampler: "dpm_2", Image: img, Mask: mask, Strength: 0.75, Seed: 2, N: 2},
			{Prompt: prompt, Steps: 4, Sampler: "euler_ancestral", Image: img, Strength: 0.75},
			{Prompt: prompt, Steps: 3, PAGScale: 3, Sampler: "dpmpp_2m"},
			{Prompt: prompt, Steps: 3, Guiding: pipeline.Guiding{Type: "apg", Momentum: -0.75}, Sampler: "dpmpp_2m"},
		},
		"inpaint": {{Prompt: prompt, Steps: 3, Image: img, Mask: mask, Sampler: "dpmpp_2m_sde", Seed: 6, RNG: "torch-cpu"}},
		"sd3": {
			{Prompt: prompt, Steps: 3, Seed: 9, Height: 16, Width: 24},
			{Prompt: prompt, Steps: 4, Seed: 9, Image: img, Mask: mask, Strength: 0.75},
		},
	} {
		p, other := openText(t, folder, nil), openText(t, folder, nil)
		for _, r := range requests {
			want, err := p.Generate(t.Context(), r)
			require.NoError(t, err)
			stages := len(want.Plan.Stages)
			for cut := 1; cut <= stages; cut++ {
				again := r
				again.Resume = saveTextRun(t, p, r, cut)
				got, err := other.Generate(t.Context(), again)
				require.NoError(t, err)
				for i := range want.Images {
					requireSame(t, want.Images[i].Latent, got.Images[i].Latent, folder, r.Sampler, cut)
				}
				require.Equal(t, textPNGs(t, want), textPNGs(t, got), "%s %s after %d", folder, r.Sampler, cut)
				require.Equal(t, want.Evaluations*(stages-cut)/stages, got.Evaluations)
			}
		}
	}
}

// TestSavedRunRefused: a request that is not that of the run is refused by the name of what differs.
func TestSavedRunRefused(t *testing.T) {
	p := open(t)
	student, err := pipeline.BundledLCM(pipeline.Options{Threads: 1})
	require.NoError(t, err)
	defer student.Close()
	base := pipeline.Request{Sampler: "dpmpp_2m_sde", Steps: 3, Classes: []int{3, 8}, Seed: 41}
	base.Resume = saveRun(t, p, base, 1)
	refused := func(p *pipeline.Pipeline, r pipeline.Request, want string) {
		t.Helper()
		_, err := p.Generate(t.Context(), r)
		var e *pipeline.RequestError
		require.ErrorAs(t, err, &e, want)
		require.Contains(t, err.Error(), want)
	}
	for want, change := range map[string]func(r *pipeline.Request){
		`resume: steps "4": want "3"`:                       func(r *pipeline.Request) { r.Steps = 4 },
		`resume: sampler "ddim": want "dpmpp_2m_sde"`:       func(r *pipeline.Request) { r.Sampler = "ddim" },
		`resume: seed "42": want "41"`:                      func(r *pipeline.Request) { r.Seed = 42 },
		`resume: prompt or classes "class 3": want "class `: func(r *pipeline.Request) { r.Classes = r.Classes[:1] },
		`resume: images per class "2": want "1"`:            func(r *pipeline.Request) { r.N = 2 },
		`resume: cfg scale "7": want "2"`:                   func(r *pipeline.Request) { r.Guidance = 7 },
		`resume: brownian "true": want none`:                func(r *pipeline.Request) { r.Brownian = true },
		"resume: images 2: want 1": func(r *pipeline.Request) {
			r.Resume = &pipeline.SavedRun{Model: r.Resume.Model, Parameters: r.Resume.Parameters, States: r.Resume.States[:1]}
		},
		"resume: stage 4: want one of 0 to 3": func(r *pipeline.Request) {
			s := *r.Resume.States[0]
			s.Stage = 4
			r.Resume = &pipeline.SavedRun{Model: r.Resume.Model, Parameters: r.Resume.Parameters, States: []*sampler.State{&s, &s}}
		},
	} {
		r := base
		change(&r)
		refused(p, r, want)
	}
	refused(student, base, "resume: model ")
	r := base // texts that agree do not make a state fit
	r.Steps = 2
	r.Resume = &pipeline.SavedRun{Model: base.Resume.Model, States: base.Resume.States,
		Parameters: strings.Replace(base.Resume.Parameters, "Steps: 3", "Steps: 2", 1)}
	_, err = p.Generate(t.Context(), r)
	var e *sampler.RequestError
	require.ErrorAs(t, err, &e)
	require.Equal(t, "resume plan", e.Field)

	text := openText(t, "sd15", nil)
	tr := pipeline.TextRequest{Prompt: prompt, Steps: 2, Sampler: "euler", Image: ramp(24, 16)}
	tr.Resume = saveTextRun(t, text, tr, 1)
	for want, change := range map[string]func(r *pipeline.TextRequest){
		"resume: prompt or classes":              func(r *pipeline.TextRequest) { r.Prompt = "a dog" },
		`resume: negative "x": want none`:        func(r *pipeline.TextRequest) { r.Negative = "x" },
		"resume: image, mask or control image":   func(r *pipeline.TextRequest) { r.Image = window(24, 16, image.Rect(0, 0, 4, 4)) },
		`resume: size "16x16": want "24x16"`:     func(r *pipeline.TextRequest) { r.Image = ramp(16, 16) },
		`resume: clip skip "2": want none`:       func(r *pipeline.TextRequest) { r.ClipSkip = 1 },
		`resume: denoising strength "1": want "`: func(r *pipeline.TextRequest) { r.Strength = 1 },
	} {
		r := tr
		change(&r)
		_, err := text.Generate(t.Context(), r)
		var e *pipeline.RequestError
		require.ErrorAs(t, err, &e, want)
		require.Contains(t, err.Error(), want)
	}
	tr.Image = nil
	_, err = openText(t, "sd21", nil).Generate(t.Context(), tr)
	require.ErrorContains(t, err, "resume: model ")

	_, err = pipeline.Step{}.Save()
	require.ErrorIs(t, err, sampler.ErrClosed)
	_, err = pipeline.TextStep{}.Save()
	require.ErrorIs(t, err, sampler.ErrClosed)
}

// smallRun is a run whose binary form is short.
func smallRun(t testing.TB) *pipeline.SavedRun {
	t.Helper()
	s := &sampler.State{Plan: &sampler.Plan{Sampler: "abc", Init: 1, Stages: []sampler.Stage{{X: sampler.Row{X: 1}, Final: true}}},
		Weights: []float64{1}, X: []float32{2, 3}}
	return &pipeline.SavedRun{Model: "0123456789ab", Parameters: "Steps: 1", Pictures: "x", States: []*sampler.State{s, s}}
}

// TestDamagedRuns: a file that is cut short, that was changed in any byte or that goes on is refused.
func TestDamagedRuns(t *testing.T) {
	data, err := smallRun(t).MarshalBinary()
	require.NoError(t, err)
	refused := func(data []byte) {
		t.Helper()
		run := pipeline.SavedRun{Model: "as it was"}
		var e *sampler.StateError
		require.ErrorAs(t, run.UnmarshalBinary(data), &e)
		require.Equal(t, pipeline.SavedRun{Model: "as it was"}, run)
		_, err := pipeline.ReadSavedRun(bytes.NewReader(data))
		require.ErrorAs(t, err, &e)
	}
	for i := range data {
		refused(data[:i])
		b := bytes.Clone(data)
		b[i] ^= 0x40
		refused(b)
	}
	refused(append(bytes.Clone(data), 0))
	_, err = pipeline.ReadSavedRun(iotest.ErrReader(io.ErrClosedPipe))
	require.ErrorIs(t, err, io.ErrClosedPipe)
	for _, r := range []*pipeline.SavedRun{{}, {States: []*sampler.State{nil}}, {States: []*sampler.State{{}}},
		{Parameters: strings.Repeat("x", 2<<20), States: smallRun(t).States}} {
		_, err := r.MarshalBinary()
		var e *sampler.StateError
		require.ErrorAs(t, err, &e)
	}
}

// FuzzSavedRun reads any bytes, as they are and as the body of a run whose length and checksum are right: a typed error,
// or a run that is written as it was read; and what it says of its request is compared without harm.
func FuzzSavedRun(f *testing.F) {
	data, err := smallRun(f).MarshalBinary()
	require.NoError(f, err)
	f.Add(data)
	f.Add(data[20 : len(data)-32])
	p, err := pipeline.OpenFS(bundled.FS(), bundled.Fashion, pipeline.Options{Threads: 1})
	require.NoError(f, err)
	f.Cleanup(func() { _ = p.Close() })
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, b := range [][]byte{data, framedRun(data)} {
			before := allocated()
			run, err := pipeline.ReadSavedRun(bytes.NewReader(b))
			require.Less(t, allocated()-before, uint64(4<<20+100*len(b))) // generous, for the runtime allocates beside us
			if err != nil {
				var e *sampler.StateError
				require.ErrorAs(t, err, &e)
				continue
			}
			again, err := run.MarshalBinary()
			require.NoError(t, err)
			require.Equal(t, b, again)
			run.Model = p.Fingerprint()
			_, err = p.Generate(t.Context(), pipeline.Request{Classes: []int{1}, Steps: 1, Resume: run})
			require.Error(t, err, "it is of another plan")
		}
	})
}

// framedRun puts a head and a checksum around a body.
func framedRun(body []byte) []byte {
	b := append([]byte("cuDiffRn"), 1, 0, 0, 0)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(body)))
	b = append(b, body...)
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}
