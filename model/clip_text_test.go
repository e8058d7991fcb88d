package model

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/cudiffuse/cudiffuse/model/safetensors"
	"github.com/stretchr/testify/require"
)

var clipNames = []string{"clip_text", "clip_text_proj", "clip_text_gelu_eos2"}

// clipGolden is what transformers computed for two texts; penultimate may be nil.
type clipGolden struct {
	ids                       [][]int32
	last, pooled, penultimate []float32
}

func openCLIP(t testing.TB, name string) (*CLIPText, clipGolden) {
	c, err := OpenCLIPText("testdata/" + name)
	require.NoError(t, err)
	f, err := safetensors.Open("testdata/" + name + "/golden.safetensors")
	require.NoError(t, err)
	defer f.Close()
	var g clipGolden
	info, _ := f.Tensor("in.ids")
	ids, err := f.Int64s("in.ids")
	require.NoError(t, err)
	g.ids = make([][]int32, info.Shape[0])
	for i, id := range ids {
		row := i / info.Shape[1]
		g.ids[row] = append(g.ids[row], int32(id))
	}
	for name, dst := range map[string]*[]float32{"out.last": &g.last, "out.pooled": &g.pooled,
		"out.embeds": &g.pooled, "out.hs_m2": &g.penultimate} {
		if has(f, name) {
			*dst, err = f.Float32s(name)
			require.NoError(t, err)
		}
	}
	return c, g
}

// clipBound is 20 times the rounding of transformers' own float32 results, which are
// 3e-7 of the largest number away from float64.
const clipBound = 5e-6

// TestCLIPGolden holds the encoders against transformers: hidden states, both ways to
// find the end of the text, with and without projection.
func TestCLIPGolden(t *testing.T) {
	pool := workers.New(2)
	defer pool.Close()
	for _, name := range clipNames {
		c, g := openCLIP(t, name)
		hidden, pooled, err := c.Encoder(pool).Encode(t.Context(), g.ids)
		require.NoError(t, err)
		require.Len(t, hidden, len(g.last))
		require.Len(t, pooled, len(g.pooled))
		dh, dp := maxDiff(g.last, hidden), maxDiff(g.pooled, pooled)
		t.Logf("%s: max abs difference %.2g, pooled %.2g", name, dh, dp)
		require.LessOrEqual(t, dh, clipBound, name)
		require.LessOrEqual(t, dp, clipBound, name)
		if g.penultimate == nil {
			continue
		}
		raw, err := c.With(TextOptions{Skip: 1, Raw: true})
		require.NoError(t, err)
		hidden, again, err := raw.Encode(t.Context(), g.ids)
		require.NoError(t, err)
		d := maxDiff(g.penultimate, hidden)
		t.Logf("%s: penultimate %.2g", name, d)
		require.LessOrEqual(t, d, clipBound, name)
		sameBits(t, pooled, again, "%s pooled", name)
	}
}

// TestCLIPSkip: with the final norm, a skipped block is the norm of the raw states; all
// blocks skipped are the embeddings.
func TestCLIPSkip(t *testing.T) {
	c, g := openCLIP(t, "clip_text")
	encode := func(o TextOptions) []float32 {
		v, err := c.With(o)
		require.NoError(t, err)
		require.Equal(t, o, v.Options())
		h, _, err := v.Encode(t.Context(), g.ids)
		require.NoError(t, err)
		return h
	}
	param := func(name string) []float32 {
		for i, p := range c.Graph().Params {
			if p.Name == "text_model."+name {
				return c.Weights().Param(ParamID(i))
			}
		}
		t.Fatal(name)
		return nil
	}
	dim := c.HiddenDim()
	raw, normed := encode(TextOptions{Skip: 1, Raw: true}), encode(TextOptions{Skip: 1})
	gamma, beta := param("final_layer_norm.weight"), param("final_layer_norm.bias")
	for at := 0; at < len(raw); at += dim {
		want := layerNorm64(raw[at:at+dim], gamma, beta)
		for i, w := range want {
			require.InDelta(t, w, normed[at+i], 2e-6)
		}
	}
	table, positions := param("embeddings.token_embedding.weight"), param("embeddings.position_embedding.weight")
	first := encode(TextOptions{Skip: 3, Raw: true})
	for i, v := range first {
		row, p, d := i/(77*dim), i/dim%77, i%dim
		require.Equal(t, table[int(g.ids[row][p])*dim+d]+positions[p*dim+d], v)
	}
	for _, skip := range []int{-1, 4} {
		_, err := c.With(TextOptions{Skip: skip})
		var e *InputError
		require.ErrorAs(t, err, &e)
		require.Equal(t, "Skip", e.Input)
	}
}

