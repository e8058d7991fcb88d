package gemm

import (
	"sync"

	"github.com/cudiffuse/cudiffuse/internal/workers"
)

const (
	// winoFloats are a job's transformed inputs and sums: a part of a second-level cache.
	winoFloats = 192 << 10
	// A job transforms its inputs itself for ownPanels and more, if they are ownFloats at most: two
	// processors that write and read the same memory in turn take longer.
	ownPanels = 2
	ownFloats = 512 << 10
	// winoMFloats are the sums that a pass makes before their output transforms.
	winoMFloats = 192 << 10
	// winoSkew keeps the terms of a pixel off a common set of the first-level cache.
	winoSkew = lanes
	// winoChannels are padded at once before they are transformed, so that the processor need not
	// wait for stores that it cannot forward to wider loads.
	winoChannels = 8
)

// winoPart is neighbouring tiles of a row of tiles within a job.
type winoPart struct {
	img, ty, tx, n int
	col            int // the first one's place in the job
	at             int // its padded rows in winoSpace.padded
	y, x           int // place of its first row and column in the image
	y0, y1         int // rows of the part that are in the image
	x0, x1         int // and columns
}

// chunk is up to 32 columns of a part.
type chunk struct {
	to   int // place of the first row in winoSpace.padded
	from int // and in the input, from the channel in image 0 on
	rows int
	mask int // the columns in the image
}

// segment is neighbouring output pixels of a group of lanes.
type segment struct {
	from int // tile row of pixels * 4*lanes + lane*4 + column
	to   int // place in dst of output channel 0
	mask int // the lowest n bits
	n    int // at most lanes
	row  int // place of output channel 0 in Fused.Row
}

// winoGroup is one group of lanes of a job.
type winoGroup struct {
	spans    []span
	segments []segment
}

// winoSpace is what one job needs besides its operands.
type winoSpace struct {
	v, u, m   []float32
	few       *thinSpace
	padded    []float32                                     // rows of some channels in phases; see padChannel
	d         [winoTerms*lanes + spanMax]float32            // a group of lanes before a transform
	t         [winoOut * (winoIn + winoOut) * lanes]float32 // within it, and after the output's
	parts     []winoPart
	chunks    []chunk
	groups    []winoGroup
	up        []float32 // an enlarged channel of the job's images
	rows      []upRows
	offsets   [winoTerms]int32
	phase     int // floats from one phase of a row to the next
	maxOffset int // the largest of offsets
}

var winoSpaces = sync.Pool{New: func() any { return new(winoSpace) }}

// grow returns a slice of n floats, v's memory if that is large enough.
func grow(v []float32, n int) []float32 {
	if cap(v) < n {
		return make([]float32, n)
	}
	return v[:n]
}

// runWinograd is the convolution on p's threads. Where many jobs need
// the same transformed inputs, these are made once for all jobs, in scratch if it has room for them.
func (r *convRun) runWinograd(p *workers.Pool, oh, ow int, scratch []float32) {
	jobs, own := r.splitWinograd(oh, ow, p.Threads())
	if own {
		p.Run(jobs, (*winoTask)(r))
		return
	}
	ws := winoSpaces.Get().(*winoSpace)
	r.vStride = r.conv.winoSize(ceilDiv(r.tilesPerJob, lanes) * lanes)
	r.v = scratch
	if need := r.blocks * r.vStride; need > len(scratch) {
		ws.v = grow(ws.v, need)
		r.v = ws.v
	}
	p.Run(r.blocks*ceilDiv(r.conv.shape.InC, inputChannels), (*winoInput)(r))
	p.Run(jobs, (*winoTask)(r))
	r.v = nil
	winoSpaces.Put(ws)
}

// splitWinograd cuts the tiles of all images, and the panels where these are too few for the
// threads, into jobs. It returns their number, and whether each transforms its inputs itself.
func (r *convRun) splitWinograd(oh, ow, threads int) (jobs int, own bool) {
	th, tw := winoTiles(oh, ow)
	r.oh, r.ow, r.th, r.tw = oh, ow, th, tw
	tiles, n := r.n*th*tw, r.conv.tiling.n
	want := 1
	if threads > 1 {
		want = jobsPerThread * threads
	}
	r.made = !r.conv.keepsWinograd(tiles)
	r.thin = r.made && r.conv.tiling.level == avx512 && tiles <= thinTiles
	if r.made {
		r.tilesPerJob = r.conv.madeTilesPerJob(tiles, threads)
	} else {
		s := &r.conv.shape
		most := max(winoFloats/(winoTerms*(s.InC+s.OutC))/n, 1) * n
		r.tilesPerJob = min(most, ceilDiv(ceilDiv(tiles, want), n)*n)
	}
	r.blocks = ceilDiv(tiles, r.tilesPerJob)
	panels := len(r.conv.weights.rows) - 1
	r.groups = ceilDiv(threads, r.blocks)
	own = r.groups == 1 || panels >= ownPanels*r.groups && r.conv.winoSize(ceilDiv(r.tilesPerJob, lanes)*lanes) <= ownFloats
	if !own {
		r.groups = min(ceilDiv(want, r.blocks), panels)
	}
	return r.blocks * r.groups, own
}

// winoInput transforms inputs that jobs share; index i is inputChannels channels of a block.
type winoInput convRun

