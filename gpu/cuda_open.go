package gpu

import (
	"context"

	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// open allocates, uploads and starts. It runs on the device's thread.
func (p *cudaProgram) open(reqs []sampler.Request) error {
	var err error
	if p.stream, err = p.c.dev.NewStream(); err != nil {
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
	}{{&p.in, rows * p.b.elems, p.c.dtype}, {&p.out, rows * p.b.elems, p.c.dtype}, {&p.t, rows, Float32},
		{&p.variance, rows * p.b.elems, p.c.dtype}} {
		if n.buf == &p.variance && !p.b.learns {
			continue
		}
		if *n.buf, err = newDeviceBuffer(p.c, p.stream, n.elems, n.dtype); err != nil {
			return err
		}
	}
	p.eval = sampler.Eval{Elems: p.b.elems, Conds: p.b.conds, In: p.in, T: p.t, Out: p.out}
	if p.variance != nil {
		p.eval.Variance = p.variance
	}
	if err = p.tables.upload(p.c.dev, p.b, p.variance); err != nil {
		return err
	}
	// Averages start from zero. Other registers that a kernel loads before they were written are skipped; here they are
	// also defined.
	if err = p.stream.Fill(p.arena, 0, 0, p.arena.Size()); err != nil {
		return err
	}
	if err = p.given(reqs); err != nil {
		return err
	}
	if err = p.launches(); err != nil {
		return err
	}
	return p.resume(reqs)
}

// given uploads what the requests bring along: initial noise, known values and masks.
func (p *cudaProgram) given(reqs []sampler.Request) error {
	if err := p.stream.Sync(context.Background()); err != nil { // the arena is filled
		return err
	}
	for i := range reqs {
		r := &p.b.rows[i]
		x := reqs[i].Init
		if reqs[i].Resume != nil {
			x = reqs[i].Resume.X
		}
		if x != nil {
			if err := p.put(r.x, x); err != nil {
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
	err := p.c.launch(p.stream, p.c.typed(first), cuda.Geometry{Grid: grid, Block: block},
		tab.rows, arena, p.in.Ptr(), p.t.Ptr(), elems)
	if err != nil {
		return err
	}
	if b.averages {
		name := "row_average"
		if b.elems%4 != 0 {
			name = "row_average_any"
		}
		p.average, err = p.prepare(name, cuda.Geometry{Grid: grid, Block: block},
			tab.entries, tab.rows, tab.state, arena, p.out.Ptr(), elems)
		if err != nil {
			return err
		}
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
	k, err := p.c.mod.Kernel(p.c.typed(name))
	if err != nil {
		return nil, err
	}
	return k.Prepare(g, args...)
}
