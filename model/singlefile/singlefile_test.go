package singlefile_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/model/safetensors"
	"github.com/cudiffuse/cudiffuse/model/singlefile"
)

// TestTensors requires that a file shows exactly the tensors of the folder that it was made of, bit for bit.
func TestTensors(t *testing.T) {
	for name, files := range map[string][]string{
		"sd15": {"unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model", "text_encoder/model"},
		"sd21": {"unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model", "text_encoder/model"},
		"sdxl": {"unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model", "text_encoder/model", "text_encoder_2/model"},
	} {
		f, err := safetensors.Open("testdata/" + name + ".safetensors")
		require.NoError(t, err)
		dir := os.DirFS(pipelines + name)
		d, err := singlefile.New(f, folderConfigs(t, pipelines+name), dir)
		require.NoError(t, err)
		for _, file := range files {
			want, err := safetensors.OpenFS(dir, file+".safetensors")
			require.NoError(t, err)
			got, err := safetensors.OpenFS(d, file+".safetensors")
			require.NoError(t, err)
			require.Len(t, got.Tensors(), len(want.Tensors()), "%s %s", name, file)
			for _, w := range want.Tensors() {
				g, ok := got.Tensor(w.Name)
				if !ok { // transformers 5 saves the encoder without the prefix
					g, ok = got.Tensor("text_model." + w.Name)
				}
				require.True(t, ok, "%s %s: %s", name, file, w.Name)
				require.Equal(t, w.Shape, g.Shape, w.Name)
				require.Equal(t, w.DType, g.DType, w.Name)
				a, err := want.Bytes(w.Name)
				require.NoError(t, err)
				b, err := got.Bytes(g.Name)
				require.NoError(t, err)
				require.True(t, bytes.Equal(a, b), "%s %s: %s", name, file, w.Name)
			}
		}
		require.NoError(t, d.Close())
	}
}

// TestMissingTensor leaves out one tensor of each part: opening the part names it.
func TestMissingTensor(t *testing.T) {
	for _, c := range []struct{ gone, want string }{
		{"model.diffusion_model.middle_block.1.transformer_blocks.0.attn2.to_q.weight", "mid_block.attentions.0.transformer_blocks.0.attn2.to_q.weight"},
		{"first_stage_model.decoder.up.1.block.0.conv1.bias", "decoder.up_blocks.0.resnets.0.conv1.bias"},
		{"cond_stage_model.transformer.text_model.final_layer_norm.bias", "text_model.final_layer_norm.bias"},
	} {
		d, err := without(t, c.gone, nil)
		require.NoError(t, err)
		_, err1 := model.OpenUNetConditionFS(d, "unet")
		_, err2 := model.OpenAutoencoderFS(d, "vae")
		_, err3 := model.OpenCLIPTextFS(d, "text_encoder")
		var e *model.WeightError
		failed := 0
		for _, err := range []error{err1, err2, err3} {
			if err != nil {
				require.ErrorAs(t, err, &e)
				require.Equal(t, c.want, e.Tensor)
				failed++
			}
		}
		require.Equal(t, 1, failed, c.gone)
	}
}

// without is sd15 without the tensors whose names start with a prefix, and with others.
func without(t *testing.T, prefix string, more []safetensors.Data) (*singlefile.Folder, error) {
	f, err := safetensors.Open("testdata/sd15.safetensors")
	require.NoError(t, err)
	defer f.Close()
	data := more
	for _, x := range f.Tensors() {
		if x.DType == safetensors.F32 && (prefix == "" || !strings.HasPrefix(x.Name, prefix)) {
			v, err := f.Float32s(x.Name)
			require.NoError(t, err)
			data = append(data, safetensors.Data{Name: x.Name, Shape: x.Shape, F32: v})
		}
	}
	var b bytes.Buffer
	require.NoError(t, safetensors.Write(&b, data, nil))
	g, err := safetensors.Parse(bytes.NewReader(b.Bytes()), int64(b.Len()), "model.safetensors")
	require.NoError(t, err)
	return singlefile.New(g, folderConfigs(t, pipelines+"sd15"), os.DirFS(pipelines+"sd15"))
}

