package gpu

import "github.com/cudiffuse/cudiffuse/sampler"

// scalars are the numbers that a stage may need of a whole sample before its update: the weights of a
// projection, the factor of guidance rescale and the limit of dynamic thresholding. On a GPU they are one
// launch before that of the update, with one block of 1024 threads a request, which fixes the order of the
// sums:
//
//	w      = projection(out[0], out[1])        see projection; with Plan.Projection. With its momentum the
//	                                           average stands for out[1], here and below
//	m      = sum_c w[c]*out[c]                 as the update makes it
//	factor = phi*std(out[0])/std(m) + (1-phi)  see rescaleFactor; with Plan.Rescale
//	m      = factor*m
//	raw    = skip*x + out*m
//	limit  = quantile(|raw|)                   see limits.of; with Plan.Threshold
//
// So with both, the quantile is that of the rescaled prediction. Each product and sum is rounded on
// its own, as in the update. unc is always made without the factor, unless it is raw because there
// is one condition only.
type scalars struct {
	project *projection // nil: the weights are the request's
	rescale *rescaling  // nil: factor is not used
	limits  *limits     // nil: limit is not used

	factor, limit float32   // of the running stage
	v             []float32 // [elems] m, then raw
}

// newScalars returns nil for a plan that needs none.
func newScalars(elems int, p *sampler.Plan) *scalars {
	if !p.Reduces() {
		return nil
	}
	s := &scalars{v: make([]float32, elems)}
	if p.Projection != nil {
		s.project = newProjection(p.Projection)
	}
	if p.Rescale != 0 {
		s.rescale = newRescaling(p.Rescale)
	}
	if p.Threshold != nil {
		s.limits = newLimits(elems, p.Threshold)
	}
	return s
}

// reduce makes the scalars of stage e, which evaluates the network.
func (r *cpuRow) reduce(e *entry) {
	s := r.scalars
	elems := len(r.x)
	if s.project != nil && !e.has(flagFirst|flagNone) {
		r.now[0], r.now[1] = s.project.weights(r.weights[0], r.weights[1], r.out[:elems], r.second(0, elems))
	}
	if s.rescale == nil && s.limits == nil {
		return
	}
	for lo := 0; lo < elems; lo += blockElems {
		hi := min(lo+blockElems, elems)
		r.guide(s.v[lo:hi], lo, hi)
	}
	if s.rescale != nil {
		s.factor = s.rescale.factor(r.out[:elems], s.v)
		scale(s.v, s.factor, s.v)
	}
	if s.limits == nil {
		return
	}
	var raw block
	for lo := 0; lo < elems; lo += blockElems {
		hi := min(lo+blockElems, elems)
		sum2(raw[:hi-lo], e.skip, r.x[lo:hi], e.out, s.v[lo:hi])
		copy(s.v[lo:hi], raw[:hi-lo])
	}
	s.limit = s.limits.of(s.v)
}

// scalarTask is the launch grid of the reduction: one index a live request, because a sum in a
// fixed order does not split.
type scalarTask cpuProgram

// Do implements workers.Task.
func (p *scalarTask) Do(i int) {
	r := &p.rows[p.live[i]]
	if r.reduces() {
		r.reduce(&r.table[r.stage])
	}
}

// reduces tells whether the row's next stage needs its scalars.
func (r *cpuRow) reduces() bool { return r.scalars != nil && r.table[r.stage].has(flagEval) }

// reduce does the launch before the update, when some request needs it.
func (p *cpuProgram) reduce() {
	for _, i := range p.live {
		if p.rows[i].reduces() {
			p.pool.Run(len(p.live), (*scalarTask)(p))
			return
		}
	}
}
