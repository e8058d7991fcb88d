package gpu

import (
	"context"
	"errors"

	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// cudaProgram implements sampler.Program on a GPU. The host mirrors the stage of each request, which
// it knows without reading anything back: a request advances by one with every step until it is done.
//
// Step enqueues one kernel, before it the ones for averages and scalars where a request's stage needs them, or
// one graph of all after Capture, and allocates nothing.
type cudaProgram struct {
	c      *CUDA
	b      *batch
	stages []int  // done, by request
	hasD   []bool // d was written, by request
	left   int    // requests that are not done
	active []int  // storage of eval.Active
	eval   sampler.Eval

	stream     *cuda.Stream
	tables     tables
	arena      *cuda.Buffer
	in, out, t *DeviceBuffer
	variance   *DeviceBuffer // nil when no plan asks for it
	average    *cuda.Launch  // nil when no plan has a running average
	reduce     *cuda.Launch  // nil when no plan reduces
	update     *cuda.Launch
	graph      *cuda.Graph // nil before Capture
	network    bool        // the graph evaluates the network too
	enqueue    func() error
	onClose    []func() error
	closed     bool
}

func newCUDAProgram(c *CUDA, b *batch) *cudaProgram {
	n := len(b.rows)
	p := &cudaProgram{c: c, b: b, stages: make([]int, n), hasD: make([]bool, n), left: n,
		active: make([]int, 0, len(b.conds))}
	for i := range b.rows {
		p.stages[i] = int(b.state[i].stage)
		if p.stages[i] == int(b.rows[i].stages) {
			p.left--
		}
	}
	p.enqueue = p.step
	return p
}

// Next implements [sampler.Program].
func (p *cudaProgram) Next() *sampler.Eval {
	if p.closed || p.left == 0 {
		return nil
	}
	p.active = p.active[:0]
	for i := range p.b.rows {
		if e := p.entry(i); e == nil || !e.has(flagEval) || p.network {
			continue
		}
		for k := range p.b.rows[i].conds {
			p.active = append(p.active, int(p.b.rows[i].first+k))
		}
	}
	p.eval.Active = p.active
	return &p.eval
}

// entry returns the stage that request i does next, nil when it is done.
func (p *cudaProgram) entry(i int) *deviceEntry {
	r := &p.b.rows[i]
	if p.stages[i] >= int(r.stages) {
		return nil
	}
	return &p.b.table[int(r.table)+p.stages[i]]
}

// Step implements [sampler.Program].
func (p *cudaProgram) Step() error {
	if p.closed {
		return sampler.ErrClosed
	}
	if p.left == 0 {
		return nil
	}
	if err := p.c.dev.Do(p.enqueue); err != nil {
		return err
	}
	for i := range p.stages {
		e := p.entry(i)
		if e == nil {
			continue
		}
		p.hasD[i] = p.hasD[i] || e.has(flagEval)
		if p.stages[i]++; p.stages[i] == int(p.b.rows[i].stages) {
			p.left--
		}
	}
	return nil
}

func (p *cudaProgram) step() error {
	if p.graph != nil {
		return p.stream.Replay(p.graph)
	}
	var averages, reduces bool
	for i := range p.stages {
		if e := p.entry(i); e != nil && e.has(flagEval) {
			flags := p.b.rows[i].flags
			averages = averages || flags&rowMomentum != 0 && e.averages()
			reduces = reduces || flags&rowReduces != 0
		}
	}
	return p.kernels(averages, reduces)
}

// kernels enqueues a stage. Requests whose stage does not need a kernel are left alone by it.
func (p *cudaProgram) kernels(averages, reduces bool) error {
	if averages {
		if err := p.stream.Launch(p.average); err != nil {
			return err
		}
	}
	if reduces {
		if err := p.stream.Launch(p.reduce); err != nil {
			return err
		}
	}
	return p.stream.Launch(p.update)
}

// Stage implements [sampler.Program]. It is -1 when there is no such row.
func (p *cudaProgram) Stage(row int) int {
	if row < 0 || row >= len(p.stages) {
		return -1
	}
	return p.stages[row]
}

// Read implements [sampler.Program]. It waits for the steps before it.
func (p *cudaProgram) Read(row int, dst []float32) error {
	if err := p.checkRead(row, dst); err != nil {
		return err
	}
	return p.get(dst, p.b.rows[row].x)
}

// Denoised implements [sampler.Program].
func (p *cudaProgram) Denoised(row int, dst []float32) error {
	if err := p.checkRead(row, dst); err != nil {
		return err
	}
	if !p.hasD[row] {
		return errNotDenoised(row)
	}
	return p.get(dst, p.b.rows[row].d)
}

func (p *cudaProgram) checkRead(row int, dst []float32) error {
	if p.closed {
		return sampler.ErrClosed
	}
	return checkRead(row, len(p.stages), p.b.elems, dst)
}

func (p *cudaProgram) get(dst []float32, at uint64) error {
	return p.c.dev.Do(func() error {
		if err := p.stream.Sync(context.Background()); err != nil {
			return err
		}
		return p.c.dev.Read(bytesOf(dst), p.arena, 4*int64(at))
	})
}

// Close implements [sampler.Program]. It waits for what is enqueued.
func (p *cudaProgram) Close() error {
	if p.closed {
		return nil
	}
	p.closed = true
	p.eval = sampler.Eval{}
	return p.c.dev.Do(p.free)
}

// free gives back everything and returns what went wrong in doing so.
func (p *cudaProgram) free() error {
	var errs []error
	if p.stream != nil {
		errs = append(errs, p.stream.Sync(context.Background()))
	}
	for _, l := range []*cuda.Launch{p.average, p.reduce, p.update} {
		if l != nil {
			errs = append(errs, l.Close())
		}
	}
	if p.graph != nil {
		errs = append(errs, p.graph.Close())
	}
	for _, f := range p.onClose {
		errs = append(errs, f())
	}
	for _, b := range []*DeviceBuffer{p.in, p.out, p.t, p.variance} {
		if b != nil {
			errs = append(errs, b.mem.Free())
		}
	}
	for _, m := range []*cuda.Buffer{p.arena, p.tables.mem} {
		if m != nil {
			errs = append(errs, m.Free())
		}
	}
	if p.stream != nil {
		errs = append(errs, p.stream.Close())
	}
	return errors.Join(errs...)
}
