package model

import "math"

// slotsPerThread bounds the scratch: work items are dealt to this many slots a thread,
// so that memory does not grow with the number of heads and rows.
const slotsPerThread = 4

// headRows is how many channels of a result are computed at a time.
const headRows = 4

// attentionStep runs [Attention]. A work item is a block of 16 queries of one head of
// one row; slot k does the items k, k+slots, k+2*slots, ... with its own scratch. The
// queries of a block are the lanes of its vectors:
//
//	s[j][r] = sum over c of k[c][j] * q[c][r]       score of key j for query r
//	p       = softmax of s / sqrt(d) over j
//	y[c][r] = sum over j of v[c][j] * p[j][r]
//
// A causal block stops at the key of its last query.
type attentionStep struct {
	op      Attention
	scratch []float32
	slots   int
	q, k, v []float32
	y       []float32
	dim     int // channels of a head
	tokens  int // queries
	keys    int
	blocks  int // query blocks
	items   int
	scale   float32
}

// attentionScratch is the floats of scratch an attention needs.
func attentionScratch(q, k Shape, heads, threads int) int {
	return slotsPerThread * threads * slotScratch(q.C/heads, k.H*k.W)
}

// slotScratch holds queries, [dim, lanes], scores, [keys, lanes], and a few rows of
// the result.
func slotScratch(dim, keys int) int { return lanes * (dim + keys + headRows) }

func (s *attentionStep) setScratch(b []float32) { s.scratch = b }

func (s *attentionStep) run(e *Executor, n int) {
	x, k := e.shapes[s.op.Q], e.shapes[s.op.K]
	s.q, s.k, s.v = e.rows(s.op.Q, n), e.rows(s.op.K, n), e.rows(s.op.V, n)
	s.y = e.rows(s.op.Y, n)
	s.dim, s.tokens, s.keys = x.C/s.op.Heads, x.H*x.W, k.H*k.W
	s.blocks = (s.tokens + lanes - 1) / lanes
	s.items = n * s.op.Heads * s.blocks
	s.slots = min(s.items, slotsPerThread*e.pool.Threads())
	s.scale = float32(1 / math.Sqrt(float64(s.dim)))
	e.pool.Run(s.slots, s)
}

// Do implements workers.Task.
func (s *attentionStep) Do(slot int) {
	size := slotScratch(s.dim, s.keys)
	buf := s.scratch[slot*size : (slot+1)*size]
	for i := slot; i < s.items; i += s.slots {
		s.block(buf, i/s.blocks, i%s.blocks*lanes)
	}
}

// block does the queries first, first+1, ... of a head of a row (head counts them all).
func (s *attentionStep) block(buf []float32, head, first int) {
	q, scores := buf[:s.dim*lanes], buf[s.dim*lanes:(s.dim+s.keys)*lanes]
	out := buf[(s.dim+s.keys)*lanes:]
	lo, keyLo, keyHi := head*s.dim*s.tokens, head*s.dim*s.keys, (head+1)*s.dim*s.keys
	count := min(lanes, s.tokens-first)
	for c := range s.dim {
		lane := q[c*lanes : (c+1)*lanes]
		copy(lane, s.q[lo+c*s.tokens+first:][:count])
		clear(lane[count:]) // lanes without a query compute something finite, unused
	}
	keys := s.keys
	if s.op.Causal {
		keys = first + count
		scores = scores[:keys*lanes]
	}
	mulBlock(keys, s.dim, scores, s.k[keyLo:keyHi], q, 1, s.keys)
	if s.op.Causal {
		mask(scores, first, minusInf)
	}
	softmaxBlock(scores, s.scale)
	if s.op.Causal {
		mask(scores, first, 0) // where the exponential has left 1e-38
	}
	for c := 0; c < s.dim; c += headRows {
		rows := min(headRows, s.dim-c)
		mulBlock(rows, keys, out, s.v[keyLo+c*s.keys:keyHi], scores, s.keys, 1)
		for r := range rows {
			copy(s.y[lo+(c+r)*s.tokens+first:][:count], out[r*lanes:])
		}
	}
}

var minusInf = float32(math.Inf(-1))

// mask sets the scores of keys behind the query of their lane, the first of which is the
// given one.
func mask(scores []float32, first int, to float32) {
	for j := first + 1; j*lanes < len(scores); j++ {
		for r := range j - first {
			scores[j*lanes+r] = to
		}
	}
}
