package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/cudiffuse/cudiffuse/gpu"
	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/model/device"
	"github.com/cudiffuse/cudiffuse/pipeline"
)

type compileCmd struct {
	Model      string `help:"Model folder in diffusers format, its config.json alone, or fashion or fashion_lcm." default:"fashion"`
	ControlNet string `name:"controlnet" help:"Folder of a ControlNet that runs will have, or its config.json alone." placeholder:"DIR"`
	Target     string `help:"Architecture: sm_80, sm_86, sm_89, sm_90, sm_100 or sm_120." required:""`
	Out        string `short:"o" help:"File to write." required:"" placeholder:"FILE"`
	Rows       []int  `help:"Network rows of a run (images times conditions), each with plans of its own." default:"2"`
	Precision  string `aliases:"dtype" help:"fp32, fp16 or bf16." default:"fp16"`
	Height     int    `help:"Of the sample; the model's own if not given."`
	Width      int    `help:"Of the sample; the model's own if not given."`
	Tokens     int    `help:"Tokens of the text, for a model that takes one." default:"77"`
	JSON       bool   `name:"json" help:"Print what was made as JSON."`
}

// compiled is what compile tells.
type compiled struct {
	File   string `json:"file"`
	Target string `json:"target"`
	Graphs int    `json:"graphs"`
	Plans  int    `json:"plans"`
}

// Run makes cuDNN's plans for a GPU that need not be here.
func (c *compileCmd) Run(a *app) error {
	if err := checkOutput("--out", c.Out); err != nil {
		return err
	}
	arch, err := strconv.Atoi(strings.TrimPrefix(c.Target, "sm_"))
	if err != nil {
		return usagef("--target %q: want an architecture such as sm_90", c.Target)
	}
	t, err := precision(c.Precision)
	if err != nil {
		return err
	}
	for _, rows := range c.Rows {
		if rows < 1 {
			return usagef("--rows %d: want positive numbers", rows)
		}
	}
	net, err := c.network()
	if err != nil {
		return &usageError{err}
	}
	stats, err := device.Compile(a.ctx, net, device.CompileOptions{Target: arch, Rows: c.Rows, Height: c.Height,
		Width: c.Width, Tokens: c.Tokens, Type: t, File: c.Out})
	if err != nil {
		return err
	}
	out := compiled{File: c.Out, Target: c.Target, Graphs: stats.Graphs, Plans: stats.Plans}
	if c.JSON {
		return json.NewEncoder(a.stdout).Encode(out)
	}
	name := c.Model
	if c.ControlNet != "" {
		name += " with " + c.ControlNet
	}
	fmt.Fprintf(a.stdout, "%s: %d plans for the %d operation graphs of %s on %s\n", out.File, out.Plans, out.Graphs,
		name, out.Target)
	return nil
}

// network is that of the flags, without weights where only a config.json is there.
func (c *compileCmd) network() (model.Network, error) {
	net, err := openShapes(c.Model)
	if err != nil || c.ControlNet == "" {
		return net, err
	}
	u, ok := net.(*model.UNetCondition)
	if !ok {
		return nil, fmt.Errorf("--controlnet: want a text-to-image model with a U-Net, not a %T", net)
	}
	control, err := openControlShapes(c.ControlNet)
	if err != nil {
		return nil, fmt.Errorf("--controlnet: %w", err)
	}
	if u, err = u.WithControl(control); err != nil {
		return nil, fmt.Errorf("--controlnet %s: %w", c.ControlNet, err)
	}
	return u, nil
}

// precision is the type of a flag's name.
func precision(name string) (gpu.DType, error) {
	t, err := pipeline.ParsePrecision(name)
	if err != nil {
		return 0, usagef("--%w", err)
	}
	return t, nil
}
