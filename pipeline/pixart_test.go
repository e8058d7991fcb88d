package pipeline_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io/fs"
	"math"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/pipeline"
	"github.com/cudiffuse/cudiffuse/sampler"
)

var pixartFolders = []string{"pixart_alpha", "pixart_sigma"}

// TestPixArtInfo: what diffusers' pipelines have for what a request does not say.
func TestPixArtInfo(t *testing.T) {
	const scheduler = "DPMSolverMultistepScheduler"
	require.Equal(t, pipeline.TextInfo{Name: ".", Class: "PixArtAlphaPipeline", Scheduler: scheduler, Steps: 20, Guidance: 4.5,
		Height: 256, Width: 256, Factor: 2, Latents: 4}, openText(t, "pixart_alpha", nil).Info())
	require.Equal(t, pipeline.TextInfo{Name: ".", Class: "PixArtSigmaPipeline", Scheduler: scheduler, Steps: 20, Guidance: 4.5,
		Height: 16, Width: 16, Factor: 2, Latents: 4}, openText(t, "pixart_sigma", nil).Info())
}

// TestPixArtOldConfig: the published files have the name of an older class.
func TestPixArtOldConfig(t *testing.T) {
	const file = "transformer/config.json"
	config, err := os.ReadFile("testdata/pixart_sigma/" + file)
	require.NoError(t, err)
	old := bytes.Replace(config, []byte("PixArtTransformer2DModel"), []byte("Transformer2DModel"), 1)
	old = bytes.Replace(old, []byte("{"), []byte(`{"num_vector_embeds": null, "only_cross_attention": false, "double_self_attention": false,
		"use_linear_projection": false, `), 1)
	r := pipeline.TextRequest{Prompt: prompt, Steps: 2}
	want, err := openText(t, "pixart_sigma", nil).Generate(t.Context(), r)
	require.NoError(t, err)
	got, err := openText(t, "pixart_sigma", fstest.MapFS{file: &fstest.MapFile{Data: old}}).Generate(t.Context(), r)
	require.NoError(t, err)
	requireSame(t, want.Images[0].Latent, got.Images[0].Latent)
}

// spieceOf is SentencePiece's own file with the pieces of a tokenizer.json.
func spieceOf(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	var file struct{ Model struct{ Vocab [][2]any } }
	require.NoError(t, json.Unmarshal(b, &file))
	var out []byte
	for i, v := range file.Model.Vocab {
		name, score := v[0].(string), float32(v[1].(float64))
		kind := byte(1)
		if i < 3 { // <pad>, </s> and <unk>
			kind = "\x03\x03\x02"[i]
		}
		p := append([]byte{1<<3 | 2, byte(len(name))}, name...)
		p = append(binary.LittleEndian.AppendUint32(append(p, 2<<3|5), math.Float32bits(score)), 3<<3, kind)
		out = append(append(out, 1<<3|2, byte(len(p))), p...)
	}
	return out
}

// TestPixArtSpiece: the published folders have SentencePiece's file alone; without either there is no tokenizer.
func TestPixArtSpiece(t *testing.T) {
	r := pipeline.TextRequest{Prompt: "a photo of a cat", Negative: "blurry, low quality", Steps: 2, Height: 16, Width: 16}
	for _, folder := range pixartFolders {
		want, err := openText(t, folder, nil).Generate(t.Context(), r)
		require.NoError(t, err)
		hidden := without{os.DirFS("testdata/" + folder), "tokenizer/tokenizer.json"}
		own := fstest.MapFS{"tokenizer/spiece.model": {Data: spieceOf(t, "testdata/"+folder+"/tokenizer/tokenizer.json")}}
		p, err := pipeline.OpenTextFS(overlay{hidden, own}, ".", pipeline.Options{Threads: 2})
		require.NoError(t, err)
		got, err := p.Generate(t.Context(), r)
		require.NoError(t, err)
		requireSame(t, want.Images[0].Latent, got.Images[0].Latent)
		require.NoError(t, p.Close())
		_, err = pipeline.OpenTextFS(hidden, ".", pipeline.Options{})
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.ErrorContains(t, err, "tokenizer.json")
	}
}

