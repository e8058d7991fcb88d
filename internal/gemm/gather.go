package gemm

import "github.com/cudiffuse/cudiffuse/internal/workers"

// runDirect multiplies on p's threads. Where several jobs need the same columns of B, and all of them
// are few enough, they are gathered once for all jobs, a K block after the other.
func (r *convRun) runDirect(p *workers.Pool) {
	jobs, own := r.split(p.Threads())
	a, tileN := &r.conv.weights, r.conv.tiling.n
	tiles := ceilDiv(r.n*r.pixels, tileN)
	if own || tiles*r.sharedSize(a.kBlock) > blockFloats {
		p.Run(jobs, (*mulTask)(r))
		return
	}
	ws := workspaces.Get().(*workspace)
	r.shared = ws.b[:]
	for r.k0 = 0; r.k0 < a.k; r.k0 += a.kBlock {
		p.Run(tiles, (*gatherTask)(r))
		p.Run(jobs, (*sharedTask)(r))
	}
	r.shared = nil
	workspaces.Put(ws)
}

// gatherTask gathers a K block of B into shared; index i is tile i.
type gatherTask convRun

// Do implements workers.Task.
func (t *gatherTask) Do(i int) {
	r, ws := (*convRun)(t), workspaces.Get().(*workspace)
	kn := r.blockLen()
	r.gatherTiles(ws, r.shared[i*r.sharedSize(kn):], i, 1, r.k0, kn)
	workspaces.Put(ws)
}

// sharedTask is mulTask for a K block of B in shared.
type sharedTask convRun

// Do implements workers.Task.
func (t *sharedTask) Do(i int) {
	r, ws := (*convRun)(t), workspaces.Get().(*workspace)
	kn := r.blockLen()
	first, _ := r.blockTiles(i / r.groups)
	size := r.sharedSize(kn)
	r.product(ws, r.shared[first*size:], size, i, r.k0, kn)
	workspaces.Put(ws)
}

// sharedSize is the floats from one tile of shared to the next: gathering may write some behind a tile.
func (r *convRun) sharedSize(kn int) int { return kn*r.conv.tiling.n + spanMax }

// blockLen is the length of the K block at k0.
func (r *convRun) blockLen() int { return min(r.conv.weights.kBlock, r.conv.weights.k-r.k0) }

// gatherTiles packs the K block [k0, k0+kn) of so many tiles of B into b.
func (r *convRun) gatherTiles(ws *workspace, b []float32, first, tiles, k0, kn int) {
	tileN, fewest := r.conv.tiling.n, 2 // one tile alone is as fast by its spans
	if r.conv.tiling.level == avx512 {
		fewest = 1 // a tile has two groups of spans
	}
	long := r.geo.Run >= fewest*tileN
	for t := 0; t < tiles; {
		to, j := b[t*kn*tileN:], (first+t)*tileN
		if long {
			if n := min(r.tilesInRun(j), tiles-t); n >= fewest {
				r.gatherRun(to, j, k0, kn, n)
				t += n
				continue
			}
		}
		r.gather(ws, to, j, k0, kn)
		t++
	}
}

// source returns where in cols the pixel of column j of B begins, and how many columns from j on are
// neighbours there.
func (r *convRun) source(j int) (at, n int) {
	img, q := j/r.pixels, j%r.pixels
	run, x := q/r.geo.Run, q%r.geo.Run
	return img*r.geo.Image + run*r.geo.RunStride + x, r.geo.Run - x
}

// tilesInRun is how many whole tiles from column j on have neighbouring sources.
func (r *convRun) tilesInRun(j int) int {
	_, n := r.source(j)
	return n / r.conv.tiling.n
}

// gatherRun packs the K block [k0, k0+kn) of so many tiles of B from column j on, which are
// neighbours in the source.
func (r *convRun) gatherRun(b []float32, j, k0, kn, tiles int) {
	at, _ := r.source(j)
	gatherRun(r.conv.tiling.level, b, r.cols[at:], r.offsets[k0:k0+kn], r.maxOffset, r.conv.tiling.n, tiles)
}

// gather packs the K block [k0, k0+kn) of the tile of B that begins at column j.
func (r *convRun) gather(ws *workspace, b []float32, j, k0, kn int) {
	cols, offsets := r.tileCols(j), r.offsets[k0:k0+kn]
	longest := spanMax
	if r.conv.tiling.level == avx512 {
		longest = lanes
	}
	for g := 0; g < cols; g += lanes {
		spans := ws.spans[:0]
		end := min(j+g+lanes, r.n*r.pixels)
		for col := j + g; col < end; {
			src, n := r.source(col)
			n = min(n, end-col, longest)
			spans = append(spans, span{src: src, col: col - j - g, n: n})
			col += n
		}
		gatherLanes(r.conv.tiling.level, b[g:], cols, r.cols, offsets, r.maxOffset, spans)
	}
}
