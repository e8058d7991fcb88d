package main

import (
	"bytes"
	"encoding/binary"
	"image"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/model/safetensors"
	"github.com/cudiffuse/cudiffuse/pipeline"
)

const (
	testModels = "../../model/testdata"
	weights    = "diffusion_pytorch_model.safetensors"
)

// fixtures is a folder of bad (and some good) files. Its files are named in arguments as @name.
type fixtures struct {
	t   *testing.T
	dir string
}

// expand replaces @name at the start of a value by the path of that fixture.
func (f fixtures) expand(args []string) []string {
	out := slices.Clone(args)
	for i, a := range out {
		out[i] = strings.Replace(a, "@", f.dir+"/", 1)
	}
	return out
}

func (f fixtures) write(name string, data []byte) {
	f.t.Helper()
	path := filepath.Join(f.dir, name)
	require.NoError(f.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(f.t, os.WriteFile(path, data, 0o644))
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return b
}

// model copies a tiny network and changes its files by edit; nil data removes one.
func (f fixtures) model(name, source string, edit map[string][]byte) {
	f.t.Helper()
	for _, file := range []string{"config.json", weights} {
		f.write(filepath.Join(name, file), read(f.t, filepath.Join(testModels, source, file)))
	}
	for file, data := range edit {
		if data == nil {
			require.NoError(f.t, os.Remove(filepath.Join(f.dir, name, file)))
			continue
		}
		f.write(filepath.Join(name, file), data)
	}
}

// editTensors returns the weights of the class-conditional network with their tensors changed.
func (f fixtures) editTensors(edit func([]safetensors.Data) []safetensors.Data) []byte {
	f.t.Helper()
	file, err := safetensors.Open(filepath.Join(testModels, "unet2d_class", weights))
	require.NoError(f.t, err)
	defer file.Close()
	var data []safetensors.Data
	for _, x := range file.Tensors() {
		v, err := file.Float32s(x.Name)
		require.NoError(f.t, err)
		data = append(data, safetensors.Data{Name: x.Name, Shape: x.Shape, F32: v})
	}
	return tensors(f.t, edit(data)...)
}

func tensors(t *testing.T, data ...safetensors.Data) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, safetensors.Write(&b, data, nil))
	return b.Bytes()
}