// TestPixArtSamplers: samplers of noise run by name, several images are those of their seeds, and the parameters repeat
// an image; case and white space around a prompt are nothing to the text.
func TestPixArtSamplers(t *testing.T) {
	for _, folder := range pixartFolders {
		p := openText(t, folder, nil)
		r := pipeline.TextRequest{Prompt: "A Cat", Negative: "blurry", Seed: 5, Steps: 4, Height: 16, Width: 24, N: 2}
		first, err := p.Generate(t.Context(), r)
		require.NoError(t, err)
		for _, name := range []string{"dpmpp_2m", "euler_ancestral", "unipc"} {
			r.Sampler = name
			own, err := p.Generate(t.Context(), r)
			require.NoError(t, err, name)
			require.NotEqual(t, first.Images[0].Latent, own.Images[0].Latent, name)
			parameters, err := pipeline.ParseTextParameters(own.Parameters.String())
			require.NoError(t, err)
			parameters.N, parameters.Seed, parameters.Prompt = 1, 6, " a cat "
			again, err := p.Generate(t.Context(), parameters.TextRequest)
			require.NoError(t, err)
			requireSame(t, own.Images[1].Latent, again.Images[0].Latent)
		}
	}
}

// TestPixArtDropped: T5's tokens are the only ones.
func TestPixArtDropped(t *testing.T) {
	long := strings.Repeat("cat ", 600)
	require.Equal(t, 600-119, openText(t, "pixart_alpha", nil).Dropped(long))
	require.Equal(t, 600-299, openText(t, "pixart_sigma", nil).Dropped(long))
}

// TestPixArtErrors: what these models do not take, and parts that do not fit.
func TestPixArtErrors(t *testing.T) {
	for _, c := range []struct {
		field string
		r     pipeline.TextRequest
	}{
		{"image", pipeline.TextRequest{Image: ramp(16, 16)}},
		{"control", pipeline.TextRequest{Control: ramp(16, 16)}},
		{"syntax", pipeline.TextRequest{Syntax: pipeline.SyntaxA1111}},
		{"pag scale", pipeline.TextRequest{PAGScale: 3}},
		{"clip skip", pipeline.TextRequest{ClipSkip: 1}},
		{"size", pipeline.TextRequest{Height: 18}},
		{"sampler", pipeline.TextRequest{Params: sampler.Params{Churn: 1}}},
	} {
		_, err := openText(t, "pixart_sigma", nil).Generate(t.Context(), c.r)
		var request *pipeline.RequestError
		require.ErrorAs(t, err, &request, "%+v", c.r)
		require.Equal(t, c.field, request.Field, err)
	}
	for want, files := range map[string]fstest.MapFS{
		"DPMSolverMultistepScheduler": schedulerFile(`{"_class_name": "FlowMatchEulerDiscreteScheduler"}`),
		"tokenizer":                   {"tokenizer/tokenizer.json": &fstest.MapFile{Data: []byte(`{}`)}},
		"text_encoder":                {"text_encoder/config.json": &fstest.MapFile{Data: []byte(`{}`)}},
		"norm_type":                   {"transformer/config.json": &fstest.MapFile{Data: []byte(`{"_class_name": "Transformer2DModel"}`)}},
	} {
		_, err := tryText(t, "pixart_sigma", files)
		var open *pipeline.OpenError
		require.ErrorAs(t, err, &open, want)
		require.ErrorContains(t, err, want)
	}
	for part, want := range map[string]string{"vae": "latents of channels", "text_encoder": "features of a token"} {
		from := map[string]string{"vae": "sd3/vae", "text_encoder": "../../model/testdata/t5_text"}[part]
		_, err := pipeline.OpenTextFS(mounted{os.DirFS("testdata/pixart_sigma"), map[string]string{part: "testdata/" + from}}, ".",
			pipeline.Options{})
		require.ErrorContains(t, err, want)
	}
}
