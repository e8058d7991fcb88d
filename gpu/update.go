package gpu

// blockElems is the number of elements that pass through all registers before the next ones: the
// scratch and the touched parts of the latents stay in the first-level cache.
const blockElems = 512

type block [blockElems]float32

// scratch holds the values of one block that a kernel keeps in registers.
type scratch struct {
	m, raw, unc, n0, n1 block
	x, base, push       block // the new values, written back when all rows are made
}

// update does stage e for elements lo to hi. It is the reference of this kernel, where k(...) are
// uniform over a thread block, and row_sum is the loop of [rowSum] over 11 registers:
//
//	const Entry& e = table[row][stage[row]];
//	float r[11] = {x[i], base[i], 0, 0, 0, h0[i], h1[i], h2[i], h3[i], 0, 0};  // if used
//	if (e.flags & kEval) {
//	    float m = 0.0f;
//	    for (int c = 0; c < conds; ++c)  // with the weights of the stage; out[1] is the average with momentum
//	        if (w[c] != 0.0f) m = __fadd_rn(m, __fmul_rn(w[c], out[c][i]));
//	    if (row.flags & kRescale) m = __fmul_rn(m, scalars.factor);
//	    r[RAW] = sum2(e.skip, x[i], e.out, m);
//	    r[UNC] = conds > 1 ? sum2(e.skip, x[i], e.out, out[conds-1][i]) : r[RAW];
//	    float v = r[RAW], s = row.flags & kThreshold ? scalars.limit : e.clip;
//	    if (s > 0.0f) { if (v > s) v = s; if (v < -s) v = -s; }
//	    if (row.flags & kThreshold) v = __fdiv_rn(v, s);
//	    if (row.flags & kInpaint) v = sum2(mask[i], v, __fsub_rn(1.0f, mask[i]), known[i]);
//	    d[i] = r[D] = v;
//	}
//	if (e.flags & kN0) r[N0] = noise(0, i);  // normal(seed, e.draw[0], i), or the sum of the draw's terms
//	if (e.flags & kLearned) r[N0] = __fmul_rn(exp(step(e.gain, v[i], e.bias)), r[N0]);
//	if (e.flags & kRoot) r[N0] = __fmul_rn(sqrt(v[i] < 0 ? 0 : v[i]), r[N0]);
//	if (e.flags & kN1) r[N1] = noise(1, i);
//	float nx = row_sum(e.x, r);
//	if (e.flags & kBase) base[i] = row_sum(e.base, r);
//	if (e.flags & kPush) h[e.slot][i] = row_sum(e.push, r);
//	x[i] = nx;
//	if (e.flags & kNext) for (int c = 0; c < conds; ++c) in[c][i] = __fmul_rn(e.nextIn, nx);
//
// sum2(a, p, b, q) is row_sum of two registers. Here the loop over registers is outside and the
// loop over the elements of a block inside; each element sees the same additions in the same order.
//
// Bytes per element, for a two-condition guided DDIM step: reads 4 of x and 8 of out, writes 4 of
// x, 4 of d and 8 of in. In-painting reads 8 more.
func (r *cpuRow) update(e *entry, lo, hi int) {
	if haveFused() && !(r.average != nil && e.averages()) { // the assembly knows no other operand than the outputs
		lo = r.fuse(e, lo, hi)
	}
	if lo < hi {
		r.updateBlocks(e, lo, hi)
	}
}

// updateBlocks is update in Go, with the loops of a block in assembly.
func (r *cpuRow) updateBlocks(e *entry, lo, hi int) {
	var s scratch
	for ; lo < hi; lo += blockElems {
		r.updateBlock(e, lo, min(lo+blockElems, hi), &s)
	}
}

func (r *cpuRow) updateBlock(e *entry, lo, hi int, s *scratch) {
	n := hi - lo
	var reg [regs][]float32
	reg[regX] = r.x[lo:hi]
	if r.base != nil {
		reg[regBase] = r.base[lo:hi]
	}
	for k, h := range r.h {
		if h != nil {
			reg[regH+k] = h[lo:hi]
		}
	}
	if e.has(flagEval) {
		r.predict(e, lo, hi, s)
		reg[regD], reg[regRaw], reg[regUnc] = r.d[lo:hi], s.raw[:n], s.unc[:n]
		if len(r.weights) == 1 {
			reg[regUnc] = reg[regRaw]
		}
	}
	reg[regN], reg[regN+1] = s.n0[:n], s.n1[:n]
	r.makeNoise(e, reg[regN], reg[regN+1], lo)
	rowSum(s.x[:n], &e.x, &reg)
	if e.has(flagBase) {
		rowSum(s.base[:n], &e.base, &reg)
	}
	if e.has(flagPush) {
		rowSum(s.push[:n], &e.push, &reg)
		copy(r.h[e.slot][lo:hi], s.push[:n])
	}
	if e.has(flagBase) {
		copy(r.base[lo:hi], s.base[:n])
	}
	copy(r.x[lo:hi], s.x[:n])
	if e.has(flagNext) {
		r.input(e.nextIn, lo, hi)
	}
}

