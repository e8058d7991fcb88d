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
// Step enqueues one kernel (two where a plan reduces, one graph after Capture) and allocates nothing.
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
	reduce     *cuda.Launch // nil when no plan reduces
	update     *cuda.Launch
	graph      *cuda.Graph // nil before Capture
	network    bool        // the graph evaluates the network too
	enqueue    func() error
	closed     bool
}

func newCUDAProgram(c *CUDA, b *batch, reqs []sampler.Request) *cudaProgram {
	n := len(reqs)
	p := &cudaProgram{c: c, b: b, stages: make([]int, n), hasD: make([]bool, n), left: n,
		active: make([]int, 0, len(b.conds))}
	p.enqueue = p.step
	return p
}

// open allocates, uploads and starts. It runs on the device's thread.
func (p *cudaProgram) open(reqs []sampler.Request) error {
	var err error
	if p.stream, err = p.c.dev.NewStream(); err != nil {
		return err
	}
	if err = p.tables.upload(p.c.dev, p.b); err != nil {
		return err
	}
	if p.arena, err = p.c.dev.Alloc(4 * int64(p.b.arena)); err != nil {
		return err
	}
	rows := len(p.b.conds)
	for _, n := range []struct {
		buf   **DeviceBuffer
		elems int
		dtype DType
	}{{&p.in, rows * p.b.elems, p.c.dtype}, {&p.out, rows * p.b.elems, p.c.dtype}, {&p.t, rows, Float32}} {
		if *n.buf, err = newDeviceBuffer(p.c, p.stream, n.elems, n.dtype); err != nil {
			return err
		}
	}
	p.eval = sampler.Eval{Elems: p.b.elems, Conds: p.b.conds, In: p.in, T: p.t, Out: p.out}
	// Registers that a kernel loads before they were written are skipped; here they are also defined.
	if err = p.stream.Fill(p.arena, 0, 0, p.arena.Size()); err != nil {
		return err
	}
	if err = p.given(reqs); err != nil {
		return err
	}
	return p.launches()
}

// given uploads what the requests bring along: initial noise, known values and masks.
func (p *cudaProgram) given(reqs []sampler.Request) error {
	if err := p.stream.Sync(context.Background()); err != nil { // the arena is filled
		return err
	}
	for i := range reqs {
		r := &p.b.rows[i]
		if reqs[i].Init != nil {
			if err := p.put(r.x, reqs[i].Init); err != nil {
				return err
			}
		}
		if in := reqs[i].Inpaint; in != nil {
			if err := p.put(r.known, in.Known); err != nil {
				return err
			}
			if err := p.put(r.mask, in.Mask); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *cudaProgram) put(at uint64, v []float32) error {
	return p.c.dev.Write(p.arena, 4*int64(at), bytesOf(v))
}

// launches prepares the kernels of a stage and runs the one that comes before all stages.
func (p *cudaProgram) launches() error {
	b, tab, arena := p.b, &p.tables, p.arena.Ptr()
	rows, elems := len(b.rows), uint64(b.elems)
	grid := cuda.Dim{X: rows, Y: parts(b.elems, rows, p.c.dev.Info().SMs)}
	block := cuda.Dim{X: stepThreads}

	first := "start"
	if b.elems%4 != 0 {
		first = "start_any"
	}
	start, err := p.prepare(first, cuda.Geometry{Grid: grid, Block: block},
		tab.rows, arena, p.in.Ptr(), p.t.Ptr(), elems)
	if err != nil {
		return err
	}
	defer start.Close()
	if err := p.stream.Launch(start); err != nil {
		return err
	}
	if b.reduces {
		p.reduce, err = p.prepare("row_scalars",
			cuda.Geometry{Grid: cuda.Dim{X: rows}, Block: cuda.Dim{X: scalarThreads}},
			tab.entries, tab.rows, tab.weights, tab.state, arena, p.out.Ptr(), tab.scalars, elems)
		if err != nil {
			return err
		}
	}
	p.update, err = p.prepare("fused_step_"+b.kernel(), cuda.Geometry{Grid: grid, Block: block},
		tab.entries, tab.rows, tab.weights, tab.state, arena, p.in.Ptr(), p.out.Ptr(), p.t.Ptr(), tab.scalars, elems)
	return err
}

func (p *cudaProgram) prepare(name string, g cuda.Geometry, args ...uint64) (*cuda.Launch, error) {
	k, err := p.c.kernel(name)
	if err != nil {
		return nil, err
	}
	return k.Prepare(g, args...)
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
	return p.kernels()
}

func (p *cudaProgram) kernels() error {
	if p.reduce != nil {
		if err := p.stream.Launch(p.reduce); err != nil {
			return err
		}
	}
	return p.stream.Launch(p.update)
}

// Capturer is a Program whose steps can be made one graph.
type Capturer interface {
	// Capture records network and the update once; every later Step replays them, one call to the
	// driver. network enqueues an evaluation of all network rows on the stream and must not wait for
	// it; Active is empty from then on, as nothing is left for a Model to do. nil records the update
	// alone, and the Model goes on. It is called before the first Step.
	Capture(network func(s *cuda.Stream, e *sampler.Eval) error) error
}

var _ Capturer = (*cudaProgram)(nil)

// Capture implements [Capturer].
func (p *cudaProgram) Capture(network func(s *cuda.Stream, e *sampler.Eval) error) error {
	if p.closed {
		return sampler.ErrClosed
	}
	return p.c.dev.Do(func() error {
		if err := p.stream.BeginCapture(); err != nil {
			return err
		}
		var err error
		if network != nil {
			err = network(p.stream, &p.eval)
		}
		if err == nil {
			err = p.kernels()
		}
		graph, end := p.stream.EndCapture()
		if err == nil {
			err = end
		}
		if err != nil {
			if graph != nil {
				_ = graph.Close() // the first error is the one to tell
			}
			return err
		}
		if p.graph != nil {
			_ = p.graph.Close()
		}
		p.graph, p.network = graph, network != nil
		return nil
	})
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
	return p.c.dev.Do(func() error { return p.free() })
}

// free gives back everything and returns what went wrong in doing so.
func (p *cudaProgram) free() error {
	var errs []error
	if p.stream != nil {
		errs = append(errs, p.stream.Sync(context.Background()))
	}
	for _, l := range []*cuda.Launch{p.reduce, p.update} {
		if l != nil {
			errs = append(errs, l.Close())
		}
	}
	if p.graph != nil {
		errs = append(errs, p.graph.Close())
	}
	for _, b := range []*DeviceBuffer{p.in, p.out, p.t} {
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
