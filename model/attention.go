package model

import "math"

// slotsPerThread bounds the scratch: work items are dealt to this many slots a thread,
// so that memory does not grow with the number of heads and rows.
const slotsPerThread = 4

const (
	// keyTile is how many keys are taken at a time. Their scores, 8 KiB, and their part of
	// K, 20 KiB for 40 channels, share the first-level cache. The sums over keys are parted
	// here, so another value gives other bits.
	keyTile = 128
	// packedStride is keyTile and a cache line, which spreads the channels over the cache.
	packedStride = keyTile + 16
	// queryGroup is how many blocks of queries at most share a tile of K that is copied.
	queryGroup = 4
)

// attentionStep runs [Attention]. A work item is a few blocks of 16 queries of one head of
// one row; slot k does the items k, k+slots, k+2*slots, ... with its own scratch. The
// queries of a block are the lanes of its vectors. With m[r] and l[r] the greatest score
// and the sum of p so far, for one tile of keys j after the other,
//
//	s[j][r] = sum over c of k[c][j] * q[c][r]       score of key j for query r
//	f[r]    = exp((m[r] - m'[r]) / sqrt(d))         m' the greatest with this tile
//	p[j][r] = exp((s[j][r] - m'[r]) / sqrt(d))
//	l[r]    = f[r] * l[r] + sum over j of p[j][r]
//	y[c][r] = f[r] * y[c][r] + sum over j of v[c][j] * p[j][r]
//
// and y/l in the end: the algorithm of Dao et al., "FlashAttention" (2022),
// arXiv:2205.14135, which needs no memory that grows with the keys. A causal block stops
// at the key of its last query. The tiles are the same for every query, so a result does
// not depend on the other queries, the batch or the threads.
type attentionStep struct {
	op      Attention
	scratch []float32
	slots   int
	q, k, v []float32
	y       []float32
	dim     int // channels of a head
	tokens  int // queries
	keys    int
	group   int // blocks of queries of an item
	groups  int // items of a head
	items   int
	scale   float32
}

// attentionScratch is the floats of scratch an attention needs.
func attentionScratch(q, k Shape, heads, threads int) int {
	return slotsPerThread * threads * slotScratch(q.C/heads, q.H*q.W, k.H*k.W)
}

// slotScratch holds the queries and results of a group, [dim, lanes] each, two tiles of
// scores, [keyTile, lanes], and one of K, [dim, packedStride], as far as there are so many.
func slotScratch(dim, tokens, keys int) int {
	blocks := min(queryGroup, (tokens+lanes-1)/lanes)
	size := 2*blocks*dim*lanes + 2*min(keyTile, keys)*lanes
	if keys > keyTile {
		size += dim * packedStride
	}
	return size
}

// attentionScale is what scores of dim channels are multiplied by.
func attentionScale(dim int) float32 { return float32(1 / math.Sqrt(float64(dim))) }

func (s *attentionStep) setScratch(b []float32) { s.scratch = b }

func (s *attentionStep) run(e *Executor, n int) {
	x, k := e.shapes[s.op.Q], e.shapes[s.op.K]
	s.q, s.k, s.v = e.rows(s.op.Q, n), e.rows(s.op.K, n), e.rows(s.op.V, n)
	s.y = e.rows(s.op.Y, n)
	s.dim, s.tokens, s.keys = x.C/s.op.Heads, x.H*x.W, k.H*k.W
	s.scale = attentionScale(s.dim)
	s.deal(n*s.op.Heads, e.pool.Threads())
	e.pool.Run(s.slots, s)
}

// deal cuts the heads into items: whole groups of queries, or smaller ones where there
// would be too few for the threads.
func (s *attentionStep) deal(heads, threads int) {
	blocks := (s.tokens + lanes - 1) / lanes
	s.group = queryGroup
	for s.group > 1 && heads*((blocks+s.group-1)/s.group) < slotsPerThread*threads {
		s.group /= 2
	}
	s.groups = (blocks + s.group - 1) / s.group
	s.items = heads * s.groups
	s.slots = min(s.items, slotsPerThread*threads)
}

// Do implements workers.Task.
func (s *attentionStep) Do(slot int) {
	size := slotScratch(s.dim, s.tokens, s.keys)
	buf := s.scratch[slot*size : (slot+1)*size]
	for i := slot; i < s.items; i += s.slots {
		s.item(buf, i/s.groups, i%s.groups*s.group*lanes)
	}
}

// attentionBlock is 16 queries on their way through the keys.
type attentionBlock struct {
	first, count int
	keys         int // how many of them it takes
	q, y         []float32
	state        softmaxState
}

