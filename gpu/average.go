package gpu

// addAverage adds elements lo to hi of the outputs c and u to the running average of momentum (Sadat et al. 2024,
// arXiv:2410.02416; MomentumBuffer in diffusers):
//
//	average = (c-u) + momentum*average
//
// each operation rounded. It is zero where the run starts, and stages without guidance leave it alone. Mirror of
// cuda/average.cuh: a launch before that of the scalars, because it splits and they do not.
func (r *cpuRow) addAverage(lo, hi int) {
	c, u := r.out[lo:hi], r.out[len(r.x)+lo:len(r.x)+hi]
	average, momentum := r.average[lo:hi], r.scalars.project.momentum
	for i, v := range average {
		average[i] = float32(c[i]-u[i]) + float32(momentum*v)
	}
}

// averages tells whether the row's next stage adds to its average.
func (r *cpuRow) averages() bool { return r.average != nil && r.table[r.stage].averages() }

// averageTask is the launch grid of the averages: live requests times chunks of elements.
type averageTask cpuProgram

// Do implements workers.Task.
func (p *averageTask) Do(i int) {
	r := &p.rows[p.live[i/p.chunks]]
	if lo := i % p.chunks * chunkElems; r.averages() {
		r.addAverage(lo, min(lo+chunkElems, p.elems))
	}
}

// averages does the launch of the averages, when some request needs it.
func (p *cpuProgram) averages() {
	for _, i := range p.live {
		if p.rows[i].averages() {
			p.pool.Run(len(p.live)*p.chunks, (*averageTask)(p))
			return
		}
	}
}

// second returns what the second weight is for, elements lo to hi of the average or of the second output.
func (r *cpuRow) second(lo, hi int) []float32 {
	if r.average != nil {
		return r.average[lo:hi]
	}
	return r.out[len(r.x)+lo : len(r.x)+hi]
}