// inputChannels are the channels that an index of winoInput transforms.
const inputChannels = 4 * winoChannels

// Do implements workers.Task.
func (t *winoInput) Do(i int) {
	r, ws := (*convRun)(t), winoSpaces.Get().(*winoSpace)
	parts := ceilDiv(r.conv.shape.InC, inputChannels)
	block, c := i/parts, i%parts*inputChannels
	cols := ws.begin(r, block)
	ws.transformInputs(r, r.v[block*r.vStride:][:r.vStride], cols, c, min(c+inputChannels, r.conv.shape.InC))
	winoSpaces.Put(ws)
}

// begin lays out a block and returns its columns.
func (ws *winoSpace) begin(r *convRun, block int) (cols int) {
	first := block * r.tilesPerJob
	tiles := min(r.tilesPerJob, r.n*r.th*r.tw-first)
	ws.layout(r, first, tiles)
	return ceilDiv(tiles, lanes) * lanes
}

// winoTask is the convolution; index i is row group i%groups of tile block i/groups.
type winoTask convRun

// Do implements workers.Task.
func (t *winoTask) Do(i int) {
	r := (*convRun)(t)
	ws := winoSpaces.Get().(*winoSpace)
	block, group := i/r.groups, i%r.groups
	cols := ws.begin(r, block)
	var v []float32
	if r.v != nil {
		v = r.v[block*r.vStride:][:r.vStride]
	} else {
		ws.v = grow(ws.v, r.conv.winoSize(cols))
		v = ws.v
		ws.transformInputs(r, v, cols, 0, r.conv.shape.InC)
	}
	count := len(r.conv.weights.rows) - 1
	p0, p1 := panelRow(group, r.groups, count), panelRow(group+1, r.groups, count)
	for perPass := r.panelsPerPass(cols); p0 < p1; p0 += perPass {
		switch end := min(p0+perPass, p1); {
		case r.thin:
			ws.thin(r, v, p0)
		case r.made:
			ws.multiplyMade(r, v, p0, end, cols)
		default:
			ws.multiply(r, v, p0, end, cols)
		}
	}
	winoSpaces.Put(ws)
}

// panelsPerPass is how many panels a job of so many columns makes before it transforms their sums. Made weights
// take one panel after the other where a second-level cache has the inputs, and else read these less often.
func (r *convRun) panelsPerPass(cols int) int {
	sums := winoMFloats
	if r.made {
		if r.thin || r.conv.winoSize(cols) <= ownFloats {
			return 1
		}
		sums = madeSums
	}
	return max(1, sums/(winoTerms*cols*r.conv.tiling.m))
}

// winoSize is the floats of V for so many columns.
func (c *Conv) winoSize(cols int) int {
	at, stride := c.winoV((cols-1)/c.tiling.n*c.tiling.n, cols) // the last block
	return at + winoTerms*stride
}

// winoCols is the width of the block of V that begins at column col of a job.
func (c *Conv) winoCols(col, cols int) int { return min(c.tiling.n, cols-col) }

// winoV returns where the block of a term that begins at column col is in V, and the distance of its terms.
func (c *Conv) winoV(col, cols int) (at, stride int) {
	k := c.shape.InC
	return col*k*winoTerms + col/c.tiling.n*winoTerms*winoSkew, k*c.winoCols(col, cols) + winoSkew
}

// multiply makes the output channels of panels p0 to p1: the sums of every term, then their
// transforms.
func (ws *winoSpace) multiply(r *convRun, v []float32, p0, p1, cols int) {
	w, l := r.conv.wino, r.conv.tiling.level
	row0, rows := w.rows[p0], w.rows[p1]-w.rows[p0]
	stride := rows*cols + winoSkew
	ws.m = grow(ws.m, winoTerms*stride)
	for term := range winoTerms {
		for c := 0; c < cols; c += r.conv.tiling.n {
			at, vStride := r.conv.winoV(c, cols)
			n := r.conv.winoCols(c, cols)
			for p := p0; p < p1; p++ {
				to := term*stride + (w.rows[p]-row0)*cols + c
				microKernelAhead(l, w.rows[p+1]-w.rows[p], n, w.k, w.panel(p, term),
					v[at+term*vStride:], ws.m[to:], cols, false, nil, w.stride)
			}
		}
	}
	ws.finish(r, p0, p1, cols, stride)
}

// finish transforms the sums of panels p0 to p1, whose terms are stride apart, and writes the pixels.
func (ws *winoSpace) finish(r *convRun, p0, p1, cols, stride int) {
	row0, rows := r.conv.weights.rows[p0], r.conv.weights.rows[p1]-r.conv.weights.rows[p0]
	var bias []float32
	if r.conv.bias != nil {
		bias = r.conv.bias[row0:][:rows]
	}
	for g := range ws.groups {
		o := winoOutput{row: from(r.fused.Row, row0), residual: from(r.fused.Residual, row0*r.pixels), m: ws.m[g*lanes:], stride: stride, ldm: cols, rows: rows, bias: bias,
			dst: r.dst[row0*r.pixels:], plane: r.pixels, segments: ws.groups[g].segments,
			t: ws.t[:], y: ws.t[winoOut*winoIn*lanes:]}
		o.run(r.conv.tiling.level)
	}
}
