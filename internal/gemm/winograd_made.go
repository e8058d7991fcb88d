package gemm

import "github.com/cudiffuse/cudiffuse/internal/workers"

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

// madeBlock is how many tiles of all a job takes at most.
func (c *Conv) madeBlock(tiles int) int {
	wide := c.tiling.n
	most := max(min(madeTiles, madeVFloats/(winoTerms*c.shape.InC))/wide*wide, wide)
	return min(tiles, most)
}

// madeScratch is the floats of the transformed inputs of n images of h x w pixels, or fewer.
func (c *Conv) madeScratch(n, h, w int) int {
	th, tw := winoTiles(c.OutSize(h, w))
	tiles := c.madeBlock(n * th * tw)
	if c.wino != nil {
		tiles = min(tiles, lanes)
	}
	return c.winoSize(ceilDiv(tiles, lanes) * lanes)
}

// runMade is the convolution with weights that are transformed on the way. A job is a block of tiles, or a part
// of the panels for it, which transforms its inputs itself. With few panels for many threads these share the
// transformed inputs, in scratch.
func (r *convRun) runMade(p *workers.Pool, oh, ow int, scratch []float32) {
	c := r.conv
	r.oh, r.ow = oh, ow
	r.th, r.tw = winoTiles(oh, ow)
	tiles, panels, threads := r.n*r.th*r.tw, len(c.weights.rows)-1, p.Threads()
	r.thin = c.tiling.level == avx512 && tiles <= thinTiles
	r.tilesPerJob = c.madeBlock(tiles)
	blocks := ceilDiv(tiles, r.tilesPerJob)
	cols := ceilDiv(r.tilesPerJob, lanes) * lanes
	r.panelsPerJob = 1
	if c.winoSize(cols) > ownFloats {
		r.panelsPerJob = max(1, madeSums/(winoTerms*cols*c.tiling.m))
	}
	r.groups = ceilDiv(threads, blocks)
	switch {
	case r.groups == 1 && !r.thin:
		r.tilesPerJob = ceilDiv(ceilDiv(tiles, ceilDiv(blocks, threads)*threads), c.tiling.n) * c.tiling.n
		p.Run(ceilDiv(tiles, r.tilesPerJob), (*madeTask)(r))
	case r.groups == 1 || panels >= ownPanels*r.groups && c.winoSize(cols) <= ownFloats:
		p.Run(blocks*r.groups, (*madeTask)(r))
	default:
		r.panelsPerJob = min(r.panelsPerJob, ceilDiv(panels, jobsPerThread*threads))
		r.v = scratch
		for r.block = range blocks {
			p.Run(ceilDiv(c.shape.InC, inputChannels), (*madeInput)(r))
			p.Run(ceilDiv(panels, r.panelsPerJob), (*madeShared)(r))
		}
		r.v = nil
	}
	r.thin = false
}

// madeTask is the convolution; index i is part i%groups of the panels for block i/groups of the tiles.
type madeTask convRun

// Do implements workers.Task.
func (t *madeTask) Do(i int) {
	r, ws := (*convRun)(t), winoSpaces.Get().(*winoSpace)
	cols := ws.begin(r, i/r.groups)
	ws.v = grow(ws.v, r.conv.winoSize(cols))
	ws.transformInputs(r, ws.v, cols, 0, r.conv.shape.InC)
	panels := len(r.conv.weights.rows) - 1
	p1 := panelRow(i%r.groups+1, r.groups, panels)
	for p := panelRow(i%r.groups, r.groups, panels); p < p1; p += r.panelsPerJob {
		ws.made(r, ws.v, p, min(p+r.panelsPerJob, p1), cols)
	}
	winoSpaces.Put(ws)
}

// madeInput transforms the inputs of a block that is shared; index i is inputChannels channels.
type madeInput convRun

// Do implements workers.Task.
func (t *madeInput) Do(i int) {
	r, ws := (*convRun)(t), winoSpaces.Get().(*winoSpace)
	c := i * inputChannels
	cols := ws.begin(r, r.block)
	ws.transformInputs(r, r.v, cols, c, min(c+inputChannels, r.conv.shape.InC))
	winoSpaces.Put(ws)
}

// madeShared is the convolution of a block that is shared; index i is panelsPerJob panels of the weights.
type madeShared convRun

// Do implements workers.Task.
func (t *madeShared) Do(i int) {
	r, ws := (*convRun)(t), winoSpaces.Get().(*winoSpace)
	cols, p := ws.begin(r, r.block), i*r.panelsPerJob
	ws.made(r, r.v, p, min(p+r.panelsPerJob, len(r.conv.weights.rows)-1), cols)
	winoSpaces.Put(ws)
}

// made is the convolution of a block, with v its transformed inputs, and panels p0 to p1 of the weights.
func (ws *winoSpace) made(r *convRun, v []float32, p0, p1, cols int) {
	if r.thin {
		for p := p0; p < p1; p++ {
			ws.thin(r, v, p)
		}
		return
	}
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
