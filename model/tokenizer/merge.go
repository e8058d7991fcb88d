package tokenizer

// merge is what becomes of a pair of symbols, and how early.
type merge struct{ rank, token int32 }

// pair is the key of two neighbouring symbols in the table of merges.
func pair(left, right int32) uint64 { return uint64(uint32(left))<<32 | uint64(uint32(right)) }

// mergeAll joins neighbouring symbols, always the pair of the lowest rank, the leftmost of several, until no pair has
// a rank. The symbols are a linked list and the candidates a heap, so that a word of n symbols takes n log n steps: it
// may be as long as the text. symbols is overwritten.
func (c *CLIP) mergeAll(symbols []int32) []int32 {
	n := int32(len(symbols))
	if n < 2 {
		return symbols
	}
	// A list by position; a symbol that was merged into its left neighbour is gone.
	const gone = -2
	next, prev := make([]int32, n), make([]int32, n)
	for i := range n {
		next[i], prev[i] = i+1, i-1
	}
	var q candidates
	for i := range n - 1 {
		if m, ok := c.merges[pair(symbols[i], symbols[i+1])]; ok {
			q = append(q, candidate{m, i})
		}
	}
	for i := len(q)/2 - 1; i >= 0; i-- {
		q.down(i)
	}
	offer := func(i int32) {
		if i < 0 || next[i] >= n {
			return
		}
		if m, ok := c.merges[pair(symbols[i], symbols[next[i]])]; ok {
			q.push(candidate{m, i})
		}
	}
	for len(q) > 0 {
		x := q.pop()
		i := x.at
		if symbols[i] == gone || next[i] >= n {
			continue
		}
		j := next[i]
		if m, ok := c.merges[pair(symbols[i], symbols[j])]; !ok || m != x.merge {
			continue // a neighbour was merged since
		}
		symbols[i], symbols[j] = x.token, gone
		next[i] = next[j]
		if next[j] < n {
			prev[next[j]] = i
		}
		offer(prev[i])
		offer(i)
	}
	out := symbols[:0]
	for i := int32(0); i < n; i = next[i] {
		out = append(out, symbols[i])
	}
	return out
}

// candidate is a pair that may be merged, by the position of its left symbol.
type candidate struct {
	merge
	at int32
}

// candidates is a binary heap, the next to be merged at its root.
type candidates []candidate

func (q candidates) before(a, b int) bool {
	if q[a].rank != q[b].rank {
		return q[a].rank < q[b].rank
	}
	return q[a].at < q[b].at
}

func (q candidates) down(i int) {
	for {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < len(q); c++ {
			if q.before(c, least) {
				least = c
			}
		}
		if least == i {
			return
		}
		q[i], q[least] = q[least], q[i]
		i = least
	}
}

func (q *candidates) push(x candidate) {
	*q = append(*q, x)
	for i := len(*q) - 1; i > 0 && q.before(i, (i-1)/2); i = (i - 1) / 2 {
		(*q)[i], (*q)[(i-1)/2] = (*q)[(i-1)/2], (*q)[i]
	}
}

func (q *candidates) pop() candidate {
	x, last := (*q)[0], len(*q)-1
	(*q)[0] = (*q)[last]
	*q = (*q)[:last]
	q.down(0)
	return x
}
