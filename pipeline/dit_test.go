package pipeline_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io/fs"
	"math"
	"os"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/model/safetensors"
	"github.com/cudiffuse/cudiffuse/pipeline"
)

func openDiT(t testing.TB, files fstest.MapFS) *pipeline.Pipeline {
	t.Helper()
	p, err := pipeline.OpenFS(overlay{os.DirFS("testdata/dit"), files}, ".", pipeline.Options{Threads: 2})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

// TestDiTMatchesDiffusers: the calls of make_dit.py give diffusers' latents and pixels, with the sampler, the
// classes, the seeds and the guidance of each.
func TestDiTMatchesDiffusers(t *testing.T) {
	b, err := os.ReadFile("testdata/dit/calls.json")
	require.NoError(t, err)
	var calls map[string]struct {
		Classes  []int   `json:"class_labels"`
		Guidance float64 `json:"guidance_scale"`
		Steps    int     `json:"num_inference_steps"`
		Seed     uint64  `json:"seed"`
	}
	require.NoError(t, json.Unmarshal(b, &calls))
	require.Len(t, calls, 3)
	f, err := safetensors.Open("testdata/dit/golden.safetensors")
	require.NoError(t, err)
	defer f.Close()
	p := openDiT(t, nil)
	for name, c := range calls {
		r := pipeline.Request{Classes: c.Classes, Guidance: c.Guidance, Steps: c.Steps, Seed: c.Seed, RNG: "torch-cpu",
			Sampler: "ddim"}
		previews := 0
		res, err := p.GenerateFunc(t.Context(), r, func(s pipeline.Step) error {
			img, err := s.Preview(0)
			require.NoError(t, err)
			require.Equal(t, 16, img.Bounds().Dx())
			previews++
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, c.Steps, previews)
		var latents, decoded []float32
		for i, img := range res.Images {
			require.Equal(t, c.Classes[i], img.Class)
			latents, decoded = append(latents, img.Latent...), append(decoded, img.Sample...)
		}
		for k, got := range map[string][]float32{".latents": latents, ".decoded": decoded} {
			want := floats(t, f, name+k)
			require.Len(t, got, len(want))
			off, top := 0.0, 0.0
			for i, v := range got {
				off = max(off, math.Abs(float64(v-want[i])))
				top = max(top, math.Abs(float64(want[i])))
			}
			t.Logf("%s%s: largest difference %.2g of numbers up to %.2g", name, k, off, top)
			require.LessOrEqual(t, off, 2e-5*max(1, top), name+k)
		}
		require.Equal(t, "16x16", res.Parameters.Size)
	}
}

// TestDiTInfo: the label of no class is the last, names come from id2label with their synonyms.
func TestDiTInfo(t *testing.T) {
	p := openDiT(t, nil)
	in := p.Info()
	require.Len(t, in.ClassNames, 1000)
	in.ClassNames = nil
	require.Equal(t, pipeline.Info{Name: ".", Classes: 1001, NoClass: 1000, Sampler: "dpmpp_2m", Steps: 25, Guidance: 4,
		Height: 16, Width: 16}, in)
	for name, want := range map[string]int{"white shark": 2, "Tinca-Tinca": 0, "great white shark, white shark": 2,
		"1": 1, "999": 999, "1000": 1000, "bathroom tissue": 999} {
		got, err := p.ClassLabel(name)
		require.NoError(t, err)
		require.Equal(t, want, got, name)
	}
	for name, want := range map[string]string{"crane": "134 and 517", "shark": "0 to 1000", "1001": "0 to 1000"} {
		_, err := p.ClassLabel(name)
		var e *pipeline.RequestError
		require.ErrorAs(t, err, &e)
		require.Contains(t, e.Want, want)
	}
	require.Equal(t, "no class", p.ClassName(1000))
	require.Equal(t, "3", p.ClassName(3))
	_, err := p.Generate(t.Context(), pipeline.Request{})
	var e *pipeline.RequestError
	require.ErrorAs(t, err, &e, "a thousand classes")
	require.Equal(t, "class", e.Field)
}

// TestDiTFingerprint depends on the autoencoder too.
func TestDiTFingerprint(t *testing.T) {
	b, err := os.ReadFile("testdata/dit/vae/diffusion_pytorch_model.safetensors")
	require.NoError(t, err)
	b[8+binary.LittleEndian.Uint64(b)+2] ^= 0x40 // of the first weight, which is the decoder's
	mark := openDiT(t, nil).Fingerprint()
	require.Equal(t, mark, openDiT(t, nil).Fingerprint())
	other := openDiT(t, fstest.MapFS{"vae/diffusion_pytorch_model.safetensors": &fstest.MapFile{Data: b}})
	require.NotEqual(t, mark, other.Fingerprint())
	b, err = os.ReadFile("testdata/dit/vae/config.json")
	require.NoError(t, err)
	b = bytes.Replace(b, []byte("0.18215"), []byte("0.18216"), 1)
	other = openDiT(t, fstest.MapFS{"vae/config.json": &fstest.MapFile{Data: b}})
	require.NotEqual(t, mark, other.Fingerprint())
}

func TestDiTRefuses(t *testing.T) {
	for name, files := range map[string]fstest.MapFS{
		"id2label":     {"model_index.json": &fstest.MapFile{Data: []byte(`{"id2label": {"1000": "nothing"}}`)}},
		"latents":      {"vae/config.json": &fstest.MapFile{Data: []byte(`{"_class_name": "AutoencoderKL", "latent_channels": 8}`)}},
		"_class_name":  {"transformer/config.json": &fstest.MapFile{Data: []byte(`{"_class_name": "FluxTransformer2DModel"}`)}},
		"no scheduler": {"scheduler/scheduler_config.json": nil},
	} {
		var fsys fs.FS = overlay{os.DirFS("testdata/dit"), files}
		if name == "no scheduler" {
			fsys = without{os.DirFS("testdata/dit"), "scheduler/scheduler_config.json"}
		}
		_, err := pipeline.OpenFS(fsys, ".", pipeline.Options{})
		var e *pipeline.OpenError
		require.ErrorAs(t, err, &e, name)
		if name != "latents" {
			require.ErrorContains(t, err, name)
		}
	}
	_, err := pipeline.Open("testdata/dit/transformer", pipeline.Options{})
	require.ErrorContains(t, err, "DiTTransformer2DModel", "alone it makes no pixels")
}

// without is a file system that lacks a file.
type without struct {
	fs.FS
	name string
}

func (w without) Open(name string) (fs.File, error) {
	if name == w.name {
		return nil, fs.ErrNotExist
	}
	return w.FS.Open(name)
}
