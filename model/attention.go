package model

import "math"

// queryBlock is how many queries share one pass over the keys.
const queryBlock = 16

// slotsPerThread bounds the score buffers: tasks are dealt to this many slots a
// thread, so that memory does not grow with the number of heads and rows.
const slotsPerThread = 4

// attentionStep runs [Attention]. A work item is a block of queries of one head of one
// row; slot k does the items k, k+slots, k+2*slots, ... with its own score buffer.
type attentionStep struct {
	op      Attention
	scores  []float32 // [slots, queryBlock, tokens]
	slots   int
	q, k, v []float32
	y       []float32
	dim     int // channels of a head
	tokens  int
	blocks  int // query blocks
	items   int
	scale   float32
}

// attentionScratch is the floats of scratch an attention needs.
func attentionScratch(x Shape, threads int) int {
	return slotsPerThread * threads * queryBlock * x.H * x.W
}

func (s *attentionStep) setScratch(b []float32) { s.scores = b }

func (s *attentionStep) run(e *Executor, n int) {
	x := e.shapes[s.op.Q]
	s.q, s.k, s.v = e.rows(s.op.Q, n), e.rows(s.op.K, n), e.rows(s.op.V, n)
	s.y = e.rows(s.op.Y, n)
	s.dim, s.tokens = x.C/s.op.Heads, x.H*x.W
	s.blocks = (s.tokens + queryBlock - 1) / queryBlock
	s.items = n * s.op.Heads * s.blocks
	s.slots = min(s.items, slotsPerThread*e.pool.Threads())
	s.scale = float32(1 / math.Sqrt(float64(s.dim)))
	e.pool.Run(s.slots, s)
}

// Do implements workers.Task.
func (s *attentionStep) Do(slot int) {
	buf := s.scores[slot*queryBlock*s.tokens:][:queryBlock*s.tokens]
	for i := slot; i < s.items; i += s.slots {
		head, first := i/s.blocks, i%s.blocks*queryBlock
		size := s.dim * s.tokens
		lo, hi := head*size, (head+1)*size
		count := min(queryBlock, s.tokens-first)
		scoreBlock(buf, s.q[lo:hi], s.k[lo:hi], s.tokens, first, count)
		for r := range count {
			softmax(buf[r*s.tokens:(r+1)*s.tokens], s.scale)
		}
		weighBlock(s.y[lo:hi], s.v[lo:hi], buf, s.tokens, first, count)
	}
}

// scoreBlock sets s[r][j] = sum over c of q[c][first+r] * k[c][j], for all keys j,
// adding in the order of c. Two queries by four keys are held in registers.
func scoreBlock(s, q, k []float32, tokens, first, count int) {
	for r := 0; r < count; r += 2 {
		r1 := min(r+1, count-1) // an odd last query is done twice
		j := 0
		for ; j+4 <= tokens; j += 4 {
			var a0, a1, a2, a3, b0, b1, b2, b3 float32
			for c := 0; c < len(q); c += tokens {
				kc := k[c+j : c+j+4 : c+j+4]
				x, y := q[c+first+r], q[c+first+r1]
				a0 += float32(x * kc[0])
				a1 += float32(x * kc[1])
				a2 += float32(x * kc[2])
				a3 += float32(x * kc[3])
				b0 += float32(y * kc[0])
				b1 += float32(y * kc[1])
				b2 += float32(y * kc[2])
				b3 += float32(y * kc[3])
			}
			copy4(s[r1*tokens+j:], b0, b1, b2, b3)
			copy4(s[r*tokens+j:], a0, a1, a2, a3)
		}
		for ; j < tokens; j++ {
			var a, b float32
			for c := 0; c < len(q); c += tokens {
				a += float32(q[c+first+r] * k[c+j])
				b += float32(q[c+first+r1] * k[c+j])
			}
			s[r1*tokens+j], s[r*tokens+j] = b, a
		}
	}
}

func copy4(dst []float32, a, b, c, d float32) {
	dst = dst[:4:4]
	dst[0], dst[1], dst[2], dst[3] = a, b, c, d
}

// softmax replaces s by exp(scale*(s-max)) / sum, with the sum in float64.
func softmax(s []float32, scale float32) {
	top := s[0]
	for _, v := range s {
		if v > top || v != v { // a NaN score makes the whole row NaN
			top = v
		}
	}
	sum := 0.0
	for i, v := range s {
		x := exp32(float32((v - top) * scale))
		s[i] = x
		sum += float64(x)
	}
	inv := float32(1 / sum)
	for i := range s {
		s[i] *= inv
	}
}

// weighBlock sets y[c][first+r] = sum over j of v[c][j] * p[r][j], added as by
// dot.
func weighBlock(y, v, p []float32, tokens, first, count int) {
	for c := 0; c < len(v); c += tokens {
		vc := v[c : c+tokens]
		for r := range count {
			y[c+first+r] = dot(vc, p[r*tokens:(r+1)*tokens])
		}
	}
}

// dot adds in four interleaved sums, joined in a fixed order.
func dot(a, b []float32) float32 {
	var s0, s1, s2, s3 float32
	for len(a) >= 4 && len(b) >= 4 {
		s0 += float32(a[0] * b[0])
		s1 += float32(a[1] * b[1])
		s2 += float32(a[2] * b[2])
		s3 += float32(a[3] * b[3])
		a, b = a[4:], b[4:]
	}
	for i := range a {
		s0 += float32(a[i] * b[i])
	}
	return (s0 + s1) + (s2 + s3)
}
