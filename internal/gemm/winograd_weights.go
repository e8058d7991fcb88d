package gemm

// winograd is transformed weights that are kept: for each term a row-major matrix of all panels' rows and
// all input channels.
type winograd struct {
	k      int
	rows   []int // first row of each panel, then OutC
	stride int   // floats of a term
	u      []float32
}

// newWinograd transforms all of the packed weights a.
func newWinograd(l level, a *panels) *winograd {
	w := &winograd{k: a.k / 9, rows: a.rows}
	w.stride = a.m * w.k
	w.u = make([]float32, winoTerms*w.stride)
	for p := range len(a.rows) - 1 {
		a.transform(l, w.u[a.rows[p]*w.k:], w.stride, a.rows[p+1]-a.rows[p], p, 0, w.k)
	}
	return w
}

// panel returns the elements of panel i for a term.
func (w *winograd) panel(i, term int) []float32 {
	u := w.u[term*w.stride:]
	return u[w.rows[i]*w.k : w.rows[i+1]*w.k]
}

// transform writes the terms of input channels c0 to c1 of panel i to u, stride apart, those of a
// channel ldu behind those of the one before. The nine weights of a channel may be in two K blocks.
func (p *panels) transform(l level, u []float32, stride, ldu, i, c0, c1 int) {
	var taps [9 * maxTileM]float32
	rows := p.rows[i+1] - p.rows[i]
	for c := c0; c < c1; {
		k0 := c * 9 / p.kBlock * p.kBlock
		kn, k := min(p.kBlock, p.k-k0), c*9-k0
		count := min(c1-c, (kn-k)/9)
		g := p.panel(i, k0, kn)[k*rows:]
		if count == 0 {
			n := copy(taps[:], g)
			k0 += kn
			copy(taps[n:9*rows], p.panel(i, k0, min(p.kBlock, p.k-k0)))
			g, count = taps[:9*rows], 1
		}
		winoPanel(l, u[(c-c0)*ldu:], stride, ldu, g[:count*9*rows], rows, count)
		c += count
	}
}

// winoPanel is winoWeights for each row of a panel and count channels: g has the nine weights of a channel,
// each for all rows, u the terms stride apart, in each all rows of a channel and ldu further those of the next.
func winoPanel(l level, u []float32, stride, ldu int, g []float32, rows, count int) {
	u = u[:(winoTerms-1)*stride+(count-1)*ldu+rows] // the assembly checks nothing
	switch {
	case l == avx512:
		weights5(&u[0], stride, ldu, &g[0], rows, count)
	case l == avx2 && rows >= 4:
		weights2(&u[0], stride, ldu, &g[0], rows, count)
	default:
		weightsGeneric(u, stride, ldu, g, rows, count)
	}
}

// weightsGeneric is winoPanel in Go.
func weightsGeneric(u []float32, stride, ldu int, g []float32, rows, count int) {
	var taps [9]float32
	for c := range count {
		for r := range rows {
			for tap := range taps {
				taps[tap] = g[(c*9+tap)*rows+r]
			}
			for term, v := range winoWeights(&taps) {
				u[term*stride+c*ldu+r] = v
			}
		}
	}
}
