package gemm

import (
	"sync"

	"github.com/cudiffuse/cudiffuse/internal/workers"
)

const (
	// leanTiles is the fewest tiles of an image for which a lean layer transforms its weights: that
	// takes about as long as the products of a dozen tiles, which save three times their own time.
	leanTiles = 16
	// leanFloats are the transformed weights that a lean layer makes at once.
	leanFloats = 1 << 20
	// leanChannels are the input channels that one index transforms.
	leanChannels = 64
)

// winograd is transformed weights of some panels: for each term a row-major matrix of their rows and all
// input channels.
type winograd struct {
	k      int
	rows   []int // first row of each panel of the layer, then OutC
	p0, p1 int   // the panels that are here
	stride int   // floats of a term
	u      []float32
}

// newWinograd transforms all of the packed weights a, in float64, rounding once.
func newWinograd(l level, a *panels) *winograd {
	w := &winograd{k: a.k / 9, rows: a.rows, p1: len(a.rows) - 1}
	w.stride = a.m * w.k
	w.u = make([]float32, winoTerms*w.stride)
	for p := range w.p1 {
		w.transform(l, a, p, 0, w.k)
	}
	return w
}

// at is where panel i begins in every term.
func (w *winograd) at(i int) int { return (w.rows[i] - w.rows[w.p0]) * w.k }

// panel returns the elements of panel i for a term.
func (w *winograd) panel(i, term int) []float32 {
	u := w.u[term*w.stride:]
	return u[w.at(i):w.at(i+1)]
}

// weightSpace is what the transform of weights needs besides its operands.
type weightSpace struct {
	taps [9 * maxTileM]float32
	t    [3 * winoIn * 8]float64
}

var weightSpaces = sync.Pool{New: func() any { return new(weightSpace) }}

// transform makes the terms of input channels c0 to c1 of panel i. The nine weights of a channel may be in
// two K blocks of a.
func (w *winograd) transform(l level, a *panels, i, c0, c1 int) {
	ws, rows := weightSpaces.Get().(*weightSpace), w.rows[i+1]-w.rows[i]
	for c := c0; c < c1; {
		k0 := c * 9 / a.kBlock * a.kBlock
		kn, k := min(a.kBlock, a.k-k0), c*9-k0
		count := min(c1-c, (kn-k)/9)
		g := a.panel(i, k0, kn)[k*rows:]
		if count == 0 {
			n := copy(ws.taps[:], g)
			k0 += kn
			copy(ws.taps[n:9*rows], a.panel(i, k0, min(a.kBlock, a.k-k0)))
			g, count = ws.taps[:9*rows], 1
		}
		winoPanel(l, w.u[w.at(i)+c*rows:], w.stride, g[:count*9*rows], rows, count, ws.t[:])
		c += count
	}
	weightSpaces.Put(ws)
}

// winoPanel is winoWeights for each row of a panel and count channels: g has the nine weights of a channel,
// each for all rows, u the terms stride apart, in each all rows of a channel and then those of the next.
func winoPanel(l level, u []float32, stride int, g []float32, rows, count int, t []float64) {
	u = u[:(winoTerms-1)*stride+count*rows] // the assembly checks nothing
	switch {
	case l == avx512 && rows >= 8:
		weightsAVX512(u, stride, g, rows, count, t)
	case (l == avx2 || l == avx512) && rows >= 4:
		weightsAVX2(u, stride, g, rows, count, t)
	default:
		weightsGeneric(u, stride, g, rows, count)
	}
}

// weightsGeneric is winoPanel in Go.
func weightsGeneric(u []float32, stride int, g []float32, rows, count int) {
	var taps [9]float32
	for i := range count * rows {
		for tap := range taps {
			taps[tap] = g[(i/rows*9+tap)*rows+i%rows]
		}
		for term, v := range winoWeights(&taps) {
			u[term*stride+i] = v
		}
	}
}

// leanChunks is into how many chunks of panels a lean layer cuts its transformed weights.
func (c *Conv) leanChunks() int {
	most := leanFloats / (winoTerms * c.shape.InC * c.tiling.m) // panels
	return ceilDiv(len(c.weights.rows)-1, max(most, 1))
}

// leanStride is the floats of a term of a chunk; the skew is that of V.
func (c *Conv) leanStride() int {
	panels := len(c.weights.rows) - 1
	rows := ceilDiv(panels, c.leanChunks()) * ceilDiv(c.shape.OutC, panels)
	return rows*c.shape.InC + winoSkew
}

// runLean makes some output channels after the other: transforms their weights into scratch, then runs the
// convolution.
func (r *convRun) runLean(p *workers.Pool, oh, ow int, scratch []float32) {
	c, panels := r.conv, len(r.conv.weights.rows)-1
	chunks := c.leanChunks()
	r.wino = &r.chunk
	r.chunk = winograd{k: c.shape.InC, rows: c.weights.rows, stride: c.leanStride(), u: scratch}
	for i := range chunks {
		r.chunk.p0, r.chunk.p1 = panelRow(i, chunks, panels), panelRow(i+1, chunks, panels)
		p.Run((r.chunk.p1-r.chunk.p0)*ceilDiv(r.chunk.k, leanChannels), (*leanTask)(r))
		r.runWinograd(p, oh, ow)
	}
	r.chunk.u = nil
}

// leanTask transforms weights; index i is leanChannels input channels of a panel.
type leanTask convRun

// Do implements workers.Task.
func (t *leanTask) Do(i int) {
	w := t.wino
	blocks := ceilDiv(w.k, leanChannels)
	c := i % blocks * leanChannels
	w.transform(t.conv.tiling.level, &t.conv.weights, w.p0+i/blocks, c, min(c+leanChannels, w.k))
}
