package pipeline_test

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/pipeline"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// fashion is the bundled model, opened once for all tests.
var fashion = sync.OnceValues(func() (*pipeline.Pipeline, error) {
	return pipeline.Bundled(pipeline.Options{Threads: 2})
})

func open(t testing.TB) *pipeline.Pipeline {
	t.Helper()
	p, err := fashion()
	require.NoError(t, err)
	return p
}

func generate(t *testing.T, p *pipeline.Pipeline, r pipeline.Request) pipeline.Result {
	t.Helper()
	res, err := p.Generate(t.Context(), r)
	require.NoError(t, err)
	return res
}

// requireSame compares samples bit for bit.
func requireSame(t *testing.T, want, got []float32, msg ...any) {
	t.Helper()
	require.Equal(t, len(want), len(got), msg...)
	for i := range want {
		if math.Float32bits(want[i]) != math.Float32bits(got[i]) {
			require.Failf(t, "not the same bits", "at %d: %v, want %v; %v", i, got[i], want[i], msg)
		}
	}
}

// TestZeroRequest: the zero request, but for the number of steps, is one image of each class.
func TestZeroRequest(t *testing.T) {
	res := generate(t, open(t), pipeline.Request{Steps: 1})
	require.Len(t, res.Images, 10)
	for i, img := range res.Images {
		require.Equal(t, i, img.Class)
		require.Equal(t, uint64(i), img.Seed)
		require.Len(t, img.Sample, 28*28)
		require.Equal(t, 28, img.Bounds().Dx())
	}
	require.Equal(t, 10*2*1, res.Evaluations) // guidance 2 is this model's default
	p := res.Parameters
	require.Equal(t, "dpmpp_2m", p.Sampler)
	require.Equal(t, 2.0, p.Guidance)
	require.Equal(t, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, p.Classes)
	require.Equal(t, schedule.Trailing, *p.Spacing)
	require.Equal(t, "28x28", p.Size)
	require.Equal(t, "fashion", p.Model)
	require.Regexp(t, "^[0-9a-f]{12}$", p.Hash)
}

// TestBatchInvariance: image i of a batch is the image sampled alone with Seed+i, whatever the number of
// threads.
func TestBatchInvariance(t *testing.T) {
	p := open(t)
	single, err := pipeline.Bundled(pipeline.Options{Threads: 1})
	require.NoError(t, err)
	defer single.Close()
	for _, name := range []string{"dpmpp_2m_sde", "heun"} {
		r := pipeline.Request{Sampler: name, Steps: 2, Classes: []int{3, 8}, N: 2, Seed: 41}
		batch := generate(t, p, r)
		require.Len(t, batch.Images, 4)
		for i, img := range batch.Images {
			require.Equal(t, r.Seed+uint64(i), img.Seed)
			require.Equal(t, r.Classes[i/2], img.Class)
			alone := generate(t, single, pipeline.Request{Sampler: name, Steps: 2, Classes: []int{img.Class}, Seed: img.Seed})
			requireSame(t, alone.Images[0].Sample, img.Sample, name, i)
		}
		requireSame(t, batch.Images[1].Sample, generate(t, p, r).Images[1].Sample, "again")
	}
}

// TestConcurrentGenerate: a pipeline is shared by goroutines.
func TestConcurrentGenerate(t *testing.T) {
	p := open(t)
	r := pipeline.Request{Steps: 1, Classes: []int{1}}
	want := generate(t, p, r).Images[0].Sample
	var wg sync.WaitGroup
	got := make([]pipeline.Result, 4)
	errs := make([]error, len(got))
	for i := range got {
		wg.Go(func() { got[i], errs[i] = p.Generate(t.Context(), r) })
	}
	wg.Wait()
	for i := range got {
		require.NoError(t, errs[i])
		requireSame(t, want, got[i].Images[0].Sample)
	}
}