// TestHostileNames refuses tensors of a part that no model has, and ignores those of no part.
func TestHostileNames(t *testing.T) {
	for _, name := range []string{
		"input_blocks.99999999999999999999.0.in_layers.0.weight", "input_blocks.-1.0.in_layers.0.weight", "input_blocks.01.0.in_layers.0.weight",
		"input_blocks.1.0.in_layers.1.weight", "input_blocks.1.2.norm.weight", "input_blocks.1", "middle_block.3.norm.weight", "out.1.weight",
		"label_emb.0.0.weight", "input_blocks.2.0.in_layers.0.weight", "output_blocks.1.1.conv.scale", "", ".weight", "input_blocks..weight",
	} {
		_, err := without(t, "", []safetensors.Data{{Name: "model.diffusion_model." + name, Shape: []int{1}, F32: []float32{1}}})
		requireError(t, err, singlefile.ErrLayout, "none of the model's")
	}
	for _, name := range []string{"first_stage_model.decoder.up.2.block.0.conv1.weight", "first_stage_model.encoder.up.0.block.0.conv1.weight",
		"first_stage_model.decoder.mid.attn_2.q.weight", "first_stage_model.encoder.down.0.block.x.conv1.weight",
		"first_stage_model.decoder.mid.block_1.conv3.weight", "first_stage_model.encoder", "cond_stage_model.transformer.vision_model.x.weight"} {
		_, err := without(t, "", []safetensors.Data{{Name: name, Shape: []int{1}, F32: []float32{1}}})
		requireError(t, err, singlefile.ErrLayout, "none of the model's")
	}
	_, err := without(t, "", []safetensors.Data{{Name: "embedding_manager.x", Shape: []int{1}, F32: []float32{1}},
		{Name: "first_stage_model.loss.logvar", Shape: []int{1}, F32: []float32{1}}})
	require.NoError(t, err)
}

func TestMissingParts(t *testing.T) {
	for prefix, want := range map[string]string{"model.diffusion_model.": "no network", "first_stage_model.": "no autoencoder",
		"cond_stage_model.": "no text encoder"} {
		_, err := without(t, prefix, nil)
		requireError(t, err, singlefile.ErrMissing, want)
	}
}

func requireError(t *testing.T, err, cause error, text string) {
	t.Helper()
	var e *singlefile.Error
	require.ErrorAs(t, err, &e)
	require.ErrorIs(t, err, cause)
	require.ErrorContains(t, err, text)
	require.Less(t, len(err.Error()), 700)
}

// TestInferRefuses gives Infer files of other models.
func TestInferRefuses(t *testing.T) {
	type m = map[string][]int
	const in = "model.diffusion_model.input_blocks.0.0.weight"
	for _, c := range []struct {
		shapes m
		cause  error
		text   string
	}{
		{m{"x": {1}}, singlefile.ErrLayout, "want a whole model"},
		{m{"lora_unet_mid_block.alpha": {1}}, singlefile.ErrLayout, "LoRA"},
		{m{"down_blocks.0.resnets.0.conv1.weight": {1}}, singlefile.ErrLayout, "give the folder"},
		{m{in: {4}}, singlefile.ErrLayout, "four dimensions"},
		{m{in: {2, 7, 3, 3}}, singlefile.ErrVariant, "upscaler"},
		{m{in: {2, 8, 3, 3}}, singlefile.ErrVariant, "8 channels"},
		{m{in: {2, 4, 3, 3}}, singlefile.ErrLayout, "attn2.to_k"},
		{m{in: {2, 4, 3, 3}, "model.diffusion_model.label_emb.0.0.weight": {1}}, singlefile.ErrMissing, "without its text encoders"},
		{m{in: {2, 4, 3, 3}, "conditioner.embedders.0.model.transformer.resblocks.9.mlp.c_proj.bias": {1}}, singlefile.ErrVariant, "refiner"},
		{m{"model.diffusion_model.joint_blocks.0.context_block.adaLN_modulation.1.bias": {1}}, singlefile.ErrVariant, "Stable Diffusion 3"},
	} {
		_, err := singlefile.Infer(emptyFile(t, c.shapes, nil))
		requireError(t, err, c.cause, c.text)
	}
}

