package model

import "math"

// t5AttentionStep runs [T5Attention]. A work item is 16 queries of one head of one row,
// the lanes of its vectors, against all keys of the text at once: texts are short. Slot k
// does the items k, k+slots, ... with its own scratch.
type t5AttentionStep struct {
	op     T5Attention
	bias   []float32 // [Buckets, Heads]
	bucket []int32   // of the distance key - query, from 1-tokens
	dim    int       // channels of a head
	tokens int

	scratch       []float32
	slots, items  int
	blocks        int // of queries
	q, k, v, y    []float32
	last          []int64
	scratchOfSlot int
}

// newT5Attention tells how many floats of scratch the step needs.
func newT5Attention(o T5Attention, q Shape, bias []float32, threads int) (*t5AttentionStep, int, error) {
	s := &t5AttentionStep{op: o, bias: bias, dim: q.C / o.Heads, tokens: q.H}
	s.bucket = make([]int32, 2*s.tokens-1)
	for i := range s.bucket {
		s.bucket[i] = int32(t5Bucket(i-(s.tokens-1), o.Buckets, o.Distance))
	}
	s.blocks = (s.tokens + lanes - 1) / lanes
	s.scratchOfSlot = (2*s.dim + s.tokens) * lanes // queries, results and scores
	return s, slotsPerThread * threads * s.scratchOfSlot, nil
}

// t5Bucket is the bucket of a distance key - query (T5Attention._relative_position_bucket
// of transformers, bidirectional): half of the buckets are for keys behind the query; of a
// half, the first half are one distance each, the others grow with the logarithm, which is
// taken in float32 as there.
func t5Bucket(distance, buckets, maxDistance int) int {
	half := buckets / 2
	first := 0
	if distance > 0 {
		first = half
	}
	distance = max(distance, -distance)
	exact := half / 2
	if distance < exact {
		return first + distance
	}
	ratio := float32(math.Log(float64(float32(distance) / float32(exact))))
	ratio /= float32(math.Log(float64(maxDistance) / float64(exact)))
	large := exact + int(float32(ratio*float32(half-exact)))
	return first + min(large, half-1)
}

func (s *t5AttentionStep) setScratch(b []float32) { s.scratch = b }

func (s *t5AttentionStep) run(e *Executor, n int) {
	s.q, s.k, s.v = e.rows(s.op.Q, n), e.rows(s.op.K, n), e.rows(s.op.V, n)
	s.y, s.last = e.rows(s.op.Y, n), e.ints[s.op.Last]
	s.items = n * s.op.Heads * s.blocks
	s.slots = min(s.items, slotsPerThread*e.pool.Threads())
	e.pool.Run(s.slots, s)
	s.last = nil // the caller's
}

// Do implements workers.Task.
func (s *t5AttentionStep) Do(slot int) {
	buf := s.scratch[slot*s.scratchOfSlot : (slot+1)*s.scratchOfSlot]
	for i := slot; i < s.items; i += s.slots {
		s.item(buf, i/s.blocks, i%s.blocks*lanes)
	}
}

// item does the queries from first on of a head of a row (head counts them all).
func (s *t5AttentionStep) item(buf []float32, head, first int) {
	size, count := s.dim*lanes, min(lanes, s.tokens-first)
	q, y, scores := buf[:size], buf[size:2*size], buf[2*size:]
	at := head * s.dim * s.tokens
	for c := range s.dim {
		lane := q[c*lanes : (c+1)*lanes]
		copy(lane, s.q[at+c*s.tokens+first:][:count])
		clear(lane[count:]) // lanes without a query compute something finite, unused
	}
	keys := int(s.last[head/s.op.Heads]) + 1
	scores = scores[:keys*lanes]
	end := at + s.dim*s.tokens
	mulBlock(keys, s.dim, scores, s.k[at:end], q, 1, s.tokens, nil)
	s.addBias(scores, head%s.op.Heads, first, count)
	var state softmaxState
	state.reset()
	softmaxTile(scores, 1, &state)
	mulBlock(s.dim, keys, y, s.v[at:end], scores, s.tokens, 1, nil)
	inv := state.sum()
	for j, x := range inv {
		inv[j] = 1 / x
	}
	scaleRows(s.y[at+first:], s.tokens, y, inv, s.dim, count)
}

// addBias adds what the distances of the keys from the queries have.
func (s *t5AttentionStep) addBias(scores []float32, head, first, count int) {
	for j := 0; j*lanes < len(scores); j++ {
		row := scores[j*lanes:][:count]
		for r := range row {
			bucket := s.bucket[j-(first+r)+s.tokens-1]
			row[r] += s.bias[int(bucket)*s.op.Heads+head]
		}
	}
}
