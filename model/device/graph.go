//go:build cuda

package device

import (
	"context"
	"fmt"

	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/cudiffuse/cudiffuse/cuda/cudnn"
	"github.com/cudiffuse/cudiffuse/gpu"
	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/model/lower"
)

// Graph is a graph on a GPU that is run by itself, outside of a sampler's program: half an
// autoencoder, a text encoder. Its weights stay on the device, the memory of a run is freed
// after it. It may be used by many goroutines, whose runs follow one another. It is closed
// before its device.
type Graph struct{ n *Network }

// LoadGraph makes plans for a graph and uploads its weights. Errors are those of [Load].
func LoadGraph(ctx context.Context, c *gpu.CUDA, g *model.Graph, w *model.Weights, o GraphOptions) (*Graph, error) {
	if c == nil || g == nil || w == nil {
		return nil, &model.InputError{Input: "graph", Detail: "no device, no graph or no weights"}
	}
	lib, err := cudnn.Open()
	if err != nil {
		return nil, err
	}
	n := &Network{c: c, dev: c.Driver(), net: graphNetwork{g, w}, typ: cudnn.DType(o.Type), reserve: o.Reserve,
		o: Options{Rows: max(1, o.Rows), Height: o.Size.H, Width: o.Size.W, Cache: o.Cache, NoCache: o.NoCache,
			Bundle: o.Bundle, Autotune: o.Autotune}}
	n.Sized = n.At(o.Size.H, o.Size.W)
	prog, err := n.lower(n.o.Rows, o.Size.Tokens, nil, false)
	if err != nil {
		return nil, err
	}
	if err := n.dev.Do(func() error { return n.load(ctx, lib, prog) }); err != nil {
		_ = n.Close() // what matters is why it did not load
		return nil, err
	}
	return &Graph{n}, nil
}

// Run computes rows of a size: the inputs that the graph takes, to its outputs in order,
// each [rows, ...] as [model.Executor.RunAll] gives them. Inputs and outputs of other
// lengths, tokens outside the vocabulary and positions outside the text are a
// *[model.InputError]; a run that does not fit the device's memory is a *[MemoryError],
// before any is taken. ctx ends the waits for the device, and no launch follows.
func (g *Graph) Run(ctx context.Context, rows int, size model.Size, in model.Inputs, out [][]float32) error {
	s := g.n.At(size.H, size.W)
	prog, err := s.lower(rows, size.Tokens, nil, false)
	if err != nil {
		return err
	}
	uploads, err := uploadsOf(prog, g.n.net.Weights(), in)
	if err != nil {
		return err
	}
	if err := checkOutputs(prog, out); err != nil {
		return err
	}
	return g.n.dev.Do(func() error { return s.once(ctx, prog, uploads, out) })
}

// checkOutputs refuses outputs that are not those of a program.
func checkOutputs(prog *lower.Program, out [][]float32) error {
	if len(out) != len(prog.Outputs) {
		return &model.InputError{Input: "output", Detail: fmt.Sprintf("has %d tensors, wanted %d", len(out), len(prog.Outputs))}
	}
	for i, o := range prog.Outputs {
		if want := prog.Rows * o.Length; len(out[i]) != want {
			return &model.InputError{Input: "output", Detail: fmt.Sprintf("%d has %d elements, wanted %d", i, len(out[i]), want)}
		}
	}
	return nil
}

// once runs a program with memory of its own, on the device's thread.
func (s *Sized) once(ctx context.Context, prog *lower.Program, u *uploads, out [][]float32) (err error) {
	n := s.n
	if n.handle == nil {
		return cuda.ErrClosed
	}
	plans, err := n.planner.all(ctx, prog)
	if err != nil {
		return err
	}
	sample := int64(len(u.sample))
	if err := s.fits(prog, plans, sample+prog.ResultBytes); err != nil {
		return err
	}
	r := &run{n: n, stream: n.stream, prog: prog}
	io, err := n.dev.Alloc(sample + prog.ResultBytes)
	if err != nil {
		return err
	}
	defer func() {
		for _, c := range []func() error{r.close, io.Free} {
			if e := c(); err == nil {
				err = e
			}
		}
	}()
	result := io.Ptr() + uint64(sample)
	if err := r.open(plans, map[lower.Region]uint64{lower.Sample: io.Ptr(), lower.Result: result}); err != nil {
		return err
	}
	if err := u.write(r, io); err != nil {
		return err
	}
	for _, prologue := range []bool{true, false} {
		if err := r.enqueue(n.stream, prologue); err != nil {
			return err
		}
	}
	if err := n.stream.Sync(ctx); err != nil {
		return err
	}
	return download(n, prog, io, sample, out)
}

// download brings the results to the host.
func download(n *Network, prog *lower.Program, io *cuda.Buffer, at int64, out [][]float32) error {
	for i, o := range prog.Outputs {
		b := make([]byte, int64(len(out[i]))*prog.Type.Size())
		if err := n.dev.Read(b, io, at+o.Offset); err != nil {
			return err
		}
		lower.Restore(prog.Type, out[i], b)
	}
	return nil
}

// PlanStats say where the plans came from. It is not for use beside a run.
func (g *Graph) PlanStats() PlanStats { return g.n.PlanStats() }

// Close frees the graph. It may be called twice.
func (g *Graph) Close() error { return g.n.Close() }
