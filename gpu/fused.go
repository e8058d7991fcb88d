package gpu

// fused is what the assembly of the update reads: the reference's arguments for some elements, each pointer at the
// first of them. Its layout is that of gen/fused.go.
type fused struct {
	r             [regs]*float32 // registers in memory; raw and unc are never there
	slot          *float32       // h[e.slot]
	known, mask   *float32
	out, in       *float32 // of the first condition
	weights       *float32
	conds         int
	pitch         int // bytes from one condition to the next
	x, base, push [regs]float32
	skip, gain    float32
	factor, limit float32
	nextIn        float32
	reads         [3]uint32 // bit j of register j, for the rows x, base and push
	does          uint32
}

// What the assembly does: fused.does.
const (
	doEval = 1 << iota
	doFactor
	doSkip
	doGain
	doUnc // of the last condition; else unc is raw
	doClip
	doDivide // by the limit
	doInpaint
	doBase
	doPush
	doNext
)

// does turns a condition into a bit.
func does(bit uint32, when bool) uint32 {
	if when {
		return bit
	}
	return 0
}

// newFused is what does not depend on the element.
func (r *cpuRow) newFused(e *entry) (f fused) {
	f.weights, f.conds, f.pitch = &r.now[0], len(r.weights), 4*len(r.x)
	f.x, f.base, f.push = e.x, e.base, e.push
	f.skip, f.gain, f.limit, f.nextIn = e.skip, e.out, e.clip, e.nextIn
	f.reads = [3]uint32{mask(&e.x), mask(&e.base), mask(&e.push)}
	f.does = does(doSkip, e.skip != 0) | does(doGain, e.out != 0) | does(doInpaint, r.mask != nil) |
		does(doEval, e.has(flagEval)) | does(doBase, e.has(flagBase)) | does(doPush, e.has(flagPush)) |
		does(doNext, e.has(flagNext)) | does(doUnc, e.has(flagUnc) && len(r.weights) > 1)
	if s := r.scalars; s != nil {
		f.factor = s.factor
		f.does |= does(doFactor, s.rescale != nil)
		if s.limits != nil {
			f.limit = s.limit
			f.does |= doDivide
		}
	}
	f.does |= does(doClip, f.limit > 0)
	return f
}

// at sets the pointers to element lo. A register that is not there has no coefficient.
func (f *fused) at(r *cpuRow, e *entry, lo int) {
	f.r[regX], f.r[regD] = &r.x[lo], &r.d[lo]
	f.r[regBase] = from(r.base, lo)
	for k, h := range r.h {
		f.r[regH+k] = from(h, lo)
	}
	f.slot = from(r.h[e.slot], lo)
	f.known, f.mask = from(r.known, lo), from(r.mask, lo)
	f.out, f.in = &r.out[lo], &r.in[lo]
}

func from(v []float32, lo int) *float32 {
	if v == nil {
		return nil
	}
	return &v[lo]
}

// fuse is update of elements in assembly, as many as make whole vectors; it returns the first one left.
func (r *cpuRow) fuse(e *entry, lo, hi int) int {
	hi -= (hi - lo) % fusedLanes()
	if lo == hi {
		return lo
	}
	if e.has(flagN0 | flagN1) {
		r.fuseNoise(e, lo, hi)
		return hi
	}
	f := r.newFused(e)
	f.at(r, e, lo)
	fusedSIMD(hi-lo, &f)
	return hi
}

// noiseElems is how many elements have their noise made at a time: it passes through the first-level cache, and is
// long enough for the routine that makes it.
const noiseElems = 2048

// fuseNoise is fuse with noise.
func (r *cpuRow) fuseNoise(e *entry, lo, hi int) {
	var n0 [noiseElems]float32
	if !e.has(flagN1) {
		r.fuseBlocks(e, lo, hi, n0[:], nil)
		return
	}
	var n1 [noiseElems]float32
	r.fuseBlocks(e, lo, hi, n0[:], n1[:])
}

func (r *cpuRow) fuseBlocks(e *entry, lo, hi int, n0, n1 []float32) {
	f := r.newFused(e)
	f.r[regN], f.r[regN+1] = &n0[0], from(n1, 0)
	for ; lo < hi; lo += noiseElems {
		count := min(noiseElems, hi-lo)
		r.makeNoise(e, n0[:count], n1[:min(count, len(n1))], lo)
		f.at(r, e, lo)
		fusedSIMD(count, &f)
	}
}
