package pipeline_test

import (
	"encoding/json"
	"image"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/model/safetensors"
	"github.com/cudiffuse/cudiffuse/model/tokenizer"
	"github.com/cudiffuse/cudiffuse/pipeline"
)

// call is a call of a diffusers pipeline, as make_pipelines.py made it.
type call struct {
	Prompt   string  `json:"prompt"`
	Negative string  `json:"negative_prompt"`
	Steps    int     `json:"num_inference_steps"`
	Guidance float64 `json:"guidance_scale"`
	Height   int     `json:"height"`
	Width    int     `json:"width"`
	Seed     uint64  `json:"seed"`
	ClipSkip int     `json:"clip_skip"`
	Rescale  float64 `json:"guidance_rescale"`
	Original [2]int  `json:"original_size"` // height, width
	Crop     [2]int  `json:"crops_coords_top_left"`
	Target   [2]int  `json:"target_size"`

	Strength  float64 `json:"strength"`
	MaskBlur  float64 `json:"mask_blur"`
	Scheduler string  `json:"scheduler"` // in place of the folder's
}

func (c call) request() pipeline.TextRequest {
	point := func(v [2]int) image.Point { return image.Pt(v[1], v[0]) }
	return pipeline.TextRequest{Prompt: c.Prompt, Negative: c.Negative, Steps: c.Steps, Guidance: c.Guidance,
		Height: c.Height, Width: c.Width, Seed: c.Seed, RNG: "torch-cpu", ClipSkip: c.ClipSkip, Rescale: c.Rescale,
		Original: point(c.Original), Crop: point(c.Crop), Target: point(c.Target)}
}

// textFolders are those of make_pipelines.py that need no mask, allFolders all.
var (
	textFolders = []string{"sd15", "sd21", "sdxl", "lcm"}
	allFolders  = []string{"sd15", "sd21", "sdxl", "lcm", "inpaint"}
)

// readCalls returns the calls of a folder by name and the file of their results.
func readCalls(t testing.TB, folder string) (map[string]call, *safetensors.File) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", folder, "calls.json"))
	require.NoError(t, err)
	var calls map[string]call
	require.NoError(t, json.Unmarshal(b, &calls))
	f, err := safetensors.Open(filepath.Join("testdata", folder, "golden.safetensors"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return calls, f
}

func floats(t testing.TB, f *safetensors.File, name string) []float32 {
	t.Helper()
	x, err := f.Float32s(name)
	require.NoError(t, err)
	return x
}

// overlay is a folder with some files replaced.
type overlay struct {
	fs.FS
	files fstest.MapFS
}

func (o overlay) Open(name string) (fs.File, error) {
	if _, ok := o.files[name]; ok {
		return o.files.Open(name)
	}
	return o.FS.Open(name)
}

func schedulerFile(config string) fstest.MapFS {
	return fstest.MapFS{"scheduler/scheduler_config.json": &fstest.MapFile{Data: []byte(config)}}
}

// openText opens a folder of testdata with some files replaced.
func openText(t testing.TB, folder string, files fstest.MapFS) *pipeline.TextToImage {
	t.Helper()
	p, err := tryText(t, folder, files)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

func tryText(t testing.TB, folder string, files fstest.MapFS) (*pipeline.TextToImage, error) {
	t.Helper()
	return pipeline.OpenTextFS(overlay{os.DirFS(filepath.Join("testdata", folder)), files}, ".",
		pipeline.Options{Threads: 2})
}

// TestTextTokens: the tokens of the calls' prompts, which are the condition's first half.
func TestTextTokens(t *testing.T) {
	for _, folder := range allFolders {
		calls, f := readCalls(t, folder)
		for _, suffix := range []string{"", "_2"} {
			if _, ok := f.Tensor("plain.ids" + suffix); !ok && suffix != "" {
				continue
			}
			c, err := tokenizer.Open(os.DirFS("testdata"), folder+"/tokenizer"+suffix)
			require.NoError(t, err)
			for name, call := range calls {
				want, err := f.Int64s(name + ".ids" + suffix)
				require.NoError(t, err)
				var got []int64
				for _, text := range []string{call.Prompt, call.Negative} {
					for _, id := range c.Encode(text) {
						got = append(got, int64(id))
					}
				}
				require.Equal(t, want, got, "%s %s%s", folder, name, suffix)
			}
		}
	}
}

// distance is the largest difference over the largest number wanted.
func distance(t testing.TB, want, got []float32) float64 {
	t.Helper()
	require.Equal(t, len(want), len(got))
	var diff, size float64
	for i := range want {
		diff = max(diff, math.Abs(float64(got[i])-float64(want[i])))
		size = max(size, math.Abs(float64(want[i])))
	}
	return diff / size
}

// TestTextGolden holds whole pipelines against diffusers: from the same seed the final latents, what the
// autoencoder makes of them, and the image.
func TestTextGolden(t *testing.T) {
	for _, folder := range allFolders {
		calls, f := readCalls(t, folder)
		p := openText(t, folder, nil)
		for name, c := range calls {
			t.Run(folder+"/"+name, func(t *testing.T) {
				p := p
				if c.Scheduler != "" {
					p = openText(t, folder, schedulerFile(c.Scheduler))
				}
				if _, ok := f.Tensor(name + ".first"); ok {
					first(t, p, c, floats(t, f, name+".first"))
				}
				r := c.request()
				if r.RNG == "torch-cpu" { // the same start, and what LCM draws later
					r.RNG = "diffusers"
				}
				if _, ok := f.Tensor(name + ".input"); ok {
					var err error
					r.Image, err = pipeline.Pixels(signed(floats(t, f, name+".input")), 3, c.Height, c.Width)
					require.NoError(t, err)
					r.Strength, r.MaskBlur = c.Strength, c.MaskBlur
				}
				if _, ok := f.Tensor(name + ".mask"); ok {
					var err error
					r.Mask, err = pipeline.Pixels(signed(floats(t, f, name+".mask")), 1, c.Height, c.Width)
					require.NoError(t, err)
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
				pixels(t, floats(t, f, name+".image"), img)
			})
		}
	}
}

// first compares the clean sample that the first step predicts.
func first(t *testing.T, p *pipeline.TextToImage, c call, want []float32) {
	for s, err := range p.Steps(t.Context(), c.request()) {
		require.NoError(t, err)
		got, err := s.Denoised(0)
		require.NoError(t, err)
		require.Less(t, distance(t, want, got), 1e-5)
		return
	}
}

// signed takes 0..1 to -1..1.
func signed(x []float32) []float32 {
	for i := range x {
		x[i] = 2*x[i] - 1
	}
	return x
}

// pixels compares an image with diffusers' [3, H, W] within 0..1.
func pixels(t *testing.T, want []float32, img image.Image) {
	size := img.Bounds().Size()
	n := size.X * size.Y
	require.Len(t, want, 3*n)
	for i := range n {
		r, g, b, _ := img.At(i%size.X, i/size.X).RGBA()
		for k, v := range []uint32{r, g, b} {
			require.InDelta(t, float64(want[k*n+i])*255, float64(v>>8), 1, "channel %d of pixel %d", k, i)
		}
	}
}
