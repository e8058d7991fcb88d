package model

import "github.com/cudiffuse/cudiffuse/internal/bfloat"

// bfloatAttentionStep is [attentionStep] with both products in bfloat16: queries, keys, values and the
// exponentials are rounded, scores and sums are float32 in the order of package bfloat, from which a result of a tile of
// keys goes on to the next. Keys and values are laid out in tiles once for each head, and read by all its queries.
type bfloatAttentionStep struct {
	attentionStep
	keyTiles int // of Side keys, of a head
	dimTiles int // of Side channels
	dimDepth int // blocks of channels in a score
	keyDepth int // blocks of keys in a head
	tiled    []uint16
	heads    int
}

// sizes sets what follows from the shapes.
func (s *bfloatAttentionStep) sizes(q, k Shape) {
	s.dim, s.tokens, s.keys = q.C/s.op.Heads, q.H*q.W, k.H*k.W
	s.keyTiles = (s.keys + bfloat.Side - 1) / bfloat.Side
	s.dimTiles = (s.dim + bfloat.Side - 1) / bfloat.Side
	s.dimDepth, s.keyDepth = bfloat.Blocks(s.dim), bfloat.Blocks(s.keys)
}

// headWords are the 16-bit values of a head: K in rows of tiles, then V.
func (s *bfloatAttentionStep) headWords() int {
	return (s.keyTiles*s.dimDepth + s.dimTiles*s.keyDepth) * bfloat.Tile
}

// slotFloats is the scratch of a slot: for each block of a group its queries and results, then a tile's scores and their
// exponentials in bfloat16.
func (s *bfloatAttentionStep) slotFloats() int {
	blocks := min(queryGroup, (s.tokens+lanes-1)/lanes)
	return blocks*s.blockFloats() + s.scoreFloats() + bfloat.Blocks(keyTile)*bfloat.Tile/2
}

func (s *bfloatAttentionStep) blockFloats() int {
	return s.dimDepth*bfloat.Tile/2 + s.dimTiles*bfloat.Side*lanes
}

func (s *bfloatAttentionStep) scoreFloats() int { return min(keyTile, s.keyTiles*bfloat.Side) * lanes }

// bfloatAttention binds an attention, and tells the floats of scratch that it needs.
func bfloatAttention(op Attention, q, k Shape, batch, threads int) (*bfloatAttentionStep, int) {
	s := &bfloatAttentionStep{attentionStep: attentionStep{op: op}}
	s.sizes(q, k)
	return s, batch*op.Heads*s.headWords()/2 + slotsPerThread*threads*s.slotFloats()
}

func (s *bfloatAttentionStep) run(e *Executor, n int) {
	s.sizes(e.shapes[s.op.Q], e.shapes[s.op.K])
	s.q, s.k, s.v, s.y = e.rows(s.op.Q, n), e.rows(s.op.K, n), e.rows(s.op.V, n), e.rows(s.op.Y, n)
	s.scale = attentionScale(s.dim)
	s.lay(n * s.op.Heads)
	s.deal(s.heads, e.pool.Threads())
	e.pool.Run(s.heads, (*bfloatLayout)(s))
	e.pool.Run(s.slots, s)
}

// lay parts the scratch.
func (s *bfloatAttentionStep) lay(heads int) {
	s.heads = heads
	s.tiled = bfloat.Words(s.scratch[:heads*s.headWords()/2])
}

// bfloatLayout lays out the keys and values of a head; index i is the head.
type bfloatLayout bfloatAttentionStep

// Do implements workers.Task.
func (l *bfloatLayout) Do(head int) {
	s := (*bfloatAttentionStep)(l)
	k, v := s.head(head)
	at := head * s.dim * s.keys
	for t := range s.keyTiles {
		first := t * bfloat.Side
		bfloat.Transpose(k[t*s.dimDepth*bfloat.Tile:], s.k[at+first:], s.keys, s.dim, min(bfloat.Side, s.keys-first))
	}
	clear(v)
	for t := range s.dimTiles {
		first := t * bfloat.Side
		row := v[t*s.keyDepth*bfloat.Tile:]
		for j := 0; j < s.keys; j += bfloat.Depth {
			bfloat.RoundRows(row[j*bfloat.Side:], bfloat.Depth, s.v[at+first*s.keys+j:], s.keys, min(bfloat.Side, s.dim-first),
				min(bfloat.Depth, s.keys-j))
		}
	}
}

// head returns the tiles of K and of V.
func (s *bfloatAttentionStep) head(head int) (k, v []uint16) {
	n := s.headWords()
	all := s.tiled[head*n : (head+1)*n]
	cut := s.keyTiles * s.dimDepth * bfloat.Tile
	return all[:cut], all[cut:]
}

// Do implements workers.Task.
func (s *bfloatAttentionStep) Do(slot int) {
	size := s.slotFloats()
	buf := s.scratch[s.heads*s.headWords()/2+slot*size:][:size]
	for i := slot; i < s.items; i += s.slots {
		s.item(buf, i/s.groups, i%s.groups*s.group*lanes)
	}
}

// item does a group of queries, the first of which is given, of a head of a row.
func (s *bfloatAttentionStep) item(buf []float32, head, first int) {
	var blocks [queryGroup]attentionBlock
	n, keys := 0, 0
	for ; n < s.group && first+n*lanes < s.tokens; n++ {
		b, size := &blocks[n], s.blockFloats()
		b.q, b.y = buf[:s.dimDepth*bfloat.Tile/2], buf[s.dimDepth*bfloat.Tile/2:size]
		buf = buf[size:]
		s.begin(b, head, first+n*lanes)
		keys = b.keys // the last one takes the most
	}
	scores, weights := buf[:s.scoreFloats()], bfloat.Words(buf[s.scoreFloats():])
	k, v := s.head(head)
	for lo := 0; lo < keys; lo += keyTile {
		for i := range blocks[:n] {
			s.tile(&blocks[i], scores, weights, k, v, lo)
		}
	}
	for i := range blocks[:n] {
		s.finish(&blocks[i], head)
	}
}

// begin rounds the queries of a block. Its results serve as the room for their copy in float32.
func (s *bfloatAttentionStep) begin(b *attentionBlock, head, first int) {
	s.place(b, b.y, head, first)
	bfloat.Weave(bfloat.Words(b.q), b.y, s.dim)
	clear(b.y)
}

// tile takes the tile of keys from lo on: their scores are A*B of the keys and the queries, the results those of
// the values and the exponentials.
func (s *bfloatAttentionStep) tile(b *attentionBlock, scores []float32, weights, k, v []uint16, lo int) {
	keys := min(keyTile, b.keys-lo)
	if keys <= 0 {
		return
	}
	depth := s.dimDepth * bfloat.Tile
	bfloat.Column((keys+bfloat.Side-1)/bfloat.Side, s.dimDepth, k[lo/bfloat.Side*depth:], depth, bfloat.Words(b.q), scores, false)
	s.softmax(b, scores[:keys*lanes], lo)
	bfloat.Weave(weights, scores, keys)
	scaleRows(b.y, lanes, b.y, b.state.factor(), s.dimTiles*bfloat.Side, lanes)
	bfloat.Column(s.dimTiles, bfloat.Blocks(keys), v[lo*bfloat.Side:], s.keyDepth*bfloat.Tile, weights, b.y, true)
}
