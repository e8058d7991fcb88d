package gpu

import (
	"fmt"

	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// chunkElems is the number of elements of one task: enough to hide the hand-over of a task (about a
// microsecond), few enough to share an image among threads.
const chunkElems = 4096

// cpuRow is one request of a batch.
type cpuRow struct {
	table   []entry
	stage   int // stages done
	seed    uint64
	weights []float32 // of the conditions
	now     []float32 // those of the running stage
	first   int       // first network row
	x, d    []float32 // [elems]
	base    []float32 // [elems] or nil when the plan does not use it
	h       [sampler.Slots][]float32
	in, out []float32 // [conditions, elems], part of the network's buffers
	t       []float32 // [conditions]
	hasD    bool      // d was written

	known, mask []float32 // [elems] in-painting, or nil
	average     []float32 // [elems] of the projection's momentum, nil for none
	scalars     *scalars  // nil when the plan needs none
	terms       []noiseTerm
	noises      func(draw int, dst []float32) // in place of the seed's, or nil
	drawn       [2][]float32                  // [elems] what they drew for the stage
	variance    []float32                     // [elems] the network's, of the first condition; nil when no plan asks for it
	origin      *origin
}

// cpuProgram implements sampler.Program. Nothing in it allocates after Program returned.
type cpuProgram struct {
	pool   *workers.Pool
	elems  int
	chunks int // tasks per request
	rows   []cpuRow
	live   []int // requests that are not done, increasing
	active []int // storage of eval.Active
	eval   sampler.Eval
	closed bool
}

// Next implements [sampler.Program].
func (p *cpuProgram) Next() *sampler.Eval {
	if p.closed || len(p.live) == 0 {
		return nil
	}
	p.active = p.active[:0]
	for _, i := range p.live {
		r := &p.rows[i]
		if !r.table[r.stage].has(flagEval) {
			continue
		}
		stage := &r.origin.plan.Stages[r.stage]
		for k := range r.weights {
			if stage.Uses(k) {
				p.active = append(p.active, r.first+k)
			}
		}
	}
	p.eval.Active = p.active
	return &p.eval
}

// Step implements [sampler.Program].
func (p *cpuProgram) Step() error {
	if p.closed {
		return sampler.ErrClosed
	}
	for _, i := range p.live {
		r := &p.rows[i]
		r.guidance(&r.table[r.stage])
		r.draw(&r.table[r.stage])
	}
	p.averages()
	p.reduce()
	p.pool.Run(len(p.live)*p.chunks, (*updateTask)(p))
	live := p.live[:0]
	for _, i := range p.live {
		r := &p.rows[i]
		e := &r.table[r.stage]
		if e.has(flagNext) {
			fill(r.t, e.nextT)
		}
		r.hasD = r.hasD || e.has(flagEval)
		if r.stage++; r.stage < len(r.table) {
			live = append(live, i)
		}
	}
	p.live = live
	return nil
}

// updateTask is the launch grid of the fused update: live requests times chunks of elements.
type updateTask cpuProgram

// Do implements workers.Task.
func (p *updateTask) Do(i int) {
	r := &p.rows[p.live[i/p.chunks]]
	lo := i % p.chunks * chunkElems
	r.update(&r.table[r.stage], lo, min(lo+chunkElems, p.elems))
}

// start writes the initial samples and the first network inputs.
func (p *cpuProgram) start(reqs []sampler.Request) {
	p.pool.Run(len(p.rows)*p.chunks, &startTask{p, reqs})
	for i := range p.rows {
		fill(p.rows[i].t, newFirst(&reqs[i]).t)
	}
}

type startTask struct {
	*cpuProgram
	reqs []sampler.Request
}

// Do implements workers.Task:
//
//	x = init * noise(draw 0),  base = x,  in = c_in*x
//
// or the registers of a request that goes on, and its input.
func (s *startTask) Do(i int) {
	row := i / s.chunks
	lo := i % s.chunks * chunkElems
	hi := min(lo+chunkElems, s.elems)
	r, req := &s.rows[row], &s.reqs[row]
	if req.Resume != nil {
		r.resume(req.Resume, lo, hi)
	} else {
		r.begin(req, lo, hi)
	}
	if first := newFirst(req); first.eval {
		r.input(first.in, lo, hi)
	}
}

// begin writes elements lo to hi of the initial sample.
func (r *cpuRow) begin(req *sampler.Request, lo, hi int) {
	x := r.x[lo:hi]
	if req.Init != nil {
		copy(x, req.Init[lo:hi])
	} else {
		Normals(x, req.Seed, 0, lo)
	}
	scale(x, float32(req.Plan.Init), x)
	if r.base != nil {
		copy(r.base[lo:hi], x)
	}
}

// Stage implements [sampler.Program]. It is -1 when there is no such row.
func (p *cpuProgram) Stage(row int) int {
	if row < 0 || row >= len(p.rows) {
		return -1
	}
	return p.rows[row].stage
}

// Read implements [sampler.Program].
func (p *cpuProgram) Read(row int, dst []float32) error {
	if err := p.checkRead(row, dst); err != nil {
		return err
	}
	copy(dst, p.rows[row].x)
	return nil
}

// Denoised implements [sampler.Program]. After a stage without evaluation it is still the
// prediction of the last stage that had one; before the first one there is none, which is an error.
func (p *cpuProgram) Denoised(row int, dst []float32) error {
	if err := p.checkRead(row, dst); err != nil {
		return err
	}
	if !p.rows[row].hasD {
		return errNotDenoised(row)
	}
	copy(dst, p.rows[row].d)
	return nil
}

func (p *cpuProgram) checkRead(row int, dst []float32) error {
	if p.closed {
		return sampler.ErrClosed
	}
	return checkRead(row, len(p.rows), p.elems, dst)
}

// checkRead checks the arguments of Read and Denoised.
func checkRead(row, rows, elems int, dst []float32) error {
	switch {
	case row < 0 || row >= rows:
		return &sampler.RequestError{Row: -1, Field: "row",
			Detail: fmt.Sprintf("%d: want 0 to %d", row, rows-1)}
	case len(dst) != elems:
		return &sampler.RequestError{Row: row, Field: "dst",
			Detail: fmt.Sprintf("%d values: want %d", len(dst), elems)}
	}
	return nil
}

func errNotDenoised(row int) error {
	return &sampler.RequestError{Row: row, Field: "denoised",
		Detail: "no stage has evaluated the network yet"}
}

// Close implements [sampler.Program]. Buffers that a caller still holds stay readable.
func (p *cpuProgram) Close() error {
	p.closed = true
	p.eval = sampler.Eval{}
	for i := range p.rows {
		p.rows[i] = cpuRow{stage: p.rows[i].stage}
	}
	return nil
}

func fill(s []float32, v float32) {
	for i := range s {
		s[i] = v
	}
}