// rawTensors is a safetensors file with a header of any text.
func rawTensors(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

// badModels writes folders that are not models, each with one fault.
func (f fixtures) badModels() {
	config := string(read(f.t, testModels+"/unet2d_class/config.json"))
	good := read(f.t, filepath.Join(testModels, "unet2d_class", weights))
	one := func(name, file string, data []byte) {
		f.model(name, "unet2d_class", map[string][]byte{file: data})
	}
	replace := func(old, with string) []byte {
		require.Contains(f.t, config, old)
		return []byte(strings.Replace(config, old, with, 1))
	}
	f.model("tiny", "unet2d_class", nil)
	f.model("plain", "unet2d_ddpm", nil)
	f.write("file", []byte("not a folder"))
	f.write("empty/readme", nil)
	one("badjson", "config.json", []byte("{not json"))
	one("otherclass", "config.json", replace("UNet2DModel", "HunyuanDiT2DModel"))
	one("otherblock", "config.json", replace(`"DownBlock2D"`, `"CrossAttnDownBlock2D"`))
	one("otherkey", "config.json", replace(`"act_fn"`, `"act_fun"`))
	one("noweights", weights, nil)
	one("truncated", weights, good[:len(good)-100])
	one("oversized", weights, append(slices.Clone(good), 0, 0, 0, 0))
	one("hugeheader", weights, []byte("\xff\xff\xff\xff\xff\xff\xff\x7f{}"))
	one("overlap", weights, rawTensors(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},`+
		`"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, 12))
	one("wrongshape", weights, f.editTensors(func(d []safetensors.Data) []safetensors.Data {
		i := slices.IndexFunc(d, func(d safetensors.Data) bool { return d.Name == "conv_out.bias" })
		d[i].Shape = []int{1, 1}
		return d
	}))
	one("missing", weights, f.editTensors(func(d []safetensors.Data) []safetensors.Data {
		return slices.DeleteFunc(d, func(d safetensors.Data) bool { return d.Name == "conv_in.bias" })
	}))
	one("extra", weights, f.editTensors(func(d []safetensors.Data) []safetensors.Data {
		return append(d, safetensors.Data{Name: "spare", Shape: []int{1}, F32: []float32{1}})
	}))
	one("escape", weights, nil)
	f.write("outside.safetensors", good)
	require.NoError(f.t, os.Symlink("../outside.safetensors", filepath.Join(f.dir, "escape", weights)))
	one("shards", weights, nil)
	f.write("shards/"+weights+".index.json", []byte(`{"weight_map": {"conv_in.bias": "../evil.safetensors"}}`))
	scheduler := func(name, config string) { one(name, "scheduler/scheduler_config.json", []byte(config)) }
	scheduler("otherscheduler", `{"_class_name": "OtherScheduler"}`)
	scheduler("zerosnr", `{"_class_name": "DDIMScheduler", "rescale_betas_zero_snr": true}`)
	scheduler("flow", `{"_class_name": "DDIMScheduler", "prediction_type": "flow_prediction"}`)
	one("names", "model_index.json", []byte(`{"_cudiffuse": {"no_class": 99}}`))
	one("lines", "model_index.json", []byte(`{"_cudiffuse": {"class_names": ["two\nlines\u001b[2J"]}}`))
}

// badPNGs writes files for --like. hash is the fingerprint of the bundled model.
func (f fixtures) badPNGs(hash string) {
	png := func(text string) []byte {
		var b bytes.Buffer
		require.NoError(f.t, pipeline.WritePNG(&b, image.NewGray(image.Rect(0, 0, 2, 2)), text))
		return b.Bytes()
	}
	like := func(steps, rest string) []byte {
		return png("class 1\nSteps: " + steps + ", Sampler: ddim, CFG scale: 1, Seed: 1, Model: fashion, Model hash: " +
			hash + rest)
	}
	f.write("text.png", []byte("this is no PNG"))
	f.write("none.png", bytes.Replace(png("Steps: 1"), []byte("parameters"), []byte("Comment\x00me"), 1))
	var plain bytes.Buffer
	require.NoError(f.t, pipeline.WritePNG(&plain, image.NewGray(image.Rect(0, 0, 2, 2)), ""))
	const head, text = 8 + 25, 4 + 4 + 11 + 4
	f.write("none.png", append(slices.Clone(plain.Bytes()[:head]), plain.Bytes()[head+text:]...))
	f.write("damaged.png", bytes.Replace(like("2", ""), []byte("Seed: 1"), []byte("Seed: 2"), 1))
	f.write("foreign.png", png("a cat\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Model hash: 45dee52b, Model: sd"))
	f.write("prose.png", png("a photo of a cat"))
	f.write("hash.png", bytes.Clone(png("Steps: 2, Sampler: ddim, Seed: 1, Model: fashion, Model hash: 000000000000")))
	f.write("steps.png", like("many", ""))
	f.write("steps0.png", like("-3", ""))
	f.write("steps2000.png", like("2000", ""))
	f.write("zoom.png", like("2", ", Zoom: big"))
	f.write("class.png", bytes.Clone(png("class 77\nSteps: 2, Sampler: ddim, Seed: 1, Model: fashion, Model hash: "+hash)))
	f.write("huge.png", hugeText())
}

// hugeText is the start of a PNG whose text claims 2 GiB.
func hugeText() []byte {
	b := []byte("\x89PNG\r\n\x1a\n")
	b = binary.BigEndian.AppendUint32(b, 1<<31-1)
	return append(b, "tEXtparameters\x00Steps: 1"...)
}

// badInputs writes tensor files for forward with the class-conditional network: [n, 1, H, W], 11 classes.
func (f fixtures) badInputs() {
	sample := func(shape ...int) safetensors.Data {
		n := 1
		for _, d := range shape {
			n *= d
		}
		return safetensors.Data{Name: "sample", Shape: shape, F32: make([]float32, n)}
	}
	ints := func(name string, v ...int64) safetensors.Data {
		return safetensors.Data{Name: name, Shape: []int{len(v)}, I64: v}
	}
	x, step, label := sample(2, 1, 12, 12), ints("timestep", 5), ints("class_labels", 1, 2)
	put := func(name string, d ...safetensors.Data) { f.write(name, tensors(f.t, d...)) }
	put("in", x, step, label)
	put("in-nosample", step, label)
	put("in-notime", x, label)
	put("in-nolabel", x, step)
	put("in-rank", sample(12, 12), step, label)
	put("in-channels", sample(2, 3, 12, 12), step, label)
	put("in-norows", sample(0, 1, 12, 12), step, label)
	put("in-int", ints("sample", 1), step, label)
	put("in-times", x, ints("timestep", 1, 2, 3), label)
	put("in-labels", x, step, ints("class_labels", 1, 2, 3))
	put("in-label11", x, step, ints("class_labels", 1, 11))
	put("in-label-1", x, step, ints("class_labels", 1, -1))
	put("in-labelfloat", x, step, safetensors.Data{Name: "class_labels", Shape: []int{2}, F32: []float32{1, 2}})
	put("in-extra", x, step, label, ints("encoder_hidden_states", 1))
	put("in-odd", sample(2, 1, 13, 12), step, label)
	nan := sample(2, 1, 12, 12)
	nan.F32[0] = float32(nanValue())
	put("in-nan", nan, step, label)
}

func nanValue() float64 { var z float64; return z / z }

// newFixtures writes all of them.
func newFixtures(t *testing.T) fixtures {
	t.Helper()
	f := fixtures{t, t.TempDir()}
	p, err := pipeline.Bundled(pipeline.Options{Threads: 1})
	require.NoError(t, err)
	defer p.Close()
	f.badModels()
	f.badPNGs(p.Fingerprint())
	f.badInputs()
	return f
}

// listing names what is in a folder, sorted.
func listing(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
