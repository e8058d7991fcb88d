package gemm

import "sync"

const (
	// winoFloats are a job's transformed inputs and sums: a part of a second-level cache.
	winoFloats = 192 << 10
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
}

// winoGroup is one group of lanes of a job.
type winoGroup struct {
	spans    []span
	segments []segment
}

// winoSpace is what one job needs besides its operands.
type winoSpace struct {
	v, m      []float32
	padded    []float32                                     // rows of some channels in phases; see padChannel
	d         [winoTerms*lanes + spanMax]float32            // a group of lanes before a transform
	t         [winoOut * (winoIn + winoOut) * lanes]float32 // within it, and after the output's
	parts     []winoPart
	chunks    []chunk
	groups    []winoGroup
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

// splitWinograd cuts the tiles of all images, and the panels where these are too few for the
// threads, into jobs. It returns their number.
func (r *convRun) splitWinograd(oh, ow, threads int) int {
	th, tw := winoTiles(oh, ow)
	r.oh, r.ow, r.th, r.tw = oh, ow, th, tw
	tiles, n := r.n*th*tw, r.conv.tiling.n
	want := 1
	if threads > 1 {
		want = jobsPerThread * threads
	}
	s := &r.conv.shape
	most := max(winoFloats/(winoTerms*(s.InC+s.OutC))/n, 1) * n
	r.tilesPerJob = min(most, ceilDiv(ceilDiv(tiles, want), n)*n)
	r.blocks = ceilDiv(tiles, r.tilesPerJob)
	r.groups = min(ceilDiv(threads, r.blocks), r.wino.p1-r.wino.p0)
	return r.blocks * r.groups
}

// winoTask is the convolution; index i is row group i%groups of tile block i/groups.
type winoTask convRun

// Do implements workers.Task.
func (t *winoTask) Do(i int) {
	r := (*convRun)(t)
	ws, w := winoSpaces.Get().(*winoSpace), r.wino
	block, group := i/r.groups, i%r.groups
	first := block * r.tilesPerJob
	tiles := min(r.tilesPerJob, r.n*r.th*r.tw-first)
	cols := ceilDiv(tiles, lanes) * lanes
	ws.layout(r, first, tiles)
	ws.transformInputs(r, cols)
	count := w.p1 - w.p0
	p0, p1 := w.p0+panelRow(group, r.groups, count), w.p0+panelRow(group+1, r.groups, count)
	perPass := max(1, winoMFloats/(winoTerms*cols*r.conv.tiling.m))
	for ; p0 < p1; p0 += perPass {
		ws.multiply(r, p0, min(p0+perPass, p1), cols)
	}
	winoSpaces.Put(ws)
}

// winoCols is the width of the block of V that begins at column c of a job.
func (r *convRun) winoCols(c, cols int) int { return min(r.conv.tiling.n, cols-c) }

// winoV returns where block c of a term begins in V, and the distance of its terms.
func (r *convRun) winoV(c, cols int) (at, stride int) {
	k := r.conv.shape.InC
	return c*k*winoTerms + c/r.conv.tiling.n*winoTerms*winoSkew, k*r.winoCols(c, cols) + winoSkew
}

// multiply makes the output channels of panels p0 to p1: the sums of every term, then their
// transforms.
func (ws *winoSpace) multiply(r *convRun, p0, p1, cols int) {
	w, l := r.wino, r.conv.tiling.level
	row0, rows := w.rows[p0], w.rows[p1]-w.rows[p0]
	stride := rows*cols + winoSkew
	ws.m = grow(ws.m, winoTerms*stride)
	for term := range winoTerms {
		for c := 0; c < cols; c += r.conv.tiling.n {
			at, vStride := r.winoV(c, cols)
			n := r.winoCols(c, cols)
			for p := p0; p < p1; p++ {
				to := term*stride + (w.rows[p]-row0)*cols + c
				microKernel(l, w.rows[p+1]-w.rows[p], n, w.k, w.panel(p, term),
					ws.v[at+term*vStride:], ws.m[to:], cols, false, nil)
			}
		}
	}
	var bias []float32
	if r.conv.bias != nil {
		bias = r.conv.bias[row0:][:rows]
	}
	for g := range ws.groups {
		o := winoOutput{m: ws.m[g*lanes:], stride: stride, ldm: cols, rows: rows, bias: bias,
			dst: r.dst[row0*r.pixels:], plane: r.pixels, segments: ws.groups[g].segments,
			t: ws.t[:], y: ws.t[winoOut*winoIn*lanes:]}
		o.run(l)
	}
}