// TestSteps: the iterator yields each stage with a preview, and can be left.
func TestSteps(t *testing.T) {
	p := open(t)
	r := pipeline.Request{Steps: 3, Classes: []int{9}, Sampler: "ddim"}
	n := 0
	for s, err := range p.Steps(t.Context(), r) {
		require.NoError(t, err)
		n++
		require.Equal(t, n, s.Stage)
		require.Equal(t, 3, s.Stages)
		preview, err := s.Preview(0)
		require.NoError(t, err)
		now, err := s.Image(0)
		require.NoError(t, err)
		require.Equal(t, preview.Bounds(), now.Bounds())
		if n == 3 {
			require.Equal(t, preview, now, "the last step ends at the prediction")
			require.Equal(t, generate(t, p, r).Images[0].Image, now)
		} else {
			require.NotEqual(t, preview, now)
		}
		_, err = s.Preview(1)
		require.Error(t, err)
	}
	require.Equal(t, 3, n)
	n = 0
	for range p.Steps(t.Context(), r) {
		n++
		break
	}
	require.Equal(t, 1, n)
	_, err := pipeline.Step{}.Preview(0)
	require.ErrorIs(t, err, sampler.ErrClosed)
	_, err = pipeline.Step{}.Image(0)
	require.ErrorIs(t, err, sampler.ErrClosed)
}

// TestInterrupt: a canceled context and an error of the progress function end the run within a step.
func TestInterrupt(t *testing.T) {
	p := open(t)
	r := pipeline.Request{Steps: 20, Classes: []int{0}}
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	res, err := p.GenerateFunc(ctx, r, func(s pipeline.Step) error {
		if calls++; calls == 2 {
			cancel()
		}
		return nil
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, res.Images)
	require.Equal(t, 2, calls)

	stop := errors.New("stop")
	calls = 0
	_, err = p.GenerateFunc(t.Context(), r, func(pipeline.Step) error { calls++; return stop })
	require.ErrorIs(t, err, stop)
	require.Equal(t, 1, calls)

	for s, err := range p.Steps(ctx, r) {
		require.ErrorIs(t, err, context.Canceled)
		_, err = s.Preview(0)
		require.Error(t, err)
	}
}

// TestRequestErrors: each is refused before any work, with the field and what would be right.
func TestRequestErrors(t *testing.T) {
	p := open(t)
	minus, many, nan := -1, 11, math.NaN()
	odd := schedule.Spacing(77)
	for _, c := range []struct {
		r    pipeline.Request
		want string
	}{
		{pipeline.Request{Steps: -1}, "steps -1: want 1 to 1000"},
		{pipeline.Request{Steps: 1001}, "steps 1001: want 1 to 1000"},
		{pipeline.Request{N: -1}, "n -1: want a positive"},
		{pipeline.Request{N: math.MaxInt}, "at most 65536 images"},
		{pipeline.Request{Classes: []int{0, 11}}, "class 11: want 0 to 10 (10 is no class) or one of T-shirt"},
		{pipeline.Request{Classes: []int{-1}}, "class -1: want"},
		{pipeline.Request{Classes: make([]int, pipeline.MaxImages+1)}, "at most 65536 images"},
		{pipeline.Request{Negative: &minus}, "negative -1: want"},
		{pipeline.Request{Negative: &many}, "negative 11: want"},
		{pipeline.Request{Guidance: nan}, "guidance NaN: want a finite number"},
		{pipeline.Request{Guidance: math.Inf(-1)}, "guidance -Inf"},
		{pipeline.Request{Guidance: 1e39}, "guidance 1e+39: want a finite number"},
		{pipeline.Request{Clip: nan}, "clip NaN"},
		{pipeline.Request{Clip: math.Inf(1)}, "clip +Inf"},
		{pipeline.Request{Clip: 1e-60}, "clip 1e-60"},
		{pipeline.Request{Sampler: "nope"}, "unknown sampler"},
		{pipeline.Request{Sampler: "heun", Params: sampler.Params{Eta: &nan}}, "no option eta"},
		{pipeline.Request{Sampler: "ddim", Params: sampler.Params{Eta: &nan}}, "eta NaN: want 0 to 1"},
		{pipeline.Request{Schedule: 99}, "schedule type 99"},
		{pipeline.Request{Spacing: &odd}, "timestep spacing 77"},
		{pipeline.Request{Sampler: "lcm", Steps: 51}, "steps 51: want 1 to 50"},
		{pipeline.Request{Sampler: "lcm", Schedule: schedule.KarrasCurve}, "want normal"},
	} {
		_, err := p.Generate(t.Context(), c.r)
		var request *pipeline.RequestError
		var plan *sampler.PlanError
		require.True(t, errors.As(err, &request) || errors.As(err, &plan), "%T %v", err, err)
		require.ErrorContains(t, err, c.want)
		n := 0
		for s, serr := range p.Steps(t.Context(), c.r) {
			n++
			require.Zero(t, s.Stages)
			require.EqualError(t, serr, err.Error())
		}
		require.Equal(t, 1, n)
	}
}

// TestClassLabel: names and numbers, however they are written.
func TestClassLabel(t *testing.T) {
	p := open(t)
	for name, want := range map[string]int{"T-shirt": 0, "tshirt": 0, "t_SHIRT": 0, "ankle boot": 9, "Ankle-Boot": 9,
		"9": 9, "10": 10} {
		got, err := p.ClassLabel(name)
		require.NoError(t, err, name)
		require.Equal(t, want, got, name)
	}
	for _, bad := range []string{"", "-", "11", "-1", "1.5", "1x", "99999999999999999999", "boot"} {
		_, err := p.ClassLabel(bad)
		var e *pipeline.RequestError
		require.ErrorAs(t, err, &e, bad)
	}
	require.Equal(t, "Bag", p.ClassName(8))
	require.Equal(t, "no class", p.ClassName(10))
	require.Equal(t, "-1", p.ClassName(-1))
}

// TestLCM: the student samples in one step without guidance, with its own defaults.
func TestLCM(t *testing.T) {
	p, err := pipeline.BundledLCM(pipeline.Options{Threads: 2})
	require.NoError(t, err)
	defer p.Close()
	res := generate(t, p, pipeline.Request{Steps: 1, Classes: []int{1}})
	require.Equal(t, 1, res.Evaluations)
	require.Equal(t, "lcm", res.Parameters.Sampler)
	require.Equal(t, 50, res.Parameters.Params.Original)
	require.NotEqual(t, open(t).Fingerprint(), p.Fingerprint())
	require.Equal(t, 4, p.Info().Steps)
	negative := 3
	res = generate(t, p, pipeline.Request{Steps: 1, Classes: []int{1}, Negative: &negative})
	require.Equal(t, 2.0, res.Parameters.Guidance, "a negative class asks for guidance")
}

// TestNotFinite: a network that overflows is an error, not a black image.
func TestNotFinite(t *testing.T) {
	_, err := open(t).Generate(t.Context(), pipeline.Request{Steps: 2, Classes: []int{1}, Guidance: 3e38})
	require.ErrorIs(t, err, pipeline.ErrNotFinite)
}

// TestClose: it may be called twice, and what comes after is served in the caller's thread.
func TestClose(t *testing.T) {
	p, err := pipeline.Bundled(pipeline.Options{Threads: 2})
	require.NoError(t, err)
	r := pipeline.Request{Steps: 1, Classes: []int{1}}
	want := generate(t, p, r)
	require.NoError(t, p.Close())
	require.NoError(t, p.Close())
	requireSame(t, want.Images[0].Sample, generate(t, p, r).Images[0].Sample)
}

// copyTestModel makes a folder of one of the tiny networks, with more files by name.
func copyTestModel(t *testing.T, name string, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tiny")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	for _, f := range []string{"config.json", "diffusion_pytorch_model.safetensors"} {
		b, err := os.ReadFile(filepath.Join("../model/testdata", name, f))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, f), b, 0o644))
	}
	for f, text := range files {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, f)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, f), []byte(text), 0o644))
	}
	return dir
}

