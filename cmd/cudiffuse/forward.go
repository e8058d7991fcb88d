package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/model/bundled"
	"github.com/cudiffuse/cudiffuse/model/safetensors"
)

type forwardCmd struct {
	Model   string `help:"Model folder in diffusers format, or fashion or fashion_lcm." required:""`
	In      string `help:"safetensors file with sample, timestep and, where the model takes them, class_labels, encoder_hidden_states and timestep_cond." required:"" placeholder:"FILE"`
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
	in, size, err := forwardInputs(u, f)
	if err != nil {
		return &usageError{fmt.Errorf("--in %s: %w", c.In, err)}
	}
	pool := workers.New(c.Threads)
	defer pool.Close()
	n := len(in.Timestep)
	exec, err := model.NewExecutorAt(u.Graph(), u.Weights(), n, size, pool)
	if err != nil {
		return usagef("--in %s: sample %v: %w", c.In, []int{n, u.Channels(), size.H, size.W}, err)
	}
	y := exec.OutShape()
	outShape := []int{n, y.C, y.H, y.W}
	out := make([]float32, n*y.Len())
	if err := exec.Run(a.ctx, n, in, out); err != nil {
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
func openNetwork(name string) (model.Network, error) {
	if err := checkModel(name); err != nil {
		return nil, err
	}
	if name == bundled.Fashion || name == bundled.FashionLCM {
		return model.OpenNetworkFS(bundled.FS(), name)
	}
	return model.OpenNetwork(name)
}

// openShapes opens a network whose weights are not needed: a folder, or the config.json of one alone.
func openShapes(name string) (model.Network, error) {
	if filepath.Ext(name) != ".json" {
		return openNetwork(name)
	}
	config, err := readConfig(name)
	if err != nil {
		return nil, err
	}
	return model.ParseNetwork(name, config)
}

// openControlShapes is openShapes for a ControlNet.
func openControlShapes(name string) (*model.ControlNet, error) {
	if filepath.Ext(name) != ".json" {
		return model.OpenControlNet(name)
	}
	config, err := readConfig(name)
	if err != nil {
		return nil, err
	}
	return model.ParseControlNet(name, config)
}

// readConfig reads a config.json.
func readConfig(name string) ([]byte, error) {
	const most = 1 << 20
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	config, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, err
	}
	if len(config) > most {
		return nil, fmt.Errorf("%s: more than %d bytes", name, most)
	}
	return config, nil
}
