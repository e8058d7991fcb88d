package gemm

import (
	"sync"

	"github.com/cudiffuse/cudiffuse/internal/workers"
)

// Linear is a fully connected layer y = W x + b with its weights packed. It is immutable; any
// number of goroutines may run it at once, each with its own dst and scratch.
//
// Its matrix A is the input and B the weights, so that a row of C is a row of dst.
type Linear struct {
	outF, inF int
	tiling    tiling
	weights   []float32 // tiles of tiling.n outputs, each k-major; outputs past outF are 0
	bias      []float32
	runs      sync.Pool // *linearRun
}

// NewLinear packs weights, [outF, inF] row-major, and copies bias, which is nil or has outF
// values. It returns a *ShapeError when a dimension or a length is wrong.
func NewLinear(outF, inF int, weights []float32, bias []float32) (*Linear, error) {
	return PackLinear(outF, inF, weights, bias, Packing{})
}

// PackLinear is [NewLinear] with the memory of the weights under control.
func PackLinear(outF, inF int, weights []float32, bias []float32, o Packing) (*Linear, error) {
	if err := CheckLinear(outF, inF, len(weights), len(bias)); err != nil {
		return nil, err
	}
	l := &Linear{outF: outF, inF: inF, tiling: simd.tiling()}
	tileN := l.tiling.n
	if outF%tileN != 0 {
		o.InPlace = false
	}
	l.weights = o.room(ceilDiv(outF, tileN) * tileN * inF)
	for i := range outF {
		tile := l.weights[i/tileN*tileN*inF:]
		for k, v := range weights[i*inF:][:inF] {
			tile[k*tileN+i%tileN] = v
		}
	}
	l.weights = o.settle(l.weights, weights)
	if len(bias) > 0 {
		l.bias = append(l.bias, bias...)
	}
	l.runs.New = func() any { return &linearRun{layer: l} }
	return l, nil
}

// Weights copies the weights to dst, in the order they were given in.
func (l *Linear) Weights(dst []float32) {
	tileN := l.tiling.n
	for i := range l.outF {
		tile := l.weights[i/tileN*tileN*l.inF:]
		for k := range dst[i*l.inF:][:l.inF] {
			dst[i*l.inF+k] = tile[k*tileN+i%tileN]
		}
	}
}

// Scratch returns how many float32s Run wants for the given number of rows.
func (l *Linear) Scratch(rows int) int { return rows * l.inF }

// FLOPs returns the arithmetic of a Run, two operations per product and sum, without the bias.
func (l *Linear) FLOPs(rows int) int64 { return 2 * int64(rows) * int64(l.outF) * int64(l.inF) }

// Run maps src, [rows, inF], to dst, [rows, outF], on p's threads (nil: the caller's). scratch
// has Scratch(rows) elements or more of any content. The slices may be longer than needed, and
// must not overlap. A slice that is too short is a programmer's error: Run panics before it
// writes anything.
func (l *Linear) Run(p *workers.Pool, dst, src []float32, rows int, scratch []float32) {
	if rows < 1 {
		return
	}
	r := l.runs.Get().(*linearRun)
	r.rows = rows
	r.src, r.dst, r.a = src[:rows*l.inF], dst[:rows*l.outF], scratch[:rows*l.inF]
	r.panels = ceilDiv(rows, l.tiling.m)
	p.Run(r.panels, (*linearPack)(r))
	r.split(p.Threads())
	p.Run(r.blocks*r.groups, (*linearMul)(r))
	r.src, r.dst, r.a = nil, nil, nil
	l.runs.Put(r)
}

// linearRun is the state of one Linear.Run.
type linearRun struct {
	layer       *Linear
	dst, src, a []float32 // a: src packed into panels
	rows        int
	panels      int // panels of a
	blocks      int // jobs along the outputs
	tilesPerJob int
	groups      int // jobs along the rows
}

// split cuts the product into jobs, along the outputs first: those share no weights.
func (r *linearRun) split(threads int) {
	tiles := ceilDiv(r.layer.outF, r.layer.tiling.n)
	want := 1
	if threads > 1 {
		want = jobsPerThread * threads
	}
	r.tilesPerJob = ceilDiv(tiles, want)
	r.blocks = ceilDiv(tiles, r.tilesPerJob)
	r.groups = min(ceilDiv(want, r.blocks), r.panels)
}

// linearPack packs the input; index i is panel i.
type linearPack linearRun

// Do implements workers.Task.
func (r *linearPack) Do(i int) {
	k := r.layer.inF
	r0, r1 := panelRow(i, r.panels, r.rows), panelRow(i+1, r.panels, r.rows)
	packRows(r.layer.tiling.level, r.a[r0*k:r1*k], r.src[r0*k:], r1-r0, k, k)
}

// linearMul is the product; index i is row group i%groups of output block i/groups.
type linearMul linearRun

// linearFloats are the rows that go past all tiles of a job in turn: a quarter of a second-level
// cache, so that they stay there and every row of dst is written within a short time.
const linearFloats = 128 << 10

// Do implements workers.Task.
func (r *linearMul) Do(i int) {
	l, ws := r.layer, workspaces.Get().(*workspace)
	block, group := i/r.groups, i%r.groups
	p0, p1 := panelRow(group, r.groups, r.panels), panelRow(group+1, r.groups, r.panels)
	first := block * r.tilesPerJob
	last := min(first+r.tilesPerJob, ceilDiv(l.outF, l.tiling.n))
	some := max(1, linearFloats/(l.inF*l.tiling.m))
	for ; p0 < p1; p0 += some {
		for t := first; t < last; t++ {
			for p := p0; p < min(p0+some, p1); p++ {
				r.multiply(ws.c[:], p, t)
			}
		}
	}
	workspaces.Put(ws)
}

// multiply makes the outputs of tile t for the rows of panel p, where they belong or, of a last
// tile that is not full, in c first.
func (r *linearMul) multiply(c []float32, p, t int) {
	l, level, tileN := r.layer, r.layer.tiling.level, r.layer.tiling.n
	r0, r1 := panelRow(p, r.panels, r.rows), panelRow(p+1, r.panels, r.rows)
	a, b := r.a[r0*l.inF:r1*l.inF], l.weights[t*tileN*l.inF:][:tileN*l.inF]
	rows, o := r1-r0, t*tileN
	d, ldc, n := r.dst[r0*l.outF+o:], tileN, min(tileN, l.outF-o)
	if n == tileN {
		c, ldc = d, l.outF
	}
	microKernel(level, rows, tileN, l.inF, a, b, c, ldc, false, nil)
	switch {
	case l.bias != nil:
		sumRows(level, d, l.outF, c, ldc, l.bias[o:], 0, rows, n)
	case n < tileN:
		moveRows(level, d, l.outF, c, ldc, rows, n)
	}
}