// TestCLIPCausal: what follows has no effect on a token, and a text may be shorter than
// the longest. A row has the same bits alone and in a batch, with any number of threads.
func TestCLIPCausal(t *testing.T) {
	c, g := openCLIP(t, "clip_text_proj")
	whole, pooled, err := c.Encode(t.Context(), g.ids)
	require.NoError(t, err)
	pool := workers.New(3)
	defer pool.Close()
	enc := c.Encoder(pool)
	at, dim := len(whole)/2, c.HiddenDim()
	for row := range 2 {
		h, p, err := enc.Encode(t.Context(), g.ids[row:row+1])
		require.NoError(t, err)
		sameBits(t, whole[row*at:(row+1)*at], h, "row %d", row)
		sameBits(t, pooled[row*c.PooledDim():][:c.PooledDim()], p, "row %d", row)
	}
	for _, n := range []int{8, 15, 16, 17, 33, 76} { // about the 16 queries of a block
		h, p, err := enc.Encode(t.Context(), [][]int32{g.ids[0][:n], g.ids[1][:n]})
		require.NoError(t, err)
		for row := range 2 {
			require.LessOrEqual(t, maxDiff(h[row*n*dim:(row+1)*n*dim], whole[row*at:]), 1e-6, n)
		}
		require.LessOrEqual(t, maxDiff(pooled, p), 1e-6, n)
	}
}

// TestCLIPPooledToken: both conventions, and texts without an end.
func TestCLIPPooledToken(t *testing.T) {
	first, _ := openCLIP(t, "clip_text")
	legacy, _ := openCLIP(t, "clip_text_gelu_eos2")
	for _, x := range []struct {
		c    *CLIPText
		ids  []int32
		want int
	}{
		{first, []int32{598, 3, 599, 599}, 2}, {first, []int32{599}, 0}, {first, []int32{598, 3, 7}, -1},
		{legacy, []int32{598, 3, 599, 599}, 2}, {legacy, []int32{3, 2, 9, 9, 2}, 2},
		{first, nil, -1}, {legacy, nil, -1},
	} {
		at, err := x.c.PooledToken(x.ids)
		if x.want < 0 {
			var e *InputError
			require.ErrorAs(t, err, &e, "%v", x.ids)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, x.want, at, "%v", x.ids)
	}
}

// TestCLIPRefuses: tokens outside the vocabulary, texts of different or too great length,
// and a context that is done.
func TestCLIPRefuses(t *testing.T) {
	c, g := openCLIP(t, "clip_text")
	for name, ids := range map[string][][]int32{
		"none": {}, "empty": {{}}, "lengths": {{598, 599}, {598, 1, 599}},
		"negative": {{598, -1, 599}}, "large": {{598, 600, 599}}, "no end": {{598, 5}},
	} {
		_, _, err := c.Encode(t.Context(), ids)
		var e *InputError
		require.ErrorAs(t, err, &e, name)
	}
	_, _, err := c.Encode(t.Context(), [][]int32{append(g.ids[0], 599)})
	var s *ShapeError
	require.ErrorAs(t, err, &s)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err = c.Encode(ctx, g.ids)
	require.ErrorIs(t, err, context.Canceled)

	ex, err := c.CompileTokens(1, 4, nil)
	require.NoError(t, err)
	require.Equal(t, Shape{4, 32, 1}, ex.OutShape())
	in := Inputs{TokenIDs: []int64{598, 1, 2, 599}, TokenIndex: []int64{4}}
	outs := [][]float32{make([]float32, 4*32), make([]float32, 32)}
	var e *InputError
	require.ErrorAs(t, ex.RunAll(t.Context(), 1, in, outs), &e)
	require.Equal(t, "TokenIndex", e.Input)
	in.TokenIndex[0] = 3
	require.ErrorAs(t, ex.Run(t.Context(), 1, in, outs[0]), &e, "one slice for two outputs")
	require.NoError(t, ex.RunAll(t.Context(), 1, in, outs))
}

