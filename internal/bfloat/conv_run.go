package bfloat

import (
	"math"

	"github.com/cudiffuse/cudiffuse/internal/gemm"
)

const (
	// blockValues is about how many values of B a job gathers at once; they stay in a second-level cache.
	blockValues = 1 << 18
	// padJob is about how many padded values one index of the padding writes.
	padJob = 1 << 14
)

// convRun is the state of one Conv.Run.
type convRun struct {
	conv      *Conv
	dst, src  []float32
	cols      []uint16 // the padded copy
	n, h, w   int
	pixels    int // output pixels of an image
	geo       gemm.Geometry
	offsets   []int32 // from an output pixel's first source value to that of each place
	maxOffset int

	planesPerJob int // padding: planes per index
	blocks       int // product: jobs along the columns
	tilesPerJob  int // columns of tiles in a job
	groups       int // product: jobs along the rows
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
		panic("bfloat: conv: an image of more than 2^31 values")
	}
	r.offsets, r.maxOffset = r.geo.Offsets(s, r.offsets[:0])
	if len(r.offsets)%2 == 1 { // the other half of the last pair is cleared
		r.offsets = append(r.offsets, r.offsets[len(r.offsets)-1])
	}
}

// split cuts the product into jobs: along the columns, and when these are too few for the threads along the rows too, where
// each job gathers its columns of B again. It returns their number.
func (r *convRun) split(threads int) int {
	tiles := (r.n*r.pixels + side - 1) / side
	most := max(2, blockValues/(r.conv.blocks*tile)) &^ 1
	want := 1
	if threads > 1 {
		want = jobsPerThread * threads
	}
	r.blocks = max((tiles+most-1)/most, min(want, (tiles+1)/2))
	r.tilesPerJob = ((tiles+r.blocks-1)/r.blocks + 1) &^ 1
	r.blocks = (tiles + r.tilesPerJob - 1) / r.tilesPerJob
	r.groups = min((want+r.blocks-1)/r.blocks, (r.conv.panels+1)/2)
	return r.blocks * r.groups
}

// productTask is the product; index i is row group i%groups of column block i/groups.
type productTask convRun

// Do implements workers.Task.
func (t *productTask) Do(i int) {
	r, ws := (*convRun)(t), workspaces.Get().(*workspace)
	c := r.conv
	block, group := i/r.groups, i%r.groups
	stride := c.blocks * tile
	first := block * r.tilesPerJob
	tiles := min(r.tilesPerJob, (r.n*r.pixels+side-1)/side-first)
	if len(ws.b) < tiles*stride {
		ws.b = make([]uint16, tiles*stride)
	}
	for t := range tiles {
		r.gather(ws, ws.b[t*stride:][:stride], (first+t)*side)
	}
	p0, p1 := group*c.panels/r.groups, (group+1)*c.panels/r.groups
	for p := p0; p < p1; p += 2 {
		mt := min(2, p1-p)
		for t := 0; t < tiles; t += 2 {
			r.multiply(ws, p, mt, ws.b[t*stride:], min(2, tiles-t), (first+t)*side)
		}
	}
	workspaces.Put(ws)
}

// gather fills the column of tiles of B that begins at column j.
func (r *convRun) gather(ws *workspace, b []uint16, j int) {
	spans, end := ws.spans[:0], min(j+side, r.n*r.pixels)
	for col := j; col < end; {
		img, q := col/r.pixels, col%r.pixels
		run, x := q/r.geo.Run, q%r.geo.Run
		n := min(end-col, r.geo.Run-x)
		spans = append(spans, span{src: img*r.geo.Image + run*r.geo.RunStride + x, col: col - j, n: n})
		col += n
	}
	gather(simd, b, r.cols, r.offsets, r.maxOffset, spans)
	if r.conv.k%2 == 1 {
		last := b[(len(r.offsets)/2-1)*depth:][:depth]
		for i := 1; i < depth; i += 2 {
			last[i] = 0
		}
	}
	clear(b[len(r.offsets)/2*depth:])
}

// multiply writes mt panels from p of nt tiles of columns from j. Tiles inside one image go straight to dst, where a row of
// sums is an output channel; others go through ws.c.
func (r *convRun) multiply(ws *workspace, p, mt int, b []uint16, nt, j int) {
	c := r.conv
	stride, row := c.blocks*tile, p*side
	a := c.weights[p*stride:][:mt*stride]
	init := sums{values: c.bias[p*side*side:], m: side * side, stride: side}
	rows := min(mt*side, c.shape.OutC-row)
	end := min(j+nt*side, r.n*r.pixels)
	if img, q := j/r.pixels, j%r.pixels; rows == mt*side && q+nt*side <= r.pixels {
		product(simd, mt, nt, c.blocks, a, b, init, r.dst[(img*c.shape.OutC+row)*r.pixels+q:], r.pixels)
		return
	}
	product(simd, mt, nt, c.blocks, a, b, init, ws.c[:], 2*side)
	for col := j; col < end; {
		img, q := col/r.pixels, col%r.pixels
		n := min(end-col, r.pixels-q)
		gemm.MoveRows(r.dst[(img*c.shape.OutC+row)*r.pixels+q:], r.pixels, ws.c[col-j:], 2*side, rows, n)
		col += n
	}
}
