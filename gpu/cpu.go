package gpu

import (
	"fmt"
	"slices"

	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// CPU is the reference device: pure Go on a fixed set of threads. Its results do not depend on the
// number of threads. It may be used by many goroutines.
type CPU struct {
	pool *workers.Pool
}

var _ sampler.Device = (*CPU)(nil)

// NewCPU starts a device of the given number of threads; threads <= 0 means GOMAXPROCS.
func NewCPU(threads int) *CPU { return &CPU{pool: workers.New(threads)} }

// Name returns "cpu".
func (c *CPU) Name() string { return "cpu" }

// Threads returns the number of threads.
func (c *CPU) Threads() int { return c.pool.Threads() }

// Close ends the threads. Programs that are still open go on in their caller's thread. It may be
// called twice.
func (c *CPU) Close() error {
	c.pool.Close()
	return nil
}

// maxElems bounds one buffer (4 TiB of float32), so that sizes cannot overflow.
const maxElems = 1 << 40

// Program implements [sampler.Device]. The coefficients are rounded to float32 here, once; plans
// and the slices of requests may be changed or dropped afterwards.
//
// Its errors are those of [sampler.Check] for samples of shape [elems], a *[sampler.RequestError]
// for an initial scale that does not fit a float32 or a batch that is too large, and a
// *[sampler.PlanError] for a noise draw of 2^32 or more.
func (c *CPU) Program(elems int, reqs []sampler.Request) (sampler.Program, error) {
	rows, err := checkBatch(elems, reqs)
	if err != nil {
		return nil, err
	}
	p := &cpuProgram{
		pool:   c.pool,
		elems:  elems,
		chunks: (elems + chunkElems - 1) / chunkElems,
		rows:   make([]cpuRow, len(reqs)),
		live:   make([]int, 0, len(reqs)),
		active: make([]int, 0, rows),
	}
	in, out, t := make(HostBuffer, rows*elems), make(HostBuffer, rows*elems), make(HostBuffer, rows)
	p.eval = sampler.Eval{Elems: elems, Conds: make([]sampler.Cond, 0, rows), In: in, T: t, Out: out}
	var variance HostBuffer
	if learnsVariance(reqs) {
		variance = make(HostBuffer, rows*elems)
		p.eval.Variance = variance
	}
	first := 0
	origins := newOrigins(reqs)
	for i := range reqs {
		req, r := &reqs[i], &p.rows[i]
		if err := r.bind(elems, req); err != nil {
			return nil, err
		}
		r.origin = &origins[i]
		if r.stage < len(r.table) {
			p.live = append(p.live, i)
		}
		r.first = first
		next := first + len(req.Conds)
		r.in = in[first*elems : next*elems : next*elems]
		r.out = out[first*elems : next*elems : next*elems]
		r.t = t[first:next:next]
		if variance != nil {
			r.variance = variance[first*elems : (first+1)*elems : (first+1)*elems]
		}
		first = next
		for _, w := range req.Conds {
			p.eval.Conds = append(p.eval.Conds, w.Cond)
		}
	}
	p.start(reqs)
	return p, nil
}

// learnsVariance tells whether the network's variance is asked for.
func learnsVariance(reqs []sampler.Request) bool {
	for i := range reqs {
		if reqs[i].Plan.LearnsVariance() {
			return true
		}
	}
	return false
}

// checkBatch returns the number of network rows. Callers have checked their requests, but nothing
// that they pass may make a device fail later.
func checkBatch(elems int, reqs []sampler.Request) (rows int, err error) {
	if err := sampler.Check([]int{elems}, reqs); err != nil {
		return 0, err
	}
	for i := range reqs {
		rows += len(reqs[i].Conds)
	}
	if int64(elems) > maxElems/int64(rows) {
		return 0, &sampler.RequestError{Row: -1, Field: "elems",
			Detail: fmt.Sprintf("%d times %d network rows is more than 2^40", elems, rows)}
	}
	return rows, nil
}

// bind makes the state of one request; only registers that the plan uses get memory.
func (r *cpuRow) bind(elems int, req *sampler.Request) error {
	var err error
	if r.table, r.terms, err = newTable(req.Plan); err != nil {
		return err
	}
	r.seed, r.noises = req.Seed, req.Noise
	if s := req.Resume; s != nil {
		r.stage, r.hasD = s.Stage, s.D != nil
	}
	r.weights, r.now = make([]float32, len(req.Conds)), make([]float32, len(req.Conds))
	for k, w := range req.Conds {
		r.weights[k] = float32(w.Weight)
	}
	r.x, r.d = make([]float32, elems), make([]float32, elems)
	r.scalars = newScalars(elems, req.Plan)
	if req.Plan.Averages() {
		r.average = make([]float32, elems)
	}
	if req.Inpaint != nil {
		r.known, r.mask = slices.Clone(req.Inpaint.Known), slices.Clone(req.Inpaint.Mask)
	}
	for i := range r.table {
		e := &r.table[i]
		for k := range r.drawn {
			if r.noises != nil && e.draw[k] != 0 && r.drawn[k] == nil {
				r.drawn[k] = make([]float32, elems)
			}
		}
		if r.base == nil && (e.has(flagBase) || e.uses(regBase)) {
			r.base = make([]float32, elems)
		}
		if e.has(flagPush) && r.h[e.slot] == nil {
			r.h[e.slot] = make([]float32, elems)
		}
	}
	return nil
}
