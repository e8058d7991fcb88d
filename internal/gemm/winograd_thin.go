package gemm

// A few tiles would leave most of a register of tiles empty. AVX-512 has the rows of a panel in it instead,
// which are as many as fit.
const (
	thinTiles    = 8 // the most
	thinChannels = 8 // whose transformed weights are made at once, so that they stay in the first-level cache
	thinRows     = lanes
)

// thinSpace is what a panel needs.
type thinSpace struct {
	u    [winoTerms * thinChannels * thinRows]float32 // transformed weights: terms, channels, rows
	sums [winoTerms * thinTiles * thinRows]float32    // terms, tiles, rows
}

// thinStep is the places that a channel of V has for the tiles of r: a multiple of four.
func (r *convRun) thinStep() int { return ceilDiv(r.tilesPerJob, 4) * 4 }

// thinV returns where channel c of a term is in V, whose chunks of thinChannels follow one another, and the
// distance of the terms. Behind those of a term is room for what the last channel's register has too much.
func (r *convRun) thinV(c int) (at, stride int) {
	stride = thinChannels*r.thinStep() + lanes
	return c/thinChannels*winoTerms*stride + c%thinChannels*r.thinStep(), stride
}

// thin is multiplyMade for one panel of a few tiles.
func (ws *winoSpace) thin(r *convRun, v []float32, p int) {
	if ws.few == nil {
		ws.few = new(thinSpace)
	}
	w, f := &r.conv.weights, ws.few
	for c := 0; c < r.conv.shape.InC; c += thinChannels {
		k := min(thinChannels, r.conv.shape.InC-c)
		w.transform(r.conv.tiling.level, f.u[:], thinChannels*thinRows, thinRows, p, c, c+k)
		at, stride := r.thinV(c)
		thinAVX512(r.tilesPerJob, &f.sums, &f.u, v[at:at+winoTerms*stride], k, c > 0)
	}
	const stride = thinRows*lanes + winoSkew
	ws.m = grow(ws.m, winoTerms*stride)
	thinTurnAVX512(ws.m, stride, &f.sums, r.thinStep()/4)
	ws.finish(r, p, p+1, lanes, stride)
}
