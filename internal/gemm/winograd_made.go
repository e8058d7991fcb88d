package gemm

// Weights of many channels are transformed in every run: what is read from memory is a quarter of the
// transformed weights, and the transform takes as long as the products of three tiles.
const (
	// madeTiles are the most tiles for which they are made once.
	madeTiles = 64
	// madeVFloats is the most transformed inputs of these tiles.
	madeVFloats = 1 << 20
	// madeFloats are a job's transformed weights at a time, and madeSums its sums: parts of a second-level
	// cache.
	madeFloats = 128 << 10
	madeSums   = 128 << 10
)

// madeMost is the most tiles of a job.
func (c *Conv) madeMost() int {
	wide := c.tiling.n
	return max(min(madeTiles, madeVFloats/(winoTerms*c.shape.InC))/wide*wide, wide)
}

// madeScratch is the floats of a job's transformed inputs, for n images of h x w pixels or fewer.
func (c *Conv) madeScratch(n, h, w int) int {
	th, tw := winoTiles(c.OutSize(h, w))
	tiles := min(n*th*tw, c.madeMost())
	if c.wino != nil {
		tiles = min(tiles, lanes)
	}
	return c.winoSize(ceilDiv(tiles, lanes) * lanes)
}

// madeTilesPerJob is how many of the tiles a job takes, as many as others where there are jobs for all threads.
func (c *Conv) madeTilesPerJob(tiles, threads int) int {
	wide, most := c.tiling.n, c.madeMost()
	if blocks := ceilDiv(tiles, most); blocks > 1 && blocks >= threads {
		return ceilDiv(ceilDiv(tiles, ceilDiv(blocks, threads)*threads), wide) * wide
	}
	return min(tiles, most)
}

// multiplyMade is multiply with weights that are made.
func (ws *winoSpace) multiplyMade(r *convRun, v []float32, p0, p1, cols int) {
	rows := r.conv.weights.rows[p1] - r.conv.weights.rows[p0]
	stride := rows*cols + winoSkew
	ws.m = grow(ws.m, winoTerms*stride)
	chunk := max(madeFloats/(winoTerms*rows), 1)
	for c := 0; c < r.conv.shape.InC; c += chunk {
		ws.addMade(r, v, p0, p1, c, min(c+chunk, r.conv.shape.InC), cols, stride)
	}
	ws.finish(r, p0, p1, cols, stride)
}

// addMade makes the weights of panels p0 to p1 and input channels c0 to c1, and adds their products to the sums.
func (ws *winoSpace) addMade(r *convRun, v []float32, p0, p1, c0, c1, cols, stride int) {
	w, l, wide, k := &r.conv.weights, r.conv.tiling.level, r.conv.tiling.n, c1-c0
	row0 := w.rows[p0]
	uStride := (w.rows[p1]-row0)*k + winoSkew
	ws.u = grow(ws.u, winoTerms*uStride)
	for p := p0; p < p1; p++ {
		w.transform(l, ws.u[(w.rows[p]-row0)*k:], uStride, w.rows[p+1]-w.rows[p], p, c0, c1)
	}
	for c := 0; c < cols; c += wide {
		at, vStride := r.conv.winoV(c, cols)
		n := r.conv.winoCols(c, cols)
		for term := range winoTerms {
			vTerm := v[at+term*vStride+c0*n:]
			for p := p0; p < p1; p++ {
				rows, from := w.rows[p+1]-w.rows[p], term*uStride+(w.rows[p]-row0)*k
				to := term*stride + (w.rows[p]-row0)*cols + c
				microKernelAhead(l, rows, n, k, ws.u[from:], vTerm, ws.m[to:], cols, c0 > 0, nil, uStride)
			}
		}
	}
}