// TestOpenRefuses gives Open what is no such file.
func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		name = filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		return name
	}
	for _, text := range []string{"PK\x03\x04 a ZIP archive of torch.save", "\x80\x02\x8a\nl\xfc\x9cF\xf9 j", "\x80\x04\x95\x01\x00\x00\x00\x00\x00"} {
		_, err := singlefile.Open(write("model.ckpt", text), singlefile.Options{})
		requireError(t, err, singlefile.ErrPickle, "want a .safetensors file")
	}
	for _, text := range []string{"", "GGUF", "\x10\x00\x00\x00\x00\x00\x00\x00{}"} {
		_, err := singlefile.Open(write("short.safetensors", text), singlefile.Options{})
		require.ErrorIs(t, err, safetensors.ErrFormat)
	}
	_, err := singlefile.Open(filepath.Join(dir, "none"), singlefile.Options{})
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = singlefile.Open("testdata/sd15.safetensors", singlefile.Options{Variant: "v3"})
	requireError(t, err, singlefile.ErrVariant, "want v1, v2, v2-base, xl")
	_, err = singlefile.Open("testdata/sd15.safetensors", singlefile.Options{}) // too small for any
	requireError(t, err, singlefile.ErrLayout, "attn2.to_k")
}

// TestTokenizer looks for vocabularies in the folders that people have.
func TestTokenizer(t *testing.T) {
	text := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	for name, c := range map[string]struct {
		fsys  fstest.MapFS
		first string
		other string
	}{
		"flat":   {fstest.MapFS{"vocab.json": text("flat"), "merges.txt": text("m")}, "flat", "flat"},
		"folder": {fstest.MapFS{"tokenizer/vocab.json": text("one"), "vocab.json": text("no")}, "one", "one"},
		"both":   {fstest.MapFS{"tokenizer/vocab.json": text("one"), "tokenizer_2/vocab.json": text("two")}, "one", "two"},
	} {
		d := newXL(t, c.fsys)
		for dir, want := range map[string]string{"tokenizer": c.first, "tokenizer_2": c.other} {
			b, err := fs.ReadFile(d, dir+"/vocab.json")
			require.NoError(t, err, name)
			require.Equal(t, want, string(b), name)
			b, err = fs.ReadFile(d, dir+"/tokenizer_config.json") // not the folder's
			require.NoError(t, err)
			require.True(t, json.Valid(b))
			_, err = d.Open(dir + "/special_tokens_map.json")
			require.ErrorIs(t, err, fs.ErrNotExist)
		}
		_, err := d.Open("../vocab.json")
		require.ErrorIs(t, err, fs.ErrInvalid)
	}
	for _, fsys := range []fs.FS{nil, fstest.MapFS{}, fstest.MapFS{"merges.txt": text("m")}} {
		f, err := safetensors.Open("testdata/sdxl.safetensors")
		require.NoError(t, err)
		_, err = singlefile.New(f, folderConfigs(t, pipelines+"sdxl"), fsys)
		requireError(t, err, singlefile.ErrTokenizer, "--tokenizer DIR")
	}
}

func newXL(t *testing.T, tokens fs.FS) *singlefile.Folder {
	f, err := safetensors.Open("testdata/sdxl.safetensors")
	require.NoError(t, err)
	d, err := singlefile.New(f, folderConfigs(t, pipelines+"sdxl"), tokens)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}
