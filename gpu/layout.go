package gpu

import (
	"math"
	"unsafe"

	"github.com/cudiffuse/cudiffuse/sampler"
)

// The tables that the kernels read, word for word as in cuda/layout.cuh; a test compares the two.

// What a row of a batch has beside its plan: Row.flags of the kernels.
const (
	rowInit      = 1 << iota // x holds the initial noise
	rowEval                  // the first stage evaluates the network
	rowBase                  // there is a base register
	rowInpaint               // known and mask are there
	rowThreshold             // d is limited to the row's own limit
	rowRescale               // m is multiplied by the row's own factor
	rowAPG                   // the weights are the row's own, by projection
	rowZeroStar
	rowTangential
	rowMomentum // of APG: the running average stands for the difference

	rowProject = rowAPG | rowZeroStar | rowTangential
	rowReduces = rowThreshold | rowRescale | rowProject
)

// deviceEntry is one stage.
type deviceEntry struct {
	entry
	reads uint32 // bit j is set when a row of the stage has a coefficient for register j
}

// deviceRow is one request. x to average are places in the arena, in elements.
type deviceRow struct {
	seed, table, stages, first, conds uint64
	x, d, base                        uint64
	h                                 [sampler.Slots]uint64
	known, mask, average              uint64
	variance, terms                   uint64 // addresses of the network's variance, and of the first term
	rank                              uint64
	lerp, rest, most                  float32
	phi, keep                         float32
	less, norm                        float32
	init, firstIn, firstT             float32
	flags                             uint32
	momentum                          float32
}

// deviceState is what the kernels keep of a request: the stages done, and a counter.
type deviceState struct{ stage, arrived uint32 }

// deviceScalars are the limit, the factor and the weights of a request's running stage.
type deviceScalars struct {
	limit, factor float32
	w             [2]float32
}

// batch is everything that a launch needs to know of the requests, as the host prepares it.
type batch struct {
	elems   int
	table   []deviceEntry
	terms   []noiseTerm
	rows    []deviceRow
	weights []float32 // of each network row
	arena   int       // elements of all registers
	conds   []sampler.Cond
	state   []deviceState
	origins []origin

	reduces  bool // some request needs its scalars
	averages bool // some request has a running average
	learns   bool // some request needs the network's variance
}

// newBatch rounds the plans to tables and gives every register that a plan uses its place. Requests
// have been checked.
func newBatch(elems int, reqs []sampler.Request) (*batch, error) {
	b := &batch{elems: elems, origins: newOrigins(reqs), learns: learnsVariance(reqs)}
	for i := range reqs {
		if err := b.add(&reqs[i]); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (b *batch) add(req *sampler.Request) error {
	table, terms, err := newTable(req.Plan)
	if err != nil {
		return err
	}
	r := deviceRow{seed: req.Seed, table: uint64(len(b.table)), stages: uint64(len(table)),
		first: uint64(len(b.conds)), conds: uint64(len(req.Conds)), init: float32(req.Plan.Init), terms: uint64(len(b.terms))}
	b.terms = append(b.terms, terms...)
	if req.Init != nil {
		r.flags |= rowInit
	}
	var state deviceState
	if s := req.Resume; s != nil {
		r.flags |= rowInit
		r.init = 1 // x is as it was
		state.stage = uint32(s.Stage)
	}
	b.state = append(b.state, state)
	first := newFirst(req)
	if first.eval {
		r.flags |= rowEval
	}
	r.firstIn, r.firstT = first.in, first.t
	var base bool
	var pushed [sampler.Slots]bool
	for _, e := range table {
		d := deviceEntry{entry: e}
		for j := range regs {
			if e.uses(j) {
				d.reads |= 1 << j
			}
		}
		base = base || e.has(flagBase) || e.uses(regBase)
		pushed[e.slot] = pushed[e.slot] || e.has(flagPush)
		b.table = append(b.table, d)
	}
	r.scalars(b.elems, req.Plan)
	b.place(&r, base, pushed, req.Inpaint != nil)
	b.reduces = b.reduces || r.flags&rowReduces != 0
	b.averages = b.averages || r.flags&rowMomentum != 0
	b.rows = append(b.rows, r)
	for _, w := range req.Conds {
		b.weights = append(b.weights, float32(w.Weight))
		b.conds = append(b.conds, w.Cond)
	}
	return nil
}

// place gives the registers of a row their places. One that the plan does not use shares that of x,
// where a kernel may read it and skips what it has read.
func (b *batch) place(r *deviceRow, base bool, pushed [sampler.Slots]bool, inpaint bool) {
	next := func() uint64 {
		at := b.arena
		b.arena += (b.elems + 3) &^ 3 // every register starts at a whole vector
		return uint64(at)
	}
	r.x, r.d = next(), next()
	r.base, r.known, r.mask, r.average = r.x, r.x, r.x, r.x
	if base {
		r.base = next()
		r.flags |= rowBase
	}
	for k := range r.h {
		r.h[k] = r.x
		if pushed[k] {
			r.h[k] = next()
		}
	}
	if inpaint {
		r.known, r.mask = next(), next()
		r.flags |= rowInpaint
	}
	if r.flags&rowMomentum != 0 {
		r.average = next()
	}
}

// scalars fills in what the reductions of the plan need.
func (r *deviceRow) scalars(elems int, p *sampler.Plan) {
	if p.Threshold != nil {
		l := newLimits(elems, p.Threshold)
		r.rank, r.lerp, r.rest, r.most = uint64(l.rank), l.lerp, l.rest, l.most
		r.flags |= rowThreshold
	}
	if p.Rescale != 0 {
		r.phi, r.keep = float32(p.Rescale), float32(1-p.Rescale)
		r.flags |= rowRescale
	}
	if g := p.Projection; g != nil {
		n := newProjection(g)
		r.less, r.norm = n.less, n.norm
		r.flags |= rowAPG << g.Kind
	}
	if p.Averages() {
		r.momentum = float32(p.Projection.Momentum)
		r.flags |= rowMomentum
	}
}

// bytesOf returns the memory of s. Tables and tensors go to the device as they are in host memory.
func bytesOf[T any](s []T) []byte {
	if len(s) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(s[0])))
}

// maxParts bounds the y dimension of a grid.
const maxParts = math.MaxUint16

// Threads of a block, as in the kernels.
const (
	stepThreads   = 256
	scalarThreads = blockThreads
)

// parts returns how many blocks share one request. Enough to fill the device, and no more than
// there are vectors of four elements; a thread that gets several vectors saves the rest of them the
// work that every thread does once.
func parts(elems, rows, sms int) int {
	vectors := (elems + 3) / 4
	most := (vectors + stepThreads - 1) / stepThreads
	const blocksPerSM = 8
	enough := (sms*blocksPerSM + rows - 1) / rows
	return max(1, min(most, enough, maxParts))
}
