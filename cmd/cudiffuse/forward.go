package main

import (
	"errors"
	"fmt"
	"io"
	"sort"

	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/model/bundled"
	"github.com/cudiffuse/cudiffuse/model/safetensors"
)

type forwardCmd struct {
	Model   string `help:"Model folder in diffusers format, or fashion or fashion_lcm." required:""`
	In      string `help:"safetensors file with sample, timestep and, for a model with classes, class_labels." required:"" placeholder:"FILE"`
	Out     string `help:"safetensors file to write: sample." required:"" placeholder:"FILE"`
	Threads int    `help:"CPU threads; 0 for all." default:"0"`
}

// Run evaluates the network once.
func (c *forwardCmd) Run(a *app) error {
	if err := checkOutput("--out", c.Out); err != nil {
		return err
	}
	if c.Threads < 0 {
		return usagef("--threads %d: want 0 for all, or a positive number", c.Threads)
	}
	u, err := openNetwork(c.Model)
	if err != nil {
		return &usageError{err}
	}
	f, err := safetensors.Open(c.In)
	if err != nil {
		return &usageError{err}
	}
	defer f.Close()
	in, shape, err := forwardInputs(u, f)
	if err != nil {
		return &usageError{fmt.Errorf("--in %s: %w", c.In, err)}
	}
	pool := workers.New(c.Threads)
	defer pool.Close()
	exec, err := u.CompileSize(shape[0], shape[2], shape[3], pool)
	if err != nil {
		return usagef("--in %s: sample %v: %w", c.In, shape, err)
	}
	outShape := []int{shape[0], u.OutChannels(), shape[2], shape[3]}
	out := make([]float32, shape[0]*u.OutChannels()*shape[2]*shape[3])
	if err := exec.Run(a.ctx, shape[0], in, out); err != nil {
		return classifyForward(err)
	}
	err = writeFile(c.Out, func(w io.Writer) error {
		return safetensors.Write(w, []safetensors.Data{{Name: "sample", Shape: outShape, F32: out}}, nil)
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "%s: sample %v\n", c.Out, outShape)
	return err
}

func classifyForward(err error) error {
	var in *model.InputError
	if errors.As(err, &in) {
		return &usageError{err}
	}
	return err
}

// openNetwork opens a network without a pipeline around it.
func openNetwork(name string) (*model.UNet2D, error) {
	if err := checkModel(name); err != nil {
		return nil, err
	}
	if name == bundled.Fashion || name == bundled.FashionLCM {
		return model.OpenUNet2DFS(bundled.FS(), name)
	}
	return model.OpenUNet2D(name)
}

// forwardInputs reads the tensors under the names of diffusers' arguments.
func forwardInputs(u *model.UNet2D, f *safetensors.File) (model.Inputs, []int, error) {
	var in model.Inputs
	known := map[string]bool{"sample": true, "timestep": true, "class_labels": u.Classes() > 0}
	var unknown []string
	for _, t := range f.Tensors() {
		if !known[t.Name] {
			unknown = append(unknown, t.Name)
		}
	}
	if sort.Strings(unknown); len(unknown) > 0 {
		return in, nil, fmt.Errorf("tensor %q: the network takes sample, timestep%s", unknown[0],
			map[bool]string{true: " and class_labels"}[u.Classes() > 0])
	}
	t, ok := f.Tensor("sample")
	if !ok {
		return in, nil, errors.New(`no tensor "sample": want [n, C, H, W], float32`)
	}
	if len(t.Shape) != 4 || t.Shape[0] < 1 || t.Shape[1] != u.Channels() || t.Shape[2] < 1 || t.Shape[3] < 1 {
		return in, nil, fmt.Errorf("sample %v: want [n, %d, H, W]", t.Shape, u.Channels())
	}
	var err error
	if in.Sample, err = f.Float32s("sample"); err != nil {
		return in, nil, err
	}
	n := t.Shape[0]
	if in.Timestep, err = perRow(f, "timestep", n); err != nil {
		return in, nil, err
	}
	if u.Classes() > 0 {
		if in.Class, err = f.Int64s("class_labels"); err != nil {
			return in, nil, err
		}
		if len(in.Class) == 1 && n > 1 {
			in.Class = repeat(in.Class[0], n)
		}
		if len(in.Class) != n {
			return in, nil, fmt.Errorf("class_labels: %d values, want %d", len(in.Class), n)
		}
	}
	return in, t.Shape, nil
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