// TestOpenUnconditional: a network without classes or schedule has the DDPM schedule and no guidance.
func TestOpenUnconditional(t *testing.T) {
	p, err := pipeline.Open(copyTestModel(t, "unet2d_ddpm", nil), pipeline.Options{Threads: 1})
	require.NoError(t, err)
	defer p.Close()
	require.Equal(t, pipeline.Info{Name: "tiny", NoClass: -1, Sampler: "dpmpp_2m", Steps: 20, Guidance: 1,
		Height: 16, Width: 16}, p.Info())
	res := generate(t, p, pipeline.Request{Steps: 2, N: 2})
	require.Len(t, res.Images, 2)
	require.Equal(t, -1, res.Images[0].Class)
	require.Empty(t, res.Parameters.Classes)
	zero := 0
	for _, c := range []struct {
		r    pipeline.Request
		want string
	}{
		{pipeline.Request{Classes: []int{0}}, "class [0]: want none: the model has no classes"},
		{pipeline.Request{Negative: &zero}, "negative 0: want none: the model has no classes"},
		{pipeline.Request{Guidance: 2}, "guidance 2: want 1"},
	} {
		_, err := p.Generate(t.Context(), c.r)
		require.ErrorContains(t, err, c.want)
	}
	_, err = p.ClassLabel("1")
	require.ErrorContains(t, err, "want none")
}

