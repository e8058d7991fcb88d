package gemm

import (
	"math"
	"sync"
)

const (
	// blockFloats is the most floats of B a job gathers at once; they stay in a second-level cache.
	blockFloats = 8 * maxKBlock * maxTileN
	// jobsPerThread evens out threads of different speed.
	jobsPerThread = 3
	// padJob is about how many padded floats one index of the padding writes.
	padJob = 1 << 13
)

// convRun is the state of one Conv.Run.
type convRun struct {
	conv      *Conv
	dst, src  []float32
	cols      []float32 // the source of B: scratch with the padded copy, or src
	n, h, w   int
	pixels    int // output pixels of an image
	geo       Geometry
	offsets   []int32 // [k] from an output pixel's first source float to the k-th; for geo
	maxOffset int

	planesPerJob int // padding: planes per index
	blocks       int // product: jobs along the columns
	tilesPerJob  int
	groups       int // product: jobs along the rows

	shared []float32 // B of a K block for all jobs, or nil
	k0     int       // which one that is

	fused Fused

	rowsPerJob int // few outputs: rows of pixels per index

	oh, ow, th, tw int       // Winograd's: output pixels, tiles
	v              []float32 // the transformed inputs of all blocks, vStride apart, or nil
	vStride        int
	made           bool // with weights that are made in the run
	thin           bool // and few tiles, see winoSpace.thin
}

// setSize takes on a batch, and rebuilds the offsets when the image size is new.
func (r *convRun) setSize(n, h, w, pixels int) {
	r.n, r.pixels = n, pixels
	if r.h == h && r.w == w {
		return
	}
	s := r.conv.shape
	r.h, r.w, r.geo = h, w, s.Geometry(h, w)
	if r.geo.Image > math.MaxInt32 {
		panic("gemm: conv: an image of more than 2^31 floats")
	}
	r.offsets, r.maxOffset = r.geo.Offsets(s, r.offsets[:0])
}

// split cuts the product into jobs: along the columns, and when these are too few for the threads
// along the rows too. It returns their number, and whether each gathers its columns of B itself.
func (r *convRun) split(threads int) (jobs int, own bool) {
	tiles := ceilDiv(r.n*r.pixels, r.conv.tiling.n)
	blockTiles := blockFloats / (r.conv.weights.kBlock * r.conv.tiling.n)
	want := 1
	if threads > 1 {
		want = jobsPerThread * threads
	}
	r.blocks = max(ceilDiv(tiles, blockTiles), min(want, ceilDiv(tiles, 2)))
	r.tilesPerJob = ceilDiv(tiles, r.blocks)
	r.blocks = ceilDiv(tiles, r.tilesPerJob)
	panels := len(r.conv.weights.rows) - 1
	r.groups = ceilDiv(threads, r.blocks)
	if own = r.groups == 1 || panels >= ownPanels*r.groups; !own {
		r.groups = min(ceilDiv(want, r.blocks), panels)
	}
	return r.blocks * r.groups, own
}

// mulTask is the product; index i is row group i%groups of column block i/groups.
type mulTask convRun

// Do implements workers.Task.
func (t *mulTask) Do(i int) {
	r := (*convRun)(t)
	ws := workspaces.Get().(*workspace)
	a := &r.conv.weights
	first, tiles := r.blockTiles(i / r.groups)
	for k0 := 0; k0 < a.k; k0 += a.kBlock {
		kn := min(a.kBlock, a.k-k0)
		r.gatherTiles(ws, ws.b[:], first, tiles, k0, kn)
		r.product(ws, ws.b[:], kn*r.conv.tiling.n, i, k0, kn)
	}
	workspaces.Put(ws)
}

// blockTiles is the first tile of a column block and their number.
func (r *convRun) blockTiles(block int) (first, tiles int) {
	first = block * r.tilesPerJob
	return first, min(r.tilesPerJob, ceilDiv(r.n*r.pixels, r.conv.tiling.n)-first)
}

// product multiplies the panels and tiles of job i for the K block [k0, k0+kn), whose columns of B are
// in b, the tiles size apart.
func (r *convRun) product(ws *workspace, b []float32, size, i, k0, kn int) {
	count, tileN := len(r.conv.weights.rows)-1, r.conv.tiling.n
	first, tiles := r.blockTiles(i / r.groups)
	p1 := panelRow(i%r.groups+1, r.groups, count)
	for p := panelRow(i%r.groups, r.groups, count); p < p1; p++ {
		for t := range tiles {
			r.multiply(ws, p, b[t*size:], (first+t)*tileN, k0, kn)
		}
	}
}

// tileCols is the width of the tile that begins at column j: lanes where no more columns exist.
func (r *convRun) tileCols(j int) int {
	if r.n*r.pixels-j <= lanes {
		return lanes
	}
	return r.conv.tiling.n
}

// multiply runs the micro-kernel for panel p of A and the tile of B in b, columns from j. A tile
// inside one image goes straight to dst, where a row of C is an output channel; one across images
// or with columns past the end goes through ws.c.
func (r *convRun) multiply(ws *workspace, p int, b []float32, j, k0, kn int) {
	a, l, cols := &r.conv.weights, r.conv.tiling.level, r.tileCols(j)
	row, rows := a.rows[p], a.rows[p+1]-a.rows[p]
	var bias []float32
	if r.conv.bias != nil && k0+kn == a.k {
		bias = r.conv.bias[row:][:rows]
	}
	img, q := j/r.pixels, j%r.pixels
	if q+cols <= r.pixels {
		c := r.dst[(img*a.m+row)*r.pixels+q:]
		microKernel(l, rows, cols, kn, a.panel(p, k0, kn), b, c, r.pixels, k0 > 0, bias)
		if k0+kn == a.k && r.fused.adds() {
			r.add(img, row, rows, q, cols)
		}
		return
	}
	if k0 > 0 {
		r.copyTile(ws.c[:], row, rows, j, cols, true, false)
	}
	microKernel(l, rows, cols, kn, a.panel(p, k0, kn), b, ws.c[:], cols, k0 > 0, bias)
	r.copyTile(ws.c[:], row, rows, j, cols, false, k0+kn == a.k && r.fused.adds())
}

// copyTile moves the rows x cols tile of dst that begins at column j, as far as it exists, into
// tile (load) or back, where then is added what is fused (add).
func (r *convRun) copyTile(tile []float32, row, rows, j, cols int, load, add bool) {
	end := min(j+cols, r.n*r.pixels)
	for col := j; col < end; {
		img, q := col/r.pixels, col%r.pixels
		n := min(end-col, r.pixels-q)
		d, s := r.dst[(img*r.conv.weights.m+row)*r.pixels+q:], tile[col-j:]
		if load {
			moveRows(r.conv.tiling.level, s, cols, d, r.pixels, rows, n)
		} else {
			moveRows(r.conv.tiling.level, d, r.pixels, s, cols, rows, n)
		}
		if add {
			r.add(img, row, rows, q, n)
		}
		col += n
	}
}

// workspace is what one job needs besides its operands.
type workspace struct {
	b     [blockFloats + spanMax]float32 // gathered tiles of B
	c     [maxTileM * maxTileN]float32   // a tile of C that is not in one piece in dst
	spans [lanes]span
}

var workspaces = sync.Pool{New: func() any { return new(workspace) }}