// TestCLIPConfig: values that are not supported are named.
func TestCLIPConfig(t *testing.T) {
	for text, key := range map[string]string{
		`{"architectures": ["CLIPModel"]}`:                     "architectures",
		`{"architectures": ["CLIPTextModel", "X"]}`:            "architectures",
		`{"architectures": "CLIPTextModel"}`:                   "architectures",
		`{"model_type": "clip"}`:                               "model_type",
		`{"hidden_act": "gelu_new"}`:                           "hidden_act",
		`{"hidden_act": null}`:                                 "hidden_act",
		`{"hidden_size": 513}`:                                 "num_attention_heads",
		`{"num_attention_heads": 0}`:                           "num_attention_heads",
		`{"num_hidden_layers": 1e9}`:                           "num_hidden_layers",
		`{"vocab_size": 1e30}`:                                 "vocab_size",
		`{"vocab_size": 100}`:                                  "eos_token_id",
		`{"eos_token_id": [1, 2]}`:                             "eos_token_id",
		`{"max_position_embeddings": -1}`:                      "max_position_embeddings",
		`{"layer_norm_eps": 0}`:                                "layer_norm_eps",
		`{"rotary": true}`:                                     "rotary",
		`{"projection_dim": 0.5}`:                              "projection_dim",
		`{"intermediate_size": 999999999}`:                     "intermediate_size",
		`{"dropout": "much"}`:                                  "dropout",
		`{"torch_dtype": 16}`:                                  "torch_dtype",
		`{"eos_token_id": 2, "eos_token_id": 3}`:               "eos_token_id",
		`{"hidden_size": 8, "num_attention_heads": 16384}`:     "num_attention_heads",
		`{"architectures": ["CLIPTextModelWithProjection"]} 1`: "",
	} {
		_, err := parseCLIPTextConfig("config.json", []byte(text))
		var e *ConfigError
		require.ErrorAs(t, err, &e, text)
		require.Equal(t, key, e.Key, text)
	}
	c, err := parseCLIPTextConfig("config.json", []byte(`{"_name_or_path": "x", "torch_dtype": "float16"}`))
	require.NoError(t, err)
	require.Equal(t, CLIPTextConfig{VocabSize: 49408, HiddenSize: 512, IntermediateSize: 2048, ProjectionDim: 512,
		Layers: 12, Heads: 8, MaxTokens: 77, Act: QuickGELU, NormEps: 1e-5, EOS: 49407}, c)
}

// TestCLIPReal counts the weights of the published encoders: of Stable Diffusion 1, and
// the second of Stable Diffusion XL.
func TestCLIPReal(t *testing.T) {
	for _, x := range []struct {
		config string
		params int
	}{
		{`{"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12}`, 123060480},
		{`{"architectures": ["CLIPTextModelWithProjection"], "hidden_size": 1280, "intermediate_size": 5120,
			"num_attention_heads": 20, "num_hidden_layers": 32, "projection_dim": 1280, "hidden_act": "gelu"}`, 694659840},
	} {
		g, err := ParseCLIPText("config.json", []byte(x.config), TextOptions{})
		require.NoError(t, err)
		require.NoError(t, g.Validate())
		n := network{graph: g}
		require.Equal(t, x.params, n.Params())
	}
}

