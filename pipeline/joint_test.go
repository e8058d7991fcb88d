package pipeline_test

import (
	"encoding/json"
	"image"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/pipeline"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// noT5 is the index of sd3 without T5, as diffusers writes it.
func noT5(t testing.TB) fstest.MapFS {
	t.Helper()
	b, err := os.ReadFile("testdata/sd3/model_index.json")
	require.NoError(t, err)
	var index map[string]any
	require.NoError(t, json.Unmarshal(b, &index))
	index["text_encoder_3"], index["tokenizer_3"] = []any{nil, nil}, []any{nil, nil}
	b, err = json.Marshal(index)
	require.NoError(t, err)
	return fstest.MapFS{"model_index.json": &fstest.MapFile{Data: b}}
}

// jointCalls are the calls of a folder of make_joint.py.
func jointCalls(t testing.TB, folder string) (calls map[string]struct {
	call
	NoT5 bool    `json:"no_t5"`
	Mask bool    `json:"mask"`
	True float64 `json:"true_cfg_scale"`
}) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", folder, "calls.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &calls))
	return calls
}

// jointFolder is a folder of make_joint.py as a file system: sd35 and schnell are transformers with schedulers of their
// own beside the other parts of sd3 and flux.
func jointFolder(folder string) fs.FS {
	base := map[string]string{"sd35": "sd3", "schnell": "flux"}[folder]
	if base == "" {
		return os.DirFS("testdata/" + folder)
	}
	return mounted{os.DirFS("testdata/" + base), map[string]string{"transformer": "testdata/" + folder + "/transformer",
		"scheduler": "testdata/" + folder + "/scheduler"}}
}

