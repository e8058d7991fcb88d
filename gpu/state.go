package gpu

import (
	"context"
	"fmt"
	"slices"

	"github.com/cudiffuse/cudiffuse/sampler"
)

// Saving requests in mid-run and going on with them, on either device.

var (
	_ sampler.Saver = (*cpuProgram)(nil)
	_ sampler.Saver = (*cudaProgram)(nil)
)

// origin is what a program keeps of a request: its plan, and what it needs to save it later.
type origin struct {
	plan    *sampler.Plan // a copy of its own, shared by requests of one plan
	seed    uint64
	weights []float64
}

func newOrigins(reqs []sampler.Request) []origin {
	plans := map[*sampler.Plan]*sampler.Plan{}
	o := make([]origin, len(reqs))
	for i := range reqs {
		r := &reqs[i]
		if plans[r.Plan] == nil {
			plans[r.Plan] = r.Plan.Clone()
		}
		o[i] = origin{plan: plans[r.Plan], seed: r.Seed, weights: make([]float64, len(r.Conds))}
		for k, w := range r.Conds {
			o[i].weights[k] = w.Weight
		}
	}
	return o
}

// state returns a state of the request without its registers, and which of them it needs.
func (o *origin) state(stage int) (*sampler.State, sampler.Live) {
	return &sampler.State{Plan: o.plan.Clone(), Stage: stage, Seed: o.seed, Weights: slices.Clone(o.weights)},
		o.plan.Live(stage)
}

// first is what the network gets first: the stage after those that are done.
type first struct {
	eval  bool
	in, t float32
}

func newFirst(req *sampler.Request) first {
	stage := 0
	if req.Resume != nil {
		stage = req.Resume.Stage
	}
	if stage == len(req.Plan.Stages) {
		return first{}
	}
	st := &req.Plan.Stages[stage]
	f := first{eval: st.Eval, t: float32(st.At.T)}
	if st.Eval {
		f.in = float32(st.At.In)
	}
	return f
}

func checkRow(row, rows int) error {
	if row < 0 || row >= rows {
		return &sampler.RequestError{Row: -1, Field: "row", Detail: fmt.Sprintf("%d: want 0 to %d", row, rows-1)}
	}
	return nil
}

// Save implements [sampler.Saver].
func (p *cpuProgram) Save(row int) (*sampler.State, error) {
	if p.closed {
		return nil, sampler.ErrClosed
	}
	if err := checkRow(row, len(p.rows)); err != nil {
		return nil, err
	}
	r := &p.rows[row]
	s, live := r.origin.state(r.stage)
	s.X = slices.Clone(r.x)
	if live.D {
		s.D = slices.Clone(r.d)
	}
	if live.Base {
		s.Base = slices.Clone(r.base)
	}
	for k := range s.H {
		if live.H[k] {
			s.H[k] = slices.Clone(r.h[k])
		}
	}
	if live.Average {
		s.Average = slices.Clone(r.average)
	}
	if r.mask != nil {
		s.Inpaint = &sampler.Inpaint{Known: slices.Clone(r.known), Mask: slices.Clone(r.mask)}
	}
	return s, nil
}

// resume writes elements lo to hi of the registers. Those that s does not have are written before they are
// read, but for the average, which is then as it starts.
func (r *cpuRow) resume(s *sampler.State, lo, hi int) {
	put := func(dst, src []float32) {
		if src != nil {
			copy(dst[lo:hi], src[lo:hi])
		}
	}
	put(r.x, s.X)
	put(r.d, s.D)
	put(r.base, s.Base)
	for k := range r.h {
		put(r.h[k], s.H[k])
	}
	put(r.average, s.Average)
}

// Save implements [sampler.Saver]. It waits for the steps before it.
func (p *cudaProgram) Save(row int) (*sampler.State, error) {
	if p.closed {
		return nil, sampler.ErrClosed
	}
	if err := checkRow(row, len(p.stages)); err != nil {
		return nil, err
	}
	r := &p.b.rows[row]
	s, live := p.b.origins[row].state(p.stages[row])
	err := p.c.dev.Do(func() error {
		if err := p.stream.Sync(context.Background()); err != nil {
			return err
		}
		var err error
		get := func(wanted bool, dst *[]float32, at uint64) {
			if wanted && err == nil {
				*dst = make([]float32, p.b.elems)
				err = p.c.dev.Read(bytesOf(*dst), p.arena, 4*int64(at))
			}
		}
		get(true, &s.X, r.x)
		get(live.D, &s.D, r.d)
		get(live.Base, &s.Base, r.base)
		for k := range s.H {
			get(live.H[k], &s.H[k], r.h[k])
		}
		get(live.Average, &s.Average, r.average)
		if r.flags&rowInpaint != 0 {
			s.Inpaint = &sampler.Inpaint{}
			get(true, &s.Inpaint.Known, r.known)
			get(true, &s.Inpaint.Mask, r.mask)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// resume uploads the registers besides x of the requests that go on: after the kernel start, which made
// their network inputs and wrote x to base.
func (p *cudaProgram) resume(reqs []sampler.Request) error {
	synced := false
	for i := range reqs {
		s, r := reqs[i].Resume, &p.b.rows[i]
		if s == nil {
			continue
		}
		if !synced {
			if err := p.stream.Sync(context.Background()); err != nil {
				return err
			}
			synced = true
		}
		p.hasD[i] = s.D != nil
		v, at := [][]float32{s.D, s.Base, s.Average}, []uint64{r.d, r.base, r.average}
		for k := range s.H {
			v, at = append(v, s.H[k]), append(at, r.h[k])
		}
		for j := range v {
			if v[j] == nil {
				continue
			}
			if err := p.put(at[j], v[j]); err != nil {
				return err
			}
		}
	}
	return nil
}