// copyCLIP is copyModel for a text encoder, whose file has another name.
func copyCLIP(t testing.TB, name string, edit func([]safetensors.Data) []safetensors.Data) string {
	dir := t.TempDir()
	config, err := os.ReadFile("testdata/" + name + "/config.json")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.json"), config, 0o644))
	f, err := safetensors.Open("testdata/" + name + "/model.safetensors")
	require.NoError(t, err)
	defer f.Close()
	var data []safetensors.Data
	for _, x := range f.Tensors() {
		v, err := f.Float32s(x.Name)
		require.NoError(t, err)
		data = append(data, safetensors.Data{Name: x.Name, Shape: x.Shape, F32: v})
	}
	require.NoError(t, safetensors.WriteFile(filepath.Join(dir, "model.safetensors"), edit(data), nil))
	return dir
}

// TestCLIPWeightErrors: tensors that do not fit are named with their file; the counter
// that old files carry is no error.
func TestCLIPWeightErrors(t *testing.T) {
	const layer = "text_model.encoder.layers.1."
	for _, x := range []struct {
		want WeightError
		edit func(d []safetensors.Data) []safetensors.Data
	}{
		{WeightError{"model.safetensors", layer + "mlp.fc1.weight", "shape [64 32]", "shape [32 64]", safetensors.ErrShape},
			func(d []safetensors.Data) []safetensors.Data {
				find(d, layer+"mlp.fc1.weight").Shape = []int{32, 64}
				return d
			}},
		{WeightError{"model.safetensors", "text_projection.weight", "shape [24 32]", "nothing", safetensors.ErrMissing},
			func(d []safetensors.Data) []safetensors.Data {
				find(d, "text_projection.weight").Name = "text_model.embeddings.position_ids"
				return d
			}},
		{WeightError{"model.safetensors", "visual_projection.weight", "no such tensor", "one of shape [2]", errUnexpected},
			func(d []safetensors.Data) []safetensors.Data {
				return append(d, safetensors.Data{Name: "visual_projection.weight", Shape: []int{2}, F32: make([]float32, 2)})
			}},
	} {
		_, err := OpenCLIPText(copyCLIP(t, "clip_text_proj", x.edit))
		var e *WeightError
		require.ErrorAs(t, err, &e)
		require.Equal(t, x.want, *e)
	}
	_, err := OpenCLIPText(copyCLIP(t, "clip_text_proj", func(d []safetensors.Data) []safetensors.Data {
		return append(d, safetensors.Data{Name: "text_model.embeddings.position_ids", Shape: []int{1, 77},
			F32: make([]float32, 77)})
	}))
	require.NoError(t, err)
	_, err = OpenCLIPText("testdata/nothing")
	require.True(t, errors.Is(err, os.ErrNotExist))
}

// TestCLIPPlantedFaults: a weight off by a little fails the comparison, wherever it is.
func TestCLIPPlantedFaults(t *testing.T) {
	_, g := openCLIP(t, "clip_text_proj")
	const layer = "text_model.encoder.layers.2."
	for _, name := range []string{"text_model.embeddings.token_embedding.weight",
		"text_model.embeddings.position_embedding.weight", layer + "self_attn.q_proj.weight",
		layer + "self_attn.v_proj.bias", layer + "layer_norm1.weight", layer + "mlp.fc2.bias",
		"text_model.final_layer_norm.bias", "text_projection.weight"} {
		c, err := OpenCLIPText(copyCLIP(t, "clip_text_proj", func(d []safetensors.Data) []safetensors.Data {
			v := find(d, name).F32
			for i := range v {
				v[i] *= 1.02
			}
			return d
		}))
		require.NoError(t, err)
		hidden, pooled, err := c.Encode(t.Context(), g.ids)
		require.NoError(t, err)
		require.Greater(t, max(maxDiff(g.last, hidden), maxDiff(g.pooled, pooled)), 4*clipBound, name)
	}
}
