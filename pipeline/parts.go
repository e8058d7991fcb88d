package pipeline

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync/atomic"

	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/cudiffuse/cudiffuse/cuda/cudnn"
	"github.com/cudiffuse/cudiffuse/gpu"
	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/model/device"
	"github.com/cudiffuse/cudiffuse/model/lower"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// Part is a network beside the denoiser, and where it runs.
type Part struct {
	Name   string // "vae decoder", "vae encoder", "text_encoder", "text_encoder_2", "preview decoder"
	Device bool   // on the GPU
	Err    error  // why not, with [Options.Parts] "" and a GPU that the denoiser runs on
}

// PartError is a part that cannot run where [Options.Parts] has it.
type PartError struct {
	Part string
	Err  error
}

// Error implements error.
func (e *PartError) Error() string { return e.Part + " on the GPU: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *PartError) Unwrap() error { return e.Err }

// partPlan is a part that is to be put on a GPU: its graph, and the run that must fit.
type partPlan struct {
	name    string
	graph   *model.Graph
	weights *model.Weights
	rows    int
	size    model.Size
	exact   bool // float32 in the place of float16
}

// part is one on the GPU: a [model.Runner] that, where it may, runs on the CPU what the GPU has no memory for.
type part struct {
	partPlan
	auto bool
	pool *workers.Pool
	on   atomic.Pointer[device.Graph] // nil once it gave way
}

// parts are those of a pipeline.
type parts struct {
	auto    bool // Options.Parts is ""
	options device.GraphOptions
	c       *gpu.CUDA
	pool    *workers.Pool
	loaded  []*part
	all     []Part
}

// Parts tells where the networks beside the denoiser run, as they were opened; a model of pixels has none.
func (pl *place) Parts() []Part { return slices.Clone(pl.parts.all) }

// openParts puts parts on the GPU, in the order of the list.
func (pl *place) openParts(plans []partPlan, o Options) error {
	c, ok := pl.dev.(*gpu.CUDA)
	s := &pl.parts
	s.auto, s.pool = o.Parts == "", pl.pool
	if !ok || o.Parts == "cpu" || s.auto && pl.net == nil {
		for _, x := range plans {
			s.all = append(s.all, Part{Name: x.name})
			if o.bfloat() && !x.exact {
				if err := x.weights.UseBFloat16(); err != nil {
					return err
				}
			}
		}
		return nil
	}
	t, err := o.precision()
	if err != nil {
		return err
	}
	s.c, s.options = c, device.GraphOptions{Type: t, Autotune: o.Autotune}
	if pl.net != nil {
		s.options.Reserve = pl.net.RunBytes()
	}
	for _, x := range plans {
		loaded, err := s.load(context.Background(), x)
		if err != nil && !(s.auto && lacking(err)) {
			return &PartError{Part: x.name, Err: err}
		}
		s.all = append(s.all, Part{Name: x.name, Device: err == nil, Err: err})
		if err == nil {
			s.loaded = append(s.loaded, loaded)
		}
	}
	return nil
}

// load puts a part on the GPU.
func (s *parts) load(ctx context.Context, x partPlan) (*part, error) {
	o := s.options
	o.Rows, o.Size = x.rows, x.size
	if x.exact && o.Type == gpu.Float16 {
		o.Type = gpu.Float32
	}
	g, err := device.LoadGraph(ctx, s.c, x.graph, x.weights, o)
	if err != nil {
		return nil, err
	}
	r := &part{partPlan: x, auto: s.auto, pool: s.pool}
	r.on.Store(g)
	return r, nil
}

// lacking tells of a failure that the CPU does not have: memory, or an operation that the GPU does not do.
func lacking(err error) bool {
	var memory *device.MemoryError
	var operation *lower.Error
	var plan *cudnn.NoPlanError
	return errors.As(err, &memory) || errors.As(err, &operation) || errors.As(err, &plan) || errors.Is(err, cuda.OutOfMemory)
}

// runner is what runs a graph on the GPU, nil for the CPU.
func (s *parts) runner(g *model.Graph) model.Runner {
	for _, r := range s.loaded {
		if r.graph == g {
			return r
		}
	}
	return nil
}

// Run implements [model.Runner].
func (r *part) Run(ctx context.Context, rows int, size model.Size, in model.Inputs, out [][]float32) error {
	g := r.on.Load()
	if g != nil {
		err := g.Run(ctx, rows, size, in, out)
		gone := errors.Is(err, cuda.ErrClosed) && r.on.Load() == nil // gave way while it waited
		switch {
		case err == nil:
			return nil
		case !gone && !(r.auto && lacking(err)):
			return &PartError{Part: r.name, Err: err}
		}
	}
	ex, err := model.NewExecutorAt(r.graph, r.weights, rows, size, r.pool)
	if err != nil {
		return err
	}
	return ex.RunAll(ctx, rows, in, out)
}

// giveWay frees the parts for the denoiser, where they may run on the CPU, and tells whether there were any.
func (s *parts) giveWay() bool {
	any := false
	for _, r := range s.loaded {
		if g := r.on.Load(); s.auto && g != nil && r.on.CompareAndSwap(g, nil) {
			_ = g.Close() // what is not freed shows as memory that is still missing
			any = true
		}
	}
	return any
}

// sample is [sampler.Steps], and where the denoiser finds no memory beside the parts, once more without them.
func (pl *place) sample(ctx context.Context, m sampler.Model, reqs []sampler.Request) iter.Seq2[sampler.Step, error] {
	return func(yield func(sampler.Step, error) bool) {
		first, again := true, false
		for s, err := range sampler.Steps(ctx, pl.dev, m, reqs) {
			if again = first && err != nil && lacking(err) && pl.parts.giveWay(); again {
				break
			}
			first = false
			if !yield(s, err) {
				return
			}
		}
		if !again {
			return
		}
		for s, err := range sampler.Steps(ctx, pl.dev, m, reqs) {
			if !yield(s, err) {
				return
			}
		}
	}
}

// close frees the parts.
func (s *parts) close() error {
	var errs []error
	for _, r := range s.loaded {
		if g := r.on.Load(); g != nil {
			errs = append(errs, g.Close())
		}
	}
	return errors.Join(errs...)
}

// codec is an autoencoder whose halves run where they are.
func (s *parts) codec(a *model.Autoencoder) *model.Codec {
	return a.CodecOn(s.runner(a.Encoder().Graph()), s.runner(a.Decoder().Graph()), s.pool)
}

// encode encodes texts by an encoder, where the part runs that base is. One of other hidden states, for a clip skip, is
// put on the GPU for this once.
func (s *parts) encode(ctx context.Context, base, encoder *model.CLIPText, ids [][]int32) (hidden, pooled []float32, err error) {
	on := s.runner(base.Graph())
	if r, ok := on.(*part); ok && encoder != base {
		x := r.partPlan
		x.graph, x.weights = encoder.Graph(), encoder.Weights()
		once, err := s.load(ctx, x)
		switch {
		case err == nil:
			defer once.on.Load().Close()
			on = once
		case s.auto && lacking(err):
			on = nil
		default:
			return nil, nil, &PartError{Part: x.name, Err: fmt.Errorf("clip skip: %w", err)}
		}
	}
	if on == nil {
		return encoder.Encoder(s.pool).Encode(ctx, ids)
	}
	return encoder.EncoderOn(on).Encode(ctx, ids)
}
