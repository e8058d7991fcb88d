package bfloat

import (
	"sync"
	"unsafe"

	"github.com/cudiffuse/cudiffuse/internal/gemm"
	"github.com/cudiffuse/cudiffuse/internal/half"
	"github.com/cudiffuse/cudiffuse/internal/workers"
)

// jobsPerThread evens out threads of different speed.
const jobsPerThread = 3

// Linear is a fully connected layer y = W x + b with its weights in bfloat16. It is immutable; any number of goroutines
// may run it at once, each with its own dst and scratch.
type Linear struct {
	outF, inF int
	blocks    int
	weights   []uint16  // B: a column of tiles for each 16 outputs; those past outF are 0
	bias      []float32 // 0 past outF
	runs      sync.Pool // *linearRun
}

// NewLinear rounds and packs weights, [outF, inF] row-major, and copies bias, which is nil or has outF values. It
// returns a *gemm.ShapeError when a dimension or a length is wrong.
func NewLinear(outF, inF int, weights, bias []float32) (*Linear, error) {
	if err := gemm.CheckLinear(outF, inF, len(weights), len(bias)); err != nil {
		return nil, err
	}
	l := &Linear{outF: outF, inF: inF, blocks: blocks(inF)}
	cols := (outF + side - 1) / side
	l.weights = make([]uint16, cols*l.blocks*tile)
	for o := range outF {
		column := l.weights[o/side*l.blocks*tile:]
		for k, v := range weights[o*inF:][:inF] {
			column[placeB(k, o%side)] = half.BFloat16(v)
		}
	}
	l.bias = make([]float32, cols*side)
	copy(l.bias, bias)
	l.runs.New = func() any { return &linearRun{layer: l} }
	return l, nil
}

// placeB is where place k of a column of B lies in its column of tiles.
func placeB(k, col int) int { return k/depth*tile + k%depth/2*depth + 2*col + k%2 }

// placeA is where place k of a row of A lies in its row of tiles.
func placeA(k, row int) int { return k/depth*tile + row*depth + k%depth }

// Weights copies the weights, as rounded, to dst, in the order they were given in.
func (l *Linear) Weights(dst []float32) {
	for o := range l.outF {
		column := l.weights[o/side*l.blocks*tile:]
		for k := range dst[o*l.inF:][:l.inF] {
			dst[o*l.inF+k] = half.BFloat16ToFloat32(column[placeB(k, o%side)])
		}
	}
}

// Scratch returns how many float32s Run wants for the given number of rows.
func (l *Linear) Scratch(rows int) int {
	return (rows + side - 1) / side * l.blocks * tile / 2
}

// Run maps src, [rows, inF], to dst, [rows, outF], on p's threads (nil: the caller's). scratch has Scratch(rows)
// elements or more of any content. The slices may be longer than needed, and must not overlap. A slice that is too short is
// a programmer's error: Run panics before it writes anything.
func (l *Linear) Run(p *workers.Pool, dst, src []float32, rows int, scratch []float32) {
	if rows < 1 {
		return
	}
	r := l.runs.Get().(*linearRun)
	r.rows, r.panels = rows, (rows+side-1)/side
	r.src, r.dst, r.a = src[:rows*l.inF], dst[:rows*l.outF], Words(scratch[:l.Scratch(rows)])
	p.Run(r.panels, (*linearRound)(r))
	p.Run(r.split(p.Threads()), (*linearProduct)(r))
	r.src, r.dst, r.a = nil, nil, nil
	l.runs.Put(r)
}

// Words are the same memory as values of 16 bits.
func Words(v []float32) []uint16 {
	return unsafe.Slice((*uint16)(unsafe.Pointer(unsafe.SliceData(v))), 2*len(v))
}

// linearRun is the state of one Linear.Run.
type linearRun struct {
	layer    *Linear
	dst, src []float32
	a        []uint16 // src in tiles
	rows     int
	panels   int // rows of tiles
	cols     int // pairs of columns of tiles in a job
	jobs     int // jobs along the outputs
	groups   int // jobs along the rows
}

// split cuts the product into jobs, along the outputs first: those share no weights. It returns their number.
func (r *linearRun) split(threads int) int {
	pairs, want := (len(r.layer.bias)/side+1)/2, 1
	if threads > 1 {
		want = jobsPerThread * threads
	}
	r.cols = (pairs + want - 1) / want
	r.jobs = (pairs + r.cols - 1) / r.cols
	r.groups = min((want+r.jobs-1)/r.jobs, (r.panels+1)/2)
	return r.jobs * r.groups
}

// linearRound rounds the input; index i is 16 rows.
type linearRound linearRun

// Do implements workers.Task.
func (r *linearRound) Do(i int) {
	k, blocks := r.layer.inF, r.layer.blocks
	panel := r.a[i*blocks*tile:][:blocks*tile]
	if rows := r.rows - i*side; rows < side || k%depth != 0 {
		clear(panel)
	}
	rows := min(side, r.rows-i*side)
	for at := 0; at < k; at += depth {
		roundRows(simd, panel[at/depth*tile:], depth, r.src[i*side*k+at:], k, rows, min(depth, k-at))
	}
}

// linearProduct is the product; index i is row group i%groups of output block i/groups.
type linearProduct linearRun

// Do implements workers.Task.
func (r *linearProduct) Do(i int) {
	l, ws := r.layer, workspaces.Get().(*workspace)
	stride := l.blocks * tile
	tiles, job, group := len(l.bias)/side, i/r.groups, i%r.groups
	p0, p1 := group*r.panels/r.groups, (group+1)*r.panels/r.groups
	for t := 2 * job * r.cols; t < min(2*(job+1)*r.cols, tiles); t += 2 {
		nt := min(2, tiles-t)
		b := l.weights[t*stride:][:nt*stride]
		init := sums{values: l.bias[t*side:], n: side}
		for p := p0; p < p1; p += 2 {
			mt := min(2, p1-p)
			row, o := p*side, t*side
			rows, outs := min(mt*side, r.rows-row), min(nt*side, l.outF-o)
			a := r.a[p*stride:][:mt*stride]
			if rows == mt*side && outs == nt*side {
				product(simd, mt, nt, l.blocks, a, b, init, r.dst[row*l.outF+o:], l.outF)
				continue
			}
			product(simd, mt, nt, l.blocks, a, b, init, ws.c[:], 2*side)
			gemm.MoveRows(r.dst[row*l.outF+o:], l.outF, ws.c[:], 2*side, rows, outs)
		}
	}
	workspaces.Put(ws)
}

// workspace is what a job needs besides its operands.
type workspace struct {
	b     []uint16                 // columns of tiles
	c     [4 * side * side]float32 // a tile of sums that is not in one piece in dst
	spans [side]span
}

var workspaces = sync.Pool{New: func() any { return new(workspace) }}
