//go:build cuda

package device

import (
	"context"
	"errors"
	"fmt"

	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/cudiffuse/cudiffuse/cuda/cudnn"
	"github.com/cudiffuse/cudiffuse/gpu"
	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/model/lower"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// Network is a network on a GPU, as a [sampler.Model] of that device for samples of the
// size that it was loaded for; see [Network.At] for others. Activations and weights have
// the device's type ([gpu.CUDA.DType]). Programs may be bound by many goroutines at a
// time. It is closed before its device.
type Network struct {
	*Sized
	c       *gpu.CUDA
	dev     *cuda.Device
	net     model.Network
	typ     cudnn.DType // of activations and weights
	o       Options
	stream  *cuda.Stream // for loading and timing
	handle  *cudnn.Handle
	planner planner
	weights *cuda.Buffer
	reserve int64 // bytes that loading leaves free
	need    int64 // bytes of a run as it was loaded for
}

// Sized is a Network for samples of one size. It shares the weights and the plans of its
// Network, and is closed with it.
type Sized struct {
	n             *Network
	height, width int
	replace       []model.Replacement // in perturbed rows
	eager         *run                // of the evaluation that Forward saw last
}

var (
	_ sampler.VarianceModel = (*Sized)(nil)
	_ sampler.Binder        = (*Sized)(nil)
)

// Load makes plans for a network and uploads its weights. An operation that the device
// or cuDNN cannot do gives a *[lower.Error] or *[cudnn.NoPlanError] that names the
// layer, before any memory is taken; a network that does not fit gives a *[MemoryError].
func Load(ctx context.Context, c *gpu.CUDA, net model.Network, o Options) (*Network, error) {
	n, err := newNetwork(c, net, o)
	if err != nil {
		return nil, err
	}
	lib, err := cudnn.Open()
	if err != nil {
		return nil, err
	}
	prog, err := n.lower(n.o.Rows, model.DefaultTokens, nil, false)
	if err != nil {
		return nil, err
	}
	err = n.dev.Do(func() error { return n.load(ctx, lib, prog) })
	if err != nil {
		_ = n.Close() // what matters is why it did not load
		return nil, err
	}
	return n, nil
}

func newNetwork(c *gpu.CUDA, net model.Network, o Options) (*Network, error) {
	if c == nil || net == nil {
		return nil, &model.InputError{Input: "network", Detail: "no device or no network"}
	}
	if o.Height == 0 && o.Width == 0 {
		o.Height, o.Width = net.Height(), net.Width()
	}
	if o.Rows == 0 {
		o.Rows = 2
	}
	if out, in := net.OutChannels(), net.Channels(); out != in-lower.Beside(net) && !predictsVariance(net) {
		return nil, &model.ShapeError{Op: "output", Detail: fmt.Sprintf("%d channels for %d of input: want as many, "+
			"or twice as many of a network that predicts a variance", out, in)}
	}
	n := &Network{c: c, dev: c.Driver(), net: net, typ: cudnn.DType(c.DType()), o: o}
	n.Sized = &Sized{n: n, height: o.Height, width: o.Width}
	return n, nil
}

// predictsVariance says that a network predicts a variance behind the noise, as its denoiser on the CPU does.
func predictsVariance(net model.Network) bool {
	switch net.(type) {
	case *model.UNet2D, *model.DiT, *model.PixArt:
		return net.OutChannels() == 2*net.Channels()
	}
	return false
}

// channels of a sample: those of the input without what is beside it, of the output without a variance.
func (n *Network) channels() int { return min(n.net.Channels(), n.net.OutChannels()) }

// At returns the network for samples of another size. A size that it cannot have shows
// when a program is bound.
func (n *Network) At(height, width int) *Sized { return &Sized{n: n, height: height, width: width} }

// Perturbed is the network whose rows with the condition TextEmbedding.Perturbed are evaluated as p says, in the same
// batch as the others. Layers that it has not give a *[model.InputError].
func (s *Sized) Perturbed(p model.Perturbation) (*Sized, error) {
	u, ok := s.n.net.(*model.UNetCondition)
	if !ok {
		return nil, &model.InputError{Input: "network", Detail: "is none that can be perturbed: want a UNet2DConditionModel"}
	}
	replace, err := u.Replacements(p)
	if err != nil {
		return nil, err
	}
	return &Sized{n: s.n, height: s.height, width: s.width, replace: replace}, nil
}

// PredictsVariance implements [sampler.VarianceModel]: the variance goes to Eval.Variance, by one launch more, where a
// program has a plan that learns it.
func (s *Sized) PredictsVariance() bool { return predictsVariance(s.n.net) }

// lower makes the program for a number of rows, some of which are perturbed, with the variance or without.
func (s *Sized) lower(rows, tokens int, perturbed []int, variance bool) (*lower.Program, error) {
	return lower.Lower(s.n.net.Graph(), lower.Options{Rows: rows, Type: s.n.typ, Beside: lower.Beside(s.n.net),
		Channels: s.n.channels(), Variance: variance, Perturbed: perturbed, Replace: s.replace,
		Size: model.Size{H: s.height, W: s.width, Tokens: tokens}})
}

// load runs on the device's thread.
func (n *Network) load(ctx context.Context, lib *cudnn.Library, prog *lower.Program) error {
	var err error
	if n.stream, err = n.dev.NewStream(); err != nil {
		return err
	}
	if n.handle, err = lib.NewHandle(n.dev, n.stream); err != nil {
		return err
	}
	target := n.handle.Target()
	n.planner = planner{lib: lib, target: target, plans: map[string]*cudnn.Plan{}, limit: n.o.Autotune, exact: n.typ == cudnn.Float32,
		cache: newCache(n.o, target.String(), fmt.Sprint(lib.Version()))}
	if n.o.Bundle != "" {
		if n.planner.bundle, err = readBundle(n.o.Bundle); err != nil {
			return err
		}
	}
	if n.o.Autotune > 1 {
		n.planner.time = n.timePlan
	}
	plans, err := n.planner.all(ctx, prog)
	if err != nil {
		return err
	}
	if err := n.fits(prog, plans, prog.WeightBytes+n.reserve); err != nil {
		if e := (*MemoryError)(nil); errors.As(err, &e) {
			e.Reserved = n.reserve
		}
		return err
	}
	n.need = prog.Arena + scratch(prog, plans)
	return n.upload(ctx, prog)
}

// upload sends the weights, converted on the way, in pieces.
func (n *Network) upload(ctx context.Context, prog *lower.Program) error {
	var err error
	if n.weights, err = n.dev.Alloc(prog.WeightBytes); err != nil {
		return err
	}
	var stage []byte
	for i := range prog.Weights {
		if err := ctx.Err(); err != nil {
			return err
		}
		w := &prog.Weights[i]
		if int64(cap(stage)) < w.Bytes {
			stage = make([]byte, w.Bytes)
		}
		w.Encode(n.net.Weights(), stage[:w.Bytes])
		if err := n.dev.Write(n.weights, w.Offset, stage[:w.Bytes]); err != nil {
			return err
		}
	}
	return nil
}

// RunBytes is the memory of a run of the size and rows that the network was loaded for,
// beside its weights.
func (n *Network) RunBytes() int64 { return n.need }

// PlanStats say where the plans came from.
func (n *Network) PlanStats() PlanStats { return n.planner.stats }

// Shape implements [sampler.Model].
func (s *Sized) Shape() []int { return []int{s.n.channels(), s.height, s.width} }

// Bind implements [sampler.Binder]: the network becomes part of the program's graph, one
// replay a step.
func (s *Sized) Bind(ctx context.Context, p sampler.Program) error {
	capture, ok := p.(gpu.Capturer)
	e := p.Next()
	if !ok || e == nil {
		return nil // Forward will see to it
	}
	return s.n.dev.Do(func() error {
		r, err := s.prepare(ctx, e)
		if err != nil {
			return err
		}
		capture.OnClose(r.close)
		return capture.Capture(func(stream *cuda.Stream, _ *sampler.Eval) error { return r.enqueue(stream, false) })
	})
}

// Forward implements [sampler.Model] for programs that were not bound: it enqueues an
// evaluation of all rows. It is used by one goroutine at a time.
func (s *Sized) Forward(ctx context.Context, e *sampler.Eval) error {
	return s.n.dev.Do(func() error {
		if s.eager == nil || s.eager.eval != e {
			if err := s.forget(); err != nil {
				return err
			}
			r, err := s.prepare(ctx, e)
			if err != nil {
				return err
			}
			s.eager = r
		}
		return s.eager.enqueue(s.eager.stream, false)
	})
}

// forget frees what Forward keeps.
func (s *Sized) forget() error {
	if s.eager == nil {
		return nil
	}
	r := s.eager
	s.eager = nil
	return r.close()
}

// Close frees the network. It may be called twice.
func (n *Network) Close() error {
	return n.dev.Do(func() error {
		errs := []error{n.forget(), n.planner.close()}
		if n.handle != nil {
			errs = append(errs, n.handle.Close())
			n.handle = nil
		}
		if n.weights != nil {
			errs = append(errs, n.weights.Free())
			n.weights = nil
		}
		if n.stream != nil {
			errs = append(errs, n.stream.Close())
			n.stream = nil
		}
		return errors.Join(errs...)
	})
}