func openJoint(t testing.TB, folder string, files fstest.MapFS) *pipeline.TextToImage {
	t.Helper()
	p, err := pipeline.OpenTextFS(overlay{jointFolder(folder), files}, ".", pipeline.Options{Threads: 2})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

// TestJointGolden holds Stable Diffusion 3, 3.5, FLUX.1 dev and schnell, and PixArt against diffusers: from the same seed
// the final latents, what the autoencoder makes of them, and the image; from noise, and those of flows from an image
// and with a mask.
func TestJointGolden(t *testing.T) {
	for folder, n := range map[string]int{"sd3": 16, "flux": 14, "sd35": 3, "schnell": 3, "pixart_alpha": 5, "pixart_sigma": 5} {
		calls := jointCalls(t, folder)
		require.Len(t, calls, n)
		_, f := readCalls(t, folder)
		for name, c := range calls {
			t.Run(folder+"/"+name, func(t *testing.T) {
				files := fstest.MapFS{}
				if c.NoT5 {
					maps.Copy(files, noT5(t))
				}
				if c.Scheduler != "" {
					maps.Copy(files, schedulerFile(c.Scheduler))
				}
				p := openJoint(t, folder, files)
				r, steps := c.request(), c.Steps
				r.TrueGuidance = c.True
				if name == "weighted" {
					r.Syntax = pipeline.SyntaxA1111
				}
				if c.Strength != 0 {
					r.Image, r.Strength = levels(t, floats(t, f, name+".input"), 3, c.call), c.Strength
					steps -= int(float64(c.Steps) - float64(c.Steps)*c.Strength)
				}
				if c.Mask {
					r.Mask = levels(t, floats(t, f, name+".mask"), 1, c.call)
				}
				res, err := p.Generate(t.Context(), r)
				require.NoError(t, err)
				require.Len(t, res.Images, 1)
				img := res.Images[0]
				latents := distance(t, floats(t, f, name+".latents"), img.Latent)
				decoded := distance(t, floats(t, f, name+".decoded"), img.Sample)
				t.Logf("latents %.1e, decoded %.1e", latents, decoded)
				require.Less(t, latents, 1e-5)
				require.Less(t, decoded, 1e-5)
				if _, ok := f.Tensor(name + ".image"); ok {
					pixels(t, floats(t, f, name+".image"), img)
				}
				require.Equal(t, steps, res.Plan.Steps())
				evaluations := res.Plan.Evaluations()
				if folder != "flux" && c.Guidance != 1 || c.True != 0 {
					evaluations *= 2
				}
				require.Equal(t, evaluations, res.Evaluations)
			})
		}
	}
}

// levels is an image of numbers within 0..1.
func levels(t testing.TB, x []float32, channels int, c call) image.Image {
	t.Helper()
	img, err := pipeline.Pixels(signed(x), channels, c.Height, c.Width)
	require.NoError(t, err)
	return img
}

// TestJointInfo: what diffusers' pipelines have for what a request does not say.
func TestJointInfo(t *testing.T) {
	const scheduler = "FlowMatchEulerDiscreteScheduler"
	require.Equal(t, pipeline.TextInfo{Name: ".", Class: "StableDiffusion3Pipeline", Scheduler: scheduler, Steps: 28, Guidance: 7,
		Height: 16, Width: 16, Factor: 2, Latents: 16}, openText(t, "sd3", nil).Info())
	require.Equal(t, pipeline.TextInfo{Name: ".", Class: "FluxPipeline", Scheduler: scheduler, Steps: 28, Guidance: 3.5,
		Height: 256, Width: 256, Factor: 2, Latents: 16, Embedded: true}, openText(t, "flux", nil).Info())
	require.True(t, pipeline.IsText("testdata/sd3"))
	require.True(t, pipeline.IsText("testdata/flux"))
}

// TestJointSamplers: samplers of flows run by name on the scheduler's times, several images are those of their seeds,
// and the parameters repeat an image.
func TestJointSamplers(t *testing.T) {
	for _, folder := range []string{"sd3", "flux"} {
		p := openText(t, folder, nil)
		r := pipeline.TextRequest{Prompt: prompt, Seed: 5, Steps: 4, Height: 16, Width: 24, N: 2}
		own, err := p.Generate(t.Context(), r)
		require.NoError(t, err)
		r.Sampler = "flow_euler"
		euler, err := p.Generate(t.Context(), r)
		require.NoError(t, err)
		requireSame(t, own.Images[1].Latent, euler.Images[1].Latent)
		require.Equal(t, image.Pt(24, 16), euler.Images[0].Bounds().Size())
		for _, name := range []string{"flow_heun", "flow_lcm"} {
			r.Sampler = name
			other, err := p.Generate(t.Context(), r)
			require.NoError(t, err, name)
			require.NotEqual(t, own.Images[0].Latent, other.Images[0].Latent, name)
		}
		parameters, err := pipeline.ParseTextParameters(own.Parameters.String())
		require.NoError(t, err)
		parameters.N, parameters.Seed = 1, 6
		again, err := p.Generate(t.Context(), parameters.TextRequest)
		require.NoError(t, err)
		requireSame(t, own.Images[1].Latent, again.Images[0].Latent)
	}
}

// TestJointDropped: the end of a prompt fits where T5 takes it.
func TestJointDropped(t *testing.T) {
	long := ""
	for range 600 {
		long += "cat "
	}
	with, without, flux := openText(t, "sd3", nil), openText(t, "sd3", noT5(t)), openText(t, "flux", nil)
	require.Equal(t, 600-255, with.Dropped(long))
	require.Equal(t, 600-511, flux.Dropped(long))
	require.Greater(t, without.Dropped(long), 600-77)
	require.LessOrEqual(t, with.Dropped("a cat"), 0)
}

// TestJointErrors: what these models do not take.
func TestJointErrors(t *testing.T) {
	for _, c := range []struct {
		folder, field string
		r             pipeline.TextRequest
	}{
		{"sd3", "image", pipeline.TextRequest{Image: ramp(16, 16), Height: 24}},
		{"sd3", "size", pipeline.TextRequest{Image: ramp(18, 16)}},
		{"flux", "strength", pipeline.TextRequest{Image: ramp(16, 16), Strength: 1.1}},
		{"flux", "exact steps", pipeline.TextRequest{ExactSteps: true}},
		{"sd3", "mask", pipeline.TextRequest{Mask: ramp(16, 16)}},
		{"pixart_sigma", "image", pipeline.TextRequest{Image: ramp(16, 16)}},
		{"sd3", "control", pipeline.TextRequest{Control: ramp(16, 16)}},
		{"sd3", "syntax", pipeline.TextRequest{Syntax: pipeline.SyntaxA1111, Prompt: strings.Repeat("cat ", 256)}},
		{"flux", "syntax", pipeline.TextRequest{Syntax: pipeline.SyntaxA1111, Prompt: strings.Repeat("cat ", 512)}},
		{"flux", "prompt", pipeline.TextRequest{Syntax: pipeline.SyntaxA1111, Prompt: "cat AND dog"}},
		{"flux", "syntax", pipeline.TextRequest{Syntax: "compost"}},
		{"pixart_sigma", "syntax", pipeline.TextRequest{Syntax: pipeline.SyntaxA1111}},
		{"flux", "prompt", pipeline.TextRequest{Syntax: pipeline.SyntaxA1111, Prompt: "cat AND dog", TrueGuidance: 2}},
		{"flux", "prompt", pipeline.TextRequest{Syntax: pipeline.SyntaxA1111, Prompt: "cat :0.5"}},
		{"lcm", "prompt", pipeline.TextRequest{Syntax: pipeline.SyntaxA1111, Prompt: "cat :0.5"}},
		{"flux", "true guidance", pipeline.TextRequest{TrueGuidance: 1}},
		{"flux", "true guidance", pipeline.TextRequest{TrueGuidance: 0.5}},
		{"flux", "true guidance", pipeline.TextRequest{TrueGuidance: -2}},
		{"flux", "true guidance", pipeline.TextRequest{TrueGuidance: math.NaN()}},
		{"flux", "true guidance", pipeline.TextRequest{TrueGuidance: math.Inf(1)}},
		{"flux", "true guidance", pipeline.TextRequest{TrueGuidance: math.Inf(-1)}},
		{"flux", "true guidance", pipeline.TextRequest{TrueGuidance: 1e39}}, // of float32
		{"schnell", "true guidance", pipeline.TextRequest{TrueGuidance: 2}},
		{"lcm", "true guidance", pipeline.TextRequest{TrueGuidance: 2}},
		{"sd3", "true guidance", pipeline.TextRequest{TrueGuidance: 2}},
		{"sd15", "true guidance", pipeline.TextRequest{TrueGuidance: 2}},
		{"sd3", "pag scale", pipeline.TextRequest{PAGScale: 3}},
		{"sd3", "pag layers", pipeline.TextRequest{PAGLayers: []string{"mid"}}},
		{"sd3", "clip skip", pipeline.TextRequest{ClipSkip: 3}},
		{"sd3", "size", pipeline.TextRequest{Height: 18}},
		{"sd3", "size", pipeline.TextRequest{Height: 68}},
		{"sd3", "height", pipeline.TextRequest{Height: 17}},
		{"sd3", "original size", pipeline.TextRequest{Original: image.Pt(1, 1)}},
		{"sd3", "sampler", pipeline.TextRequest{Sampler: "dpmpp_2m"}},
		{"sd3", "sampler", pipeline.TextRequest{Params: sampler.Params{Churn: 1}}},
		{"sd3", "schedule", pipeline.TextRequest{Sampler: "flow_euler", Schedule: schedule.Curve(1)}},
		{"flux", "negative", pipeline.TextRequest{Negative: "blurry"}},
		{"flux", "clip skip", pipeline.TextRequest{ClipSkip: 1}},
		{"flux", "size", pipeline.TextRequest{Width: 18}},
	} {
		_, err := openJoint(t, c.folder, nil).Generate(t.Context(), c.r)
		var request *pipeline.RequestError
		require.ErrorAs(t, err, &request, "%s %+v", c.folder, c.r)
		require.Equal(t, c.field, request.Field, err)
	}
}

// TestJointOpenErrors: parts that do not fit. want is in the error, which is an OpenError.
func TestJointOpenErrors(t *testing.T) {
	file := func(name, text string) fstest.MapFS { return fstest.MapFS{name: &fstest.MapFile{Data: []byte(text)}} }
	for name, c := range map[string]struct {
		folder string
		files  fstest.MapFS
		want   string
	}{
		"sd3 as flux":   {"sd3", file("model_index.json", `{"_class_name": "FluxPipeline"}`), "FluxTransformer2DModel"},
		"flux as sd3":   {"flux", file("model_index.json", `{"_class_name": "StableDiffusion3Pipeline"}`), "SD3Transformer2DModel"},
		"index":         {"sd3", file("model_index.json", `{"_class_name": "StableDiffusion3Pipeline", "text_encoder_3": 3}`), "text_encoder_3"},
		"no T5":         {"flux", file("text_encoder_2/config.json", `{}`), "text_encoder_2"},
		"T5's tokens":   {"sd3", file("tokenizer_3/tokenizer.json", `{}`), "tokenizer_3"},
		"dynamic shift": {"sd3", schedulerFile(`{"_class_name": "FlowMatchEulerDiscreteScheduler", "use_dynamic_shifting": true, "base_image_seq_len": 4096}`), "scheduler_config.json"},
		"shift":         {"sd3", schedulerFile(`{"_class_name": "FlowMatchEulerDiscreteScheduler", "base_shift": "x"}`), "scheduler_config.json"},
		"not a flow":    {"sd3", schedulerFile(`{"_class_name": "DDIMScheduler"}`), "FlowMatchEulerDiscreteScheduler"},
	} {
		_, err := tryText(t, c.folder, c.files)
		var open *pipeline.OpenError
		require.ErrorAs(t, err, &open, name)
		require.ErrorContains(t, err, c.want, name)
	}
	for part, want := range map[string]string{"text_encoder": "joint_attention_dim", "vae": "latents of channels"} {
		_, err := pipeline.OpenTextFS(mounted{os.DirFS("testdata/sd3"), map[string]string{part: "testdata/sd15/" + part}}, ".",
			pipeline.Options{})
		require.ErrorContains(t, err, want)
	}
	var request *pipeline.RequestError
	_, err := pipeline.OpenText("testdata/sd3", pipeline.Options{ControlNet: "testdata/control/controlnet"})
	require.ErrorAs(t, err, &request)
	require.Equal(t, "ControlNet", request.Field)
}
