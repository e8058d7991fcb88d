//go:build cuda

package device

import (
	"context"
	"errors"

	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/cudiffuse/cudiffuse/cuda/cudnn"
	"github.com/cudiffuse/cudiffuse/gpu"
	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/model/lower"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// run is a lowered network with memory, for the buffers of one program. All its methods
// run on the device's thread.
type run struct {
	n           *Network
	eval        *sampler.Eval
	stream      *cuda.Stream
	prog        *lower.Program
	arena, work *cuda.Buffer
	steps       []boundStep
}

// boundStep is a step with addresses: an execution or launches.
type boundStep struct {
	exec     *cudnn.Execution
	launches []*cuda.Launch
}

// prepare makes a run for an evaluation and computes what its conditions determine.
func (s *Sized) prepare(ctx context.Context, e *sampler.Eval) (*run, error) {
	n := s.n
	at, stream, err := s.buffers(e)
	if err != nil {
		return nil, err
	}
	conds, err := newConditions(n.net, e.Conds, s.replace != nil)
	if err != nil {
		return nil, err
	}
	prog, err := s.lower(len(e.Conds), conds.tokens, conds.perturbed, at[lower.Variance] != 0)
	if err != nil {
		return nil, err
	}
	plans, err := n.planner.all(ctx, prog)
	if err != nil {
		return nil, err
	}
	if err := s.fits(prog, plans, 0); err != nil {
		return nil, err
	}
	r := &run{n: n, eval: e, stream: stream, prog: prog}
	err = r.open(plans, at)
	if err == nil {
		err = r.conditions(ctx, conds)
	}
	if err != nil {
		_ = r.close() // what matters is the first error
		return nil, err
	}
	return r, nil
}

// buffers are where those of an evaluation on this device are, and its stream. That of the variance is there only if a
// plan wants it.
func (s *Sized) buffers(e *sampler.Eval) (map[lower.Region]uint64, *cuda.Stream, error) {
	at := map[lower.Region]uint64{}
	var stream *cuda.Stream
	for region, b := range map[lower.Region]sampler.Buffer{lower.Sample: e.In, lower.Timestep: e.T, lower.Result: e.Out,
		lower.Variance: e.Variance} {
		if b == nil && region == lower.Variance {
			continue
		}
		x, ok := b.(*gpu.DeviceBuffer)
		if !ok || x.Stream() == nil {
			return nil, nil, &model.InputError{Input: "sample", Detail: "is not in the memory of " + s.n.c.Name()}
		}
		at[region], stream = x.Ptr(), x.Stream()
	}
	if want := sampler.Elems(s.Shape()); e.Elems != want {
		return nil, nil, &model.InputError{Input: "sample", Detail: "has not the size that the network was loaded for"}
	}
	return at, stream, nil
}

// scratch is what the steps of a program need beside the arena: they run one after
// another and share it.
func scratch(prog *lower.Program, plans []*cudnn.Plan) int64 {
	most := prog.Work
	for _, p := range plans {
		if p != nil {
			most = max(most, p.Workspace())
		}
	}
	return most
}

func (r *run) open(plans []*cudnn.Plan, base map[lower.Region]uint64) error {
	var err error
	if r.arena, err = r.n.dev.Alloc(max(1, r.prog.Arena)); err != nil {
		return err
	}
	if r.work, err = r.n.dev.Alloc(max(1, scratch(r.prog, plans))); err != nil {
		return err
	}
	base[lower.Arena], base[lower.WeightStore] = r.arena.Ptr(), r.n.weights.Ptr()
	at := r.prog.Locator(base)
	r.steps = make([]boundStep, len(r.prog.Steps))
	for i := range r.prog.Steps {
		if r.steps[i], err = r.bind(&r.prog.Steps[i], plans[i], at); err != nil {
			return err
		}
	}
	return nil
}

// bind gives a step its addresses.
func (r *run) bind(s *lower.Step, plan *cudnn.Plan, at func(lower.Ref) uint64) (boundStep, error) {
	var b boundStep
	if s.Fusion != nil {
		memory := make(map[int64]uint64, len(s.Operands))
		for _, o := range s.Operands {
			memory[o.ID] = at(o.Ref)
		}
		var err error
		b.exec, err = plan.BindAs(s.Fusion, memory, r.work.Ptr())
		return b, err
	}
	for _, l := range s.Kernel(at, r.work.Ptr()).Launches() {
		k, err := r.n.c.Kernel(l.Kernel)
		if err != nil {
			return b, err
		}
		launch, err := k.Prepare(l.Geometry, l.Args...)
		if err != nil {
			return b, err
		}
		b.launches = append(b.launches, launch)
	}
	return b, nil
}

// conditions uploads the conditions, and what follows from the size, and runs the steps that need nothing else.
func (r *run) conditions(ctx context.Context, c *conditions) error {
	if err := r.stream.Sync(ctx); err != nil {
		return err
	}
	err := r.upload(func(_ int, in lower.Input) ([]byte, error) { return c.encode(r.prog, in) })
	if err != nil {
		return err
	}
	return r.enqueue(r.stream, true)
}

// upload brings what follows from the size, and the inputs as they are encoded, to the device.
func (r *run) upload(encode func(i int, in lower.Input) ([]byte, error)) error {
	for _, t := range r.prog.Tables {
		b := make([]byte, t.Bytes)
		t.Fill(b)
		if err := r.n.dev.Write(r.arena, r.prog.Buffers[t.Buffer].Offset, b); err != nil {
			return err
		}
	}
	for i, in := range r.prog.Inputs {
		b, err := encode(i, in)
		if err != nil {
			return err
		}
		if err := r.n.dev.Write(r.arena, r.prog.Buffers[in.Buffer].Offset, b); err != nil {
			return err
		}
	}
	return nil
}

// enqueue puts the steps of the loop, or those before it, on a stream. It allocates
// nothing.
func (r *run) enqueue(s *cuda.Stream, prologue bool) error {
	steps := r.steps[r.prog.Prologue:]
	if prologue {
		steps = r.steps[:r.prog.Prologue]
	}
	if err := r.n.handle.SetStream(s); err != nil {
		return err
	}
	for i := range steps {
		if err := steps[i].enqueue(r.n.handle, s); err != nil {
			return err
		}
	}
	return nil
}

func (b *boundStep) enqueue(h *cudnn.Handle, s *cuda.Stream) error {
	if b.exec != nil {
		return b.exec.Run(h)
	}
	for _, l := range b.launches {
		if err := s.Launch(l); err != nil {
			return err
		}
	}
	return nil
}

// close frees the run once its work is done. A stream that its program has closed has none left.
func (r *run) close() error {
	var errs []error
	if err := r.stream.Sync(context.Background()); !errors.Is(err, cuda.ErrClosed) {
		errs = append(errs, err)
	}
	for _, b := range r.steps {
		if b.exec != nil {
			errs = append(errs, b.exec.Close())
		}
		for _, l := range b.launches {
			errs = append(errs, l.Close())
		}
	}
	r.steps = nil
	for _, m := range []**cuda.Buffer{&r.arena, &r.work} {
		if *m != nil {
			errs = append(errs, (*m).Free())
			*m = nil
		}
	}
	return errors.Join(errs...)
}