// TestFingerprint: it changes with the weights and with the schedule.
func TestFingerprint(t *testing.T) {
	seen := []string{}
	for _, files := range []map[string]string{
		nil,
		{"scheduler/scheduler_config.json": `{"_class_name": "DDPMScheduler", "beta_end": 0.03}`},
		{"scheduler/scheduler_config.json": `{"_class_name": "DDPMScheduler", "clip_sample": false}`},
		{"scheduler/scheduler_config.json": `{"_class_name": "DDPMScheduler", "prediction_type": "sample"}`},
		{"model_index.json": `{"_cudiffuse": {"no_class": 3}}`},
	} {
		p, err := pipeline.Open(copyTestModel(t, "unet2d_class", files), pipeline.Options{Threads: 1})
		require.NoError(t, err)
		require.NotContains(t, seen, p.Fingerprint())
		seen = append(seen, p.Fingerprint())
		require.NoError(t, p.Close())
	}
	again, err := pipeline.Open(copyTestModel(t, "unet2d_class", nil), pipeline.Options{Threads: 2})
	require.NoError(t, err)
	defer again.Close()
	require.Equal(t, seen[0], again.Fingerprint())
}

// TestOpenErrors: they say which file, and what would be right.
func TestOpenErrors(t *testing.T) {
	for _, c := range []struct{ network, file, text, want string }{
		{"unet2d_class", "model_index.json", `{`, "model_index.json: unexpected end of JSON"},
		{"unet2d_class", "model_index.json", `{"_cudiffuse": {"no_class": 11}}`, "no_class 11: want 0 to 10"},
		{"unet2d_ddpm", "model_index.json", `{"_cudiffuse": {"class_names": ["a"]}}`, "want at most 0"},
		{"unet2d_ddpm", "scheduler/scheduler_config.json", `{"_class_name": "OtherScheduler"}`,
			`"OtherScheduler" is not supported: want one of CMStochasticIterative`},
		{"unet2d_ddpm", "scheduler/scheduler_config.json", `{"_class_name": "DDIMScheduler", "rescale_betas_zero_snr": true}`,
			"want v_prediction or sample with zero terminal SNR"},
		{"unet2d_ddpm", "scheduler/scheduler_config.json", `{"_class_name": "DDIMScheduler", "prediction_type": "flow_prediction"}`,
			"flow_prediction is not supported yet"},
	} {
		_, err := pipeline.Open(copyTestModel(t, c.network, map[string]string{c.file: c.text}), pipeline.Options{})
		var e *pipeline.OpenError
		require.ErrorAs(t, err, &e, c.want)
		require.ErrorContains(t, err, c.want)
	}
	_, err := pipeline.Bundled(pipeline.Options{Device: "cuda:x"})
	var e *pipeline.RequestError
	require.ErrorAs(t, err, &e)
	_, err = pipeline.OpenFS(os.DirFS("../model/testdata"), "../testdata", pipeline.Options{})
	var c *model.ConfigError
	require.ErrorAs(t, err, &c)
	require.True(t, slices.Contains([]string{"../testdata"}, c.File))
}

// TestModelThresholds: a folder whose scheduler thresholds does so unless the request says otherwise.
func TestModelThresholds(t *testing.T) {
	p, err := pipeline.Open(copyTestModel(t, "unet2d_ddpm", map[string]string{"scheduler/scheduler_config.json": `{
		"_class_name": "DDPMScheduler", "thresholding": true, "dynamic_thresholding_ratio": 0.9, "sample_max_value": 2}`}),
		pipeline.Options{})
	require.NoError(t, err)
	defer p.Close()
	for _, c := range []struct {
		request pipeline.Request
		want    *sampler.Threshold
	}{
		{pipeline.Request{Steps: 1}, &sampler.Threshold{Quantile: 0.9, Max: 2}},
		{pipeline.Request{Steps: 1, Threshold: sampler.Threshold{Quantile: 0.5, Max: 3}}, &sampler.Threshold{Quantile: 0.5, Max: 3}},
		{pipeline.Request{Steps: 1, Clip: 1}, nil},
	} {
		res, err := p.Generate(t.Context(), c.request)
		require.NoError(t, err)
		require.Equal(t, c.want, res.Plan.Threshold)
	}
}
