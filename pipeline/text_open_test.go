package pipeline_test

import (
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/pipeline"
)

// farEnd is sd15's vocabulary with an end of text that its encoder does not have.
func farEnd(t *testing.T) string {
	b, err := os.ReadFile("testdata/sd15/tokenizer/vocab.json")
	require.NoError(t, err)
	far := strings.Replace(string(b), `"<|endoftext|>": 586`, `"<|endoftext|>": 5000`, 1)
	require.NotEqual(t, string(b), far)
	return far
}

// TestTextOpenErrors: folders that are not what they say. want is in the error, which is an OpenError.
func TestTextOpenErrors(t *testing.T) {
	long := strings.Repeat(" ", 1<<20+1)
	for name, c := range map[string]struct {
		folder, file, text, want string
	}{
		"no json":     {"sd15", "model_index.json", "{", "model_index.json"},
		"long":        {"sd15", "model_index.json", long, "more than"},
		"class":       {"sd15", "model_index.json", `{"_class_name": "KolorsPipeline"}`, "StableDiffusionXLPipeline"},
		"no class":    {"sd15", "model_index.json", `{}`, "_class_name"},
		"xl as 1":     {"sdxl", "model_index.json", `{"_class_name": "StableDiffusionPipeline"}`, "cross_attention_dim"},
		"1 as xl":     {"sd15", "model_index.json", `{"_class_name": "StableDiffusionXLPipeline"}`, "text_encoder_2"},
		"scheduler":   {"sd15", "scheduler/scheduler_config.json", `{"_class_name": "Magic"}`, "scheduler_config.json"},
		"prediction":  {"sd15", "scheduler/scheduler_config.json", `{"_class_name": "DDIMScheduler", "prediction_type": "x"}`, "prediction_type"},
		"unet":        {"sd15", "unet/config.json", `{"sample_size": "x"}`, "unet/config.json"},
		"vae":         {"sd15", "vae/config.json", `[]`, "vae/config.json"},
		"text":        {"sd15", "text_encoder/config.json", `nothing`, "text_encoder/config.json"},
		"tokenizer":   {"sd15", "tokenizer/vocab.json", "{}", "tokenizer"},
		"long texts":  {"sd15", "tokenizer/tokenizer_config.json", `{"model_max_length": 100}`, "want at most 77, which text_encoder takes"},
		"two lengths": {"sdxl", "tokenizer_2/tokenizer_config.json", `{"model_max_length": 70}`, "tokenizer_2: texts of tokens 70: want 77"},
		"vocabulary":  {"sd15", "tokenizer/vocab.json", farEnd(t), "special token 5000: want one within the 587"},
		"vae weights": {"sd15", "vae/diffusion_pytorch_model.safetensors", "garbage", "vae/diffusion_pytorch_model.safetensors"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := tryText(t, c.folder, fstest.MapFS{c.file: &fstest.MapFile{Data: []byte(c.text)}})
			var open *pipeline.OpenError
			require.ErrorAs(t, err, &open)
			require.ErrorContains(t, err, c.want)
		})
	}
	for _, dir := range []string{"testdata/none", "text_test.go", "testdata"} {
		_, err := pipeline.OpenText(dir, pipeline.Options{})
		var open *pipeline.OpenError
		require.ErrorAs(t, err, &open)
	}
	_, err := pipeline.OpenText("testdata/sd15", pipeline.Options{Device: "gpu"})
	var request *pipeline.RequestError
	require.ErrorAs(t, err, &request)
	require.Equal(t, "device", request.Field)
}

// mounted is a folder with some sub-folders of others.
type mounted struct {
	fs.FS
	at map[string]string
}

func (m mounted) Open(name string) (fs.File, error) {
	top, rest, _ := strings.Cut(name, "/")
	if dir, ok := m.at[top]; ok {
		return os.DirFS(dir).Open(rest)
	}
	return m.FS.Open(name)
}

// TestTextPartsThatDoNotFit: parts of different models are told apart when they are opened, and those that
// fit are taken.
func TestTextPartsThatDoNotFit(t *testing.T) {
	const networks = "../model/testdata/"
	for name, c := range map[string]struct {
		folder, part, from, want string // want "": fits
	}{
		"tiny autoencoder": {"sd15", "vae", networks + "vae_tiny", ""},
		"other latents":    {"sd15", "vae", networks + "vae_flux16", "out_channels 4: want 16"},
		"other text":       {"sd15", "unet", networks + "unet_sd15", "cross_attention_dim"},
		"a pixel network":  {"sd15", "unet", networks + "unet2d_ddpm", "unet/config.json"},
		"no autoencoder":   {"sd15", "vae", networks + "none", "vae/config.json"},
		"no text encoder":  {"sd15", "text_encoder", networks + "none", "text_encoder/config.json"},
		"no sizes":         {"sdxl", "unet", "testdata/sd15/unet", "0 numbers"},
		"other pooled":     {"sdxl", "text_encoder_2", "testdata/sdxl/text_encoder", "pooled features"},
		"no tokenizer":     {"sd15", "tokenizer", networks + "none", "tokenizer/vocab.json"},
	} {
		t.Run(name, func(t *testing.T) {
			at := mounted{os.DirFS("testdata/" + c.folder), map[string]string{c.part: c.from}}
			p, err := pipeline.OpenTextFS(at, ".", pipeline.Options{Threads: 1})
			if c.want == "" {
				require.NoError(t, err)
				defer p.Close()
				res, err := p.Generate(t.Context(), pipeline.TextRequest{Prompt: prompt, Steps: 1})
				require.NoError(t, err)
				require.Equal(t, p.Info().Factor*8, res.Images[0].Bounds().Dx())
				return
			}
			var open *pipeline.OpenError
			require.ErrorAs(t, err, &open)
			require.ErrorContains(t, err, c.want)
		})
	}
}
