package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/cudiffuse/cudiffuse/cuda/cudnn"
	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/model/lower"
)

// lowered is what a forward pass costs on a GPU, computed from shapes: no GPU is asked.
type lowered struct {
	Precision  string  `json:"precision"`
	Rows       int     `json:"rows"`
	Plans      int     `json:"plan_executions"`
	Launches   int     `json:"kernel_launches"`
	Different  int     `json:"different_plans"`
	Read       int64   `json:"bytes_read"`
	Written    int64   `json:"bytes_written"`
	Minimum    int64   `json:"bytes_minimum"` // every weight, the sample and the result once
	GFLOP      float64 `json:"gflop"`
	Arena      int64   `json:"arena_bytes"`
	Sum        int64   `json:"arena_bytes_without_reuse"`
	Weights    int64   `json:"weight_bytes"`
	Once       int     `json:"steps_once_a_prompt"` // what the conditions alone determine
	Operations int     `json:"operations"`
	Steps      []step  `json:"steps,omitempty"`
}

// step is one execution, in JSON as in text.
type step struct {
	Name   string `json:"name"`
	What   string `json:"what"`
	Once   bool   `json:"once_a_prompt,omitempty"`
	Layers int    `json:"operations"`
}

func lowerFor(g *model.Graph, o lower.Options, steps bool) (lowered, error) {
	p, err := lower.Lower(g, o)
	if err != nil {
		return lowered{}, err
	}
	n := p.Forward()
	out := lowered{Precision: o.Type.String(), Rows: o.Rows, Plans: n.Plans, Launches: n.Launches, Read: n.Read,
		Written: n.Wrote, Minimum: n.Minimum, GFLOP: float64(n.FLOPs) / 1e9, Arena: p.Arena, Weights: p.WeightBytes,
		Once: p.Prologue, Operations: len(g.Ops)}
	for _, b := range p.Buffers {
		out.Sum += b.Bytes
	}
	hashes := map[string]bool{}
	for i, s := range p.Steps {
		if s.Fusion != nil {
			hashes[s.Fusion.Hash()] = true
		}
		if steps {
			out.Steps = append(out.Steps, step{Name: s.Name, What: what(p, s), Once: i < p.Prologue, Layers: s.Layers()})
		}
	}
	out.Different = len(hashes)
	return out, nil
}

// what names the operations of a graph, or the kernels of a step.
func what(p *lower.Program, s lower.Step) string {
	var names []string
	if s.Fusion != nil {
		for _, op := range s.Fusion.Ops {
			names = append(names, op.Kind())
		}
		return "cuDNN: " + strings.Join(names, " + ")
	}
	for _, l := range s.Kernel(p.Locator(nil), 0).Launches() {
		names = append(names, l.Kernel)
	}
	return strings.Join(names, ", ")
}

// print writes the figures as text.
func (l lowered) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "on a GPU\t%s, %d rows\tcomputed from shapes\n", l.Precision, l.Rows)
	fmt.Fprintf(w, "forward\t%d plan executions, %d kernel launches\tfor %d operations; %d different plans\n", l.Plans,
		l.Launches, l.Operations, l.Different)
	fmt.Fprintf(w, "once a prompt\t%d steps\twhat the conditions alone determine\n", l.Once)
	fmt.Fprintf(w, "traffic\t%s read, %s written\tat least %s: every weight, the sample and the result once\n",
		size(l.Read), size(l.Written), size(l.Minimum))
	fmt.Fprintf(w, "products\t%.3f GFLOP\n", l.GFLOP)
	fmt.Fprintf(w, "arena\t%s\t%s without reuse\n", size(l.Arena), size(l.Sum))
	fmt.Fprintf(w, "weights\t%s\t\n", size(l.Weights))
	for _, s := range l.Steps {
		once := ""
		if s.Once {
			once = "once a prompt"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", s.Name, s.What, once)
	}
	return w.Flush()
}

// cudnnType is the library's name of a precision.
func cudnnType(name string) (cudnn.DType, error) {
	t, err := precision(name)
	return cudnn.DType(t), err
}
