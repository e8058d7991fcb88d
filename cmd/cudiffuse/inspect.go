package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/model/lower"
)

type inspectCmd struct {
	Model  string `help:"Model folder in diffusers format, its config.json alone (with --device cuda), or fashion or fashion_lcm." default:"fashion"`
	Batch  int    `help:"Rows of the memory plan." default:"1"`
	Tokens int    `help:"Tokens of the text, for a model that takes one." default:"77"`
	Ops    bool   `help:"List every operation."`
	JSON   bool   `name:"json" help:"Print JSON."`

	Device    string `help:"cpu, or cuda for what a forward pass would be on a GPU, which need not be here." enum:"cpu,cuda" default:"cpu"`
	Precision string `aliases:"dtype" help:"On a GPU: fp32, fp16 or bf16." default:"fp16"`
}

// inspection is what inspect tells, in JSON as in text.
type inspection struct {
	Model      string   `json:"model"`
	Params     int      `json:"parameters"`
	Input      []int    `json:"input"`
	Output     []int    `json:"output"`
	Context    []int    `json:"context,omitempty"` // tokens, features
	Classes    int      `json:"classes"`
	Operations int      `json:"operations"`
	GFLOP      float64  `json:"gflop_per_row"`
	Weights    int64    `json:"weight_bytes"`
	Peak       int64    `json:"peak_activation_bytes"`
	Sum        int64    `json:"activation_bytes_without_reuse"`
	Scratch    int64    `json:"scratch_bytes"`
	Batch      int      `json:"batch"`
	Ops        []string `json:"ops,omitempty"`
	GPU        *lowered `json:"gpu,omitempty"`
}

// Run prints the network's figures.
func (c *inspectCmd) Run(a *app) error {
	if c.Batch < 1 {
		return usagef("--batch %d: want a positive number", c.Batch)
	}
	if c.Tokens < 1 {
		return usagef("--tokens %d: want a positive number", c.Tokens)
	}
	u, err := openShapes(c.Model)
	if err != nil {
		return &usageError{err}
	}
	in, err := c.inspect(u)
	if err != nil {
		return &usageError{err}
	}
	if c.JSON {
		return json.NewEncoder(a.stdout).Encode(in)
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "model\t%s\n", in.Model)
	fmt.Fprintf(w, "parameters\t%d\t%s as float32\n", in.Params, size(in.Weights))
	fmt.Fprintf(w, "input\t%v\tclasses %d\n", in.Input, in.Classes)
	if in.Context != nil {
		fmt.Fprintf(w, "text\t%v\ttokens, features\n", in.Context)
	}
	fmt.Fprintf(w, "output\t%v\n", in.Output)
	if in.Peak == 0 { // a config without weights
		if err := w.Flush(); err != nil {
			return err
		}
		return in.GPU.print(a.stdout)
	}
	fmt.Fprintf(w, "operations\t%d\t%.3f GFLOP a row\n", in.Operations, in.GFLOP)
	fmt.Fprintf(w, "activations\t%s\tpeak for batch %d; %s without reuse\n", size(in.Peak), in.Batch, size(in.Sum))
	fmt.Fprintf(w, "scratch\t%s\tof the convolutions, within the peak\n", size(in.Scratch))
	for _, op := range in.Ops {
		fmt.Fprintln(w, op)
	}
	if err := w.Flush(); err != nil || in.GPU == nil {
		return err
	}
	return in.GPU.print(a.stdout)
}

func (c *inspectCmd) inspect(u model.Network) (inspection, error) {
	size := model.Size{H: u.Height(), W: u.Width(), Tokens: c.Tokens}
	if size.H == 0 {
		return inspection{}, fmt.Errorf("--model %s: config.json has no sample_size", c.Model)
	}
	if u.Weights() == nil {
		return c.inspectShapes(u, size)
	}
	e, err := model.NewExecutorAt(u.Graph(), u.Weights(), c.Batch, size, nil)
	if err != nil {
		return inspection{}, err
	}
	plan := e.MemoryPlan()
	in := inspection{Model: c.Model, Params: u.Params(), Input: []int{u.Channels(), u.Height(), u.Width()},
		Output: []int{u.OutChannels(), u.Height(), u.Width()}, Classes: u.Classes(),
		Operations: len(u.Graph().Ops), GFLOP: float64(e.FLOPs(1)) / 1e9, Weights: plan.Weights,
		Peak: plan.Peak, Sum: plan.Sum, Scratch: plan.Scratch, Batch: c.Batch}
	if t, ok := u.(*model.UNetCondition); ok {
		in.Context = []int{c.Tokens, t.ContextDim()}
	}
	if c.Device == "cuda" {
		in.GPU, err = c.lower(u, size)
		return in, err
	}
	if c.Ops {
		shapes, err := u.Graph().ShapesAt(size)
		if err != nil {
			return in, err
		}
		for _, op := range u.Graph().Ops {
			in.Ops = append(in.Ops, fmt.Sprintf("%s\t%s\t%v", op.Kind(), op.Label(), shapes[op.Writes()]))
		}
	}
	return in, nil
}

// inspectShapes is inspect for a network without weights, which the CPU cannot prepare.
func (c *inspectCmd) inspectShapes(u model.Network, size model.Size) (inspection, error) {
	if c.Device != "cuda" {
		return inspection{}, fmt.Errorf("--model %s: a config without weights: want --device cuda, or the folder", c.Model)
	}
	in := inspection{Model: c.Model, Params: u.Params(), Input: []int{u.Channels(), u.Height(), u.Width()},
		Output: []int{u.OutChannels(), u.Height(), u.Width()}, Classes: u.Classes(), Operations: len(u.Graph().Ops),
		Weights: 4 * int64(u.Params()), Batch: c.Batch}
	var err error
	in.GPU, err = c.lower(u, size)
	return in, err
}

// lower counts what the network would be on a GPU.
func (c *inspectCmd) lower(u model.Network, size model.Size) (*lowered, error) {
	t, err := cudnnType(c.Precision)
	if err != nil {
		return nil, err
	}
	gpu, err := lowerFor(u.Graph(), lower.Options{Rows: c.Batch, Size: size, Type: t, Beside: lower.Beside(u)}, c.Ops)
	return &gpu, err
}
