package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/model/safetensors"
)

// argumentNames are diffusers' names of a network's inputs.
var argumentNames = map[model.InputKind]string{
	model.InputSample: "sample", model.InputTimestep: "timestep", model.InputClass: "class_labels",
	model.InputClassEmbedding: "class_labels", model.InputContext: "encoder_hidden_states",
	model.InputTimestepCond: "timestep_cond",
}

// forwardInputs reads the tensors under the names of diffusers' arguments. Rows are those of the sample.
func forwardInputs(u model.Network, f *safetensors.File) (model.Inputs, model.Size, error) {
	var in model.Inputs
	var size model.Size
	if err := checkNames(u, f); err != nil {
		return in, size, err
	}
	t, ok := f.Tensor("sample")
	if !ok {
		return in, size, errors.New(`no tensor "sample": want [n, C, H, W], float32`)
	}
	if len(t.Shape) != 4 || t.Shape[0] < 1 || t.Shape[1] != u.Channels() || t.Shape[2] < 1 || t.Shape[3] < 1 {
		return in, size, fmt.Errorf("sample %v: want [n, %d, H, W]", t.Shape, u.Channels())
	}
	size.H, size.W = t.Shape[2], t.Shape[3]
	var err error
	if in.Sample, err = f.Float32s("sample"); err != nil {
		return in, size, err
	}
	n := t.Shape[0]
	if in.Timestep, err = perRow(f, "timestep", n); err != nil {
		return in, size, err
	}
	for _, x := range u.Graph().Inputs {
		if err := readInput(f, x, n, &in, &size); err != nil {
			return in, size, err
		}
	}
	return in, size, nil
}

// checkNames refuses tensors that the network does not take.
func checkNames(u model.Network, f *safetensors.File) error {
	var known []string
	for _, x := range u.Graph().Inputs {
		known = append(known, argumentNames[x.Kind])
	}
	var unknown []string
	for _, t := range f.Tensors() {
		if !slices.Contains(known, t.Name) {
			unknown = append(unknown, t.Name)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	last := len(known) - 1
	return fmt.Errorf("tensor %q: the network takes %s and %s", slices.Min(unknown),
		strings.Join(known[:last], ", "), known[last])
}

// readInput reads what a network takes beside sample and time.
func readInput(f *safetensors.File, x model.Input, n int, in *model.Inputs, size *model.Size) (err error) {
	switch x.Kind {
	case model.InputClass:
		in.Class, err = classes(f, n)
	case model.InputClassEmbedding:
		in.ClassEmbedding, err = vectors(f, "class_labels", n, x.Channels)
	case model.InputTimestepCond:
		const name = "timestep_cond"
		if _, ok := f.Tensor(name); !ok { // without it diffusers adds nothing
			in.TimestepCond = make([]float32, n*x.Channels)
			return nil
		}
		in.TimestepCond, err = vectors(f, name, n, x.Channels)
	case model.InputContext:
		const name = "encoder_hidden_states"
		t, ok := f.Tensor(name)
		if !ok {
			return fmt.Errorf("no tensor %q: want [%d, tokens, %d], float32", name, n, x.Channels)
		}
		if len(t.Shape) != 3 || t.Shape[0] != n || t.Shape[1] < 1 || t.Shape[2] != x.Channels {
			return fmt.Errorf("%s %v: want [%d, tokens, %d]", name, t.Shape, n, x.Channels)
		}
		size.Tokens = t.Shape[1]
		in.Context, err = f.Float32s(name)
	}
	return err
}

// classes reads one label a row, or one for all.
func classes(f *safetensors.File, n int) ([]int64, error) {
	v, err := f.Int64s("class_labels")
	if err != nil {
		return nil, err
	}
	if len(v) == 1 && n > 1 {
		v = repeat(v[0], n)
	}
	if len(v) != n {
		return nil, fmt.Errorf("class_labels: %d values, want %d", len(v), n)
	}
	return v, nil
}

// vectors reads a vector a row.
func vectors(f *safetensors.File, name string, n, dim int) ([]float32, error) {
	v, err := f.Float32s(name)
	if err != nil {
		return nil, err
	}
	if t, ok := f.Tensor(name); ok && !slices.Equal(t.Shape, []int{n, dim}) {
		return nil, fmt.Errorf("%s %v: want [%d, %d]", name, t.Shape, n, dim)
	}
	return v, nil
}

// perRow reads one number a row, or one for all; integers or floats.
func perRow(f *safetensors.File, name string, n int) ([]float32, error) {
	v, err := f.Float32s(name)
	if errors.Is(err, safetensors.ErrDType) {
		var ints []int64
		ints, err = f.Int64s(name)
		v = make([]float32, len(ints))
		for i, x := range ints {
			v[i] = float32(x)
		}
	}
	if err != nil {
		return nil, err
	}
	if len(v) == 1 && n > 1 {
		v = repeat(v[0], n)
	}
	if len(v) != n {
		return nil, fmt.Errorf("%s: %d values, want %d", name, len(v), n)
	}
	return v, nil
}

func repeat[T any](v T, n int) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = v
	}
	return out
}
