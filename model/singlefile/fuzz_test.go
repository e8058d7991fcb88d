package singlefile_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"runtime/metrics"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/model/safetensors"
	"github.com/cudiffuse/cudiffuse/model/singlefile"
)

// allocated is the bytes that the process has allocated so far.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// written lists tensors as [readShapes] reads them: a name and its sizes a line.
func written(f *safetensors.File) string {
	var lines []string
	for _, t := range f.Tensors() {
		lines = append(lines, t.Name+strings.Trim(strings.ReplaceAll(fmt.Sprint(" ", t.Shape), "[", ""), "]"))
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

// readShapes is the inverse of written for any text; nil if the text says more than 4 GiB.
func readShapes(text string) map[string][]int {
	shapes, left := map[string][]int{}, 1<<31
	for line := range strings.Lines(text) {
		fields := strings.Fields(strings.ToValidUTF8(line, "?"))
		if len(fields) == 0 || len(fields) > 9 || fields[0] == "__metadata__" {
			continue
		}
		shape, n := []int{}, 1
		for _, f := range fields[1:] {
			d, err := strconv.ParseUint(f, 10, 16)
			if err != nil || d > 0 && n > left/int(d) {
				return nil
			}
			shape, n = append(shape, int(d)), n*int(d)
		}
		shapes[fields[0]], left = shape, left-n
	}
	return shapes
}

// FuzzParts gives tensors of any names and shapes to the conversion, with the configurations of each published model and
// of the tiny ones: no panic, typed errors, memory bounded by the header, and what is accepted can be read as a folder.
func FuzzParts(f *testing.F) {
	configs := []singlefile.Configs{}
	for _, v := range singlefile.Variants() {
		c, err := v.Configs()
		require.NoError(f, err)
		configs = append(configs, c)
	}
	for i, name := range []string{"sd15", "sd21", "sdxl"} {
		configs = append(configs, folderConfigs(f, pipelines+name))
		file, err := safetensors.Open("testdata/" + name + ".safetensors")
		require.NoError(f, err)
		text := written(file)
		require.NoError(f, file.Close())
		f.Add(text, len(singlefile.Variants())+i)
		f.Add(strings.ReplaceAll(text, "input_blocks.1.", "input_blocks.999999999999999999."), i)
		f.Add(strings.ReplaceAll(text, " 4", " 0"), i)
	}
	f.Add("model.diffusion_model.input_blocks.0.0.weight 4 4 0 3\nv_pred\nztsnr", 3)
	f.Add("cond_stage_model.model.transformer.resblocks.0.attn.in_proj_bias 0\nglobal_step", 1)
	f.Fuzz(func(t *testing.T, text string, config int) {
		shapes := readShapes(text)
		if len(shapes) == 0 {
			return
		}
		head, size := emptyHeader(t, shapes, nil)
		file, err := safetensors.Parse(sparse{head, size}, size, "model.safetensors")
		require.NoError(t, err)
		before := allocated()
		convert(t, file, configs[uint(config)%uint(len(configs))])
		require.Less(t, allocated()-before, uint64(8<<20+500*len(head)))
	})
}

// convert infers the variant of a file, and reads what is accepted as a folder.
func convert(t *testing.T, file *safetensors.File, c singlefile.Configs) {
	t.Helper()
	if v, err := singlefile.Infer(file); err != nil {
		requireTyped(t, err)
	} else {
		require.Contains(t, singlefile.Variants(), v)
	}
	folder, err := singlefile.New(file, c, nil)
	if err != nil {
		requireTyped(t, err)
		return
	}
	for _, name := range []string{"unet/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors", "../x", ""} {
		part, err := folder.Open(name)
		if err != nil {
			require.True(t, errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid), "%v", err)
			continue
		}
		head := make([]byte, 8)
		_, err = part.Read(head)
		require.NoError(t, err)
		require.False(t, bytes.Equal(head, make([]byte, 8)), "%s has no header", name)
		require.NoError(t, part.Close())
	}
}

// requireTyped checks that an error is one that callers can take apart, of a size that can be shown.
func requireTyped(t *testing.T, err error) {
	t.Helper()
	var own *singlefile.Error
	var file *safetensors.Error
	require.True(t, errors.As(err, &own) || errors.As(err, &file), "%T: %v", err, err)
	require.Less(t, len(err.Error()), 2000)
}