// makeNoise makes the noise that the stage uses from element lo on.
func (r *cpuRow) makeNoise(e *entry, n0, n1 []float32, lo int) {
	if e.has(flagN0) {
		r.noise(n0, e, 0, lo)
	}
	if e.has(flagLearned | flagRoot) {
		learned(n0, e, r.variance[lo:lo+len(n0)])
	}
	if e.has(flagN1) {
		r.noise(n1, e, 1, lo)
	}
}

// predict makes s.raw, s.unc (with several conditions, when a row uses it) and r.d:
//
//	m   = sum_c w[c]*out[c],  times the factor of the rescale
//	raw = skip*x + out*m,  unc = skip*x + out*out[last]
//	d   = clip(raw), or clip(raw, -limit, limit)/limit with a threshold
//	d   = mask*d + (1-mask)*known with in-painting
func (r *cpuRow) predict(e *entry, lo, hi int, s *scratch) {
	elems := len(r.x)
	x, m, raw, d := r.x[lo:hi], s.m[:hi-lo], s.raw[:hi-lo], r.d[lo:hi]
	r.guide(m, lo, hi)
	if r.scalars != nil && r.scalars.rescale != nil {
		scale(m, r.scalars.factor, m)
	}
	sum2(raw, e.skip, x, e.out, m)
	if last := len(r.weights) - 1; last > 0 && e.has(flagUnc) {
		sum2(s.unc[:hi-lo], e.skip, x, e.out, r.out[last*elems+lo:last*elems+hi])
	}
	if r.scalars != nil && r.scalars.limits != nil {
		threshold(d, r.scalars.limit, raw)
	} else {
		clip(d, e.clip, raw)
	}
	if r.mask != nil {
		inpaint(d, r.mask[lo:hi], r.known[lo:hi])
	}
}

// guidance sets the weights of stage e; a projection changes them afterwards.
func (r *cpuRow) guidance(e *entry) {
	copy(r.now, r.weights)
	if e.has(flagFirst | flagNone) {
		clear(r.now)
	}
	if e.has(flagFirst) {
		r.now[0] = 1
	}
}

// guide makes m = sum_c w[c]*out[c] of elements lo to hi, with the average for out[1] where there is one.
func (r *cpuRow) guide(m []float32, lo, hi int) {
	elems := len(r.x)
	var terms [regs]term
	n, more := 0, false
	for c, w := range r.now {
		if w == 0 {
			continue
		}
		if n == len(terms) {
			n, more = 0, sum(m, terms[:], more)
		}
		terms[n] = term{r.out[c*elems+lo : c*elems+hi], w}
		if c == 1 {
			terms[n].r = r.second(lo, hi)
		}
		n++
	}
	sum(m, terms[:n], more)
}

// input writes the network input of every condition: in = c_in * x.
func (r *cpuRow) input(cin float32, lo, hi int) {
	elems := len(r.x)
	in := r.in[lo:hi]
	scale(in, cin, r.x[lo:hi])
	for c := 1; c < len(r.weights); c++ {
		copy(r.in[c*elems+lo:c*elems+hi], in)
	}
}

// rowSum is one output of the fused update for a block:
//
//	y = X*x + Base*base + D*d + Raw*raw + Unc*unc + H0*h0 + ... + N1*n1
//
// from +0, in this order, one rounding per operation. A zero coefficient skips its register, which
// may then hold anything, NaN included, or not exist.
func rowSum(y []float32, k *[regs]float32, reg *[regs][]float32) {
	var terms [regs]term
	n := 0
	for j, c := range k {
		if c != 0 {
			terms[n] = term{reg[j], c}
			n++
		}
	}
	sum(y, terms[:n], false)
}

// sum2 is y = a*p + b*q by the rules of rowSum.
func sum2(y []float32, a float32, p []float32, b float32, q []float32) {
	var terms [2]term
	n := 0
	if a != 0 {
		terms[n] = term{p, a}
		n++
	}
	if b != 0 {
		terms[n] = term{q, b}
		n++
	}
	sum(y, terms[:n], false)
}

// threshold is y = clip(r, -s, s)/s; s is at least 1.
func threshold(y []float32, s float32, r []float32) {
	clip(y, s, r)
	for i, v := range y {
		y[i] = v / s
	}
}

// inpaint is d = mask*d + (1-mask)*known by the rules of rowSum, with coefficients of each element.
func inpaint(d, mask, known []float32) {
	mask, known = mask[:len(d)], known[:len(d)]
	for i, v := range d {
		var y float32
		if k := mask[i]; k != 0 {
			y += float32(k * v)
		}
		if k := 1 - mask[i]; k != 0 {
			y += float32(k * known[i])
		}
		d[i] = y
	}
}