// item does a group of queries, the first of which is given, of a head of a row (head
// counts them all).
func (s *attentionStep) item(buf []float32, head, first int) {
	var blocks [queryGroup]attentionBlock
	width := min(keyTile, s.keys)
	var scores [2][]float32
	for i := range scores {
		scores[i], buf = buf[:width*lanes], buf[width*lanes:]
	}
	n, keys := 0, 0
	for ; n < s.group && first+n*lanes < s.tokens; n++ {
		b, size := &blocks[n], s.dim*lanes
		b.q, b.y, buf = buf[:size], buf[size:2*size], buf[2*size:]
		s.begin(b, head, first+n*lanes)
		keys = b.keys // the last one takes the most
	}
	k := s.k[head*s.dim*s.keys : (head+1)*s.dim*s.keys]
	v := s.v[head*s.dim*s.keys : (head+1)*s.dim*s.keys]
	for lo := 0; lo < keys; lo += keyTile {
		tile, stride := k[lo:], s.keys
		if s.keys > keyTile {
			width := min(keyTile, keys-lo)
			for c := range s.dim { // what the blocks have left of the scratch
				copy(buf[c*packedStride:][:width], k[c*s.keys+lo:])
			}
			tile, stride = buf, packedStride
		}
		for i := 0; i < n; i += 2 {
			s.pair(blocks[i:min(i+2, n)], scores, tile, v[lo:], lo, stride)
		}
	}
	for i := range blocks[:n] {
		s.finish(&blocks[i], head)
	}
}

// begin copies the queries of a block.
func (s *attentionStep) begin(b *attentionBlock, head, first int) {
	s.place(b, b.q, head, first)
	clear(b.y)
}

// place is where a block begins, its queries in q and no key taken yet.
func (s *attentionStep) place(b *attentionBlock, q []float32, head, first int) {
	b.first, b.count, b.keys = first, min(lanes, s.tokens-first), s.keys
	if s.op.Causal {
		b.keys = first + b.count
	}
	for c := range s.dim {
		lane := q[c*lanes : (c+1)*lanes]
		copy(lane, s.q[(head*s.dim+c)*s.tokens+first:][:b.count])
		clear(lane[b.count:]) // lanes without a query compute something finite, unused
	}
	b.state.reset()
}

// pair is tile for one block or two, with the products for both at once where they take the same keys.
func (s *attentionStep) pair(blocks []attentionBlock, scores [2][]float32, k, v []float32, lo, stride int) {
	keys := min(keyTile, blocks[0].keys-lo)
	if len(blocks) < 2 || keys != min(keyTile, blocks[1].keys-lo) {
		for i := range blocks {
			s.tile(&blocks[i], scores[i], k, v, lo, stride)
		}
		return
	}
	if keys <= 0 {
		return
	}
	b, c := &blocks[0], &blocks[1]
	scores[0], scores[1] = scores[0][:keys*lanes], scores[1][:keys*lanes]
	mulPair(keys, s.dim, scores, k, [2][]float32{b.q, c.q}, 1, stride, [2][]float32{})
	s.softmax(b, scores[0], lo)
	s.softmax(c, scores[1], lo)
	mulPair(s.dim, keys, [2][]float32{b.y, c.y}, v, scores, s.keys, 1,
		[2][]float32{b.state.factor(), c.state.factor()})
}

// tile takes a tile of keys, the first of which is lo. The channels of k lie stride apart,
// those of v as in memory.
func (s *attentionStep) tile(b *attentionBlock, scores, k, v []float32, lo, stride int) {
	keys := min(keyTile, b.keys-lo)
	if keys <= 0 {
		return
	}
	scores = scores[:keys*lanes]
	mulBlock(keys, s.dim, scores, k, b.q, 1, stride, nil)
	s.softmax(b, scores, lo)
	mulBlock(s.dim, keys, b.y, v, scores, s.keys, 1, b.state.factor())
}

// softmax replaces the scores of a block for the keys from lo on.
func (s *attentionStep) softmax(b *attentionBlock, scores []float32, lo int) {
	if s.op.Causal {
		mask(scores, b.first-lo, minusInf)
	}
	softmaxTile(scores, s.scale, &b.state)
	if s.op.Causal {
		mask(scores, b.first-lo, 0) // where the exponential has left 1e-38
	}
}

// finish divides by the sums and writes the results of a block.
func (s *attentionStep) finish(b *attentionBlock, head int) {
	inv := b.state.sum()
	for j, x := range inv {
		inv[j] = 1 / x
	}
	scaleRows(s.y[head*s.dim*s.tokens+b.first:], s.tokens, b.y, inv, s.dim, b.count)
}

var minusInf = float32(math.Inf(-1))

// mask sets the scores of keys behind the query of their lane; the first query is so many
// keys behind the first key of the tile.
func mask(scores []float32, first int, to float32) {
	for j := max(0, first+1); j*lanes < len(scores); j++ {
		for r := range j - first {
			scores[j*lanes+r] = to
		}
	}
}
