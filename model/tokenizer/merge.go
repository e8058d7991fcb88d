package tokenizer

import "container/heap"

// merge joins neighbouring symbols, always the pair of the lowest rank, the leftmost of
// several, until no pair has a rank. A queue of candidates makes that n log n: a word may
// be as long as the text.
func (c *CLIP) merge(symbols []string) []string {
	n := len(symbols)
	next, prev := make([]int, n), make([]int, n)
	for i := range n {
		next[i], prev[i] = i+1, i-1
	}
	q := &candidates{}
	offer := func(i int) {
		if i < 0 || next[i] >= n {
			return
		}
		if rank, ok := c.ranks[pair{symbols[i], symbols[next[i]]}]; ok {
			heap.Push(q, candidate{rank, i, symbols[i], symbols[next[i]]})
		}
	}
	for i := range n {
		offer(i)
	}
	for q.Len() > 0 {
		m := heap.Pop(q).(candidate)
		i := m.at
		// What was merged since is out of date.
		if symbols[i] != m.left || next[i] >= n || symbols[next[i]] != m.right {
			continue
		}
		j := next[i]
		symbols[i] += symbols[j]
		symbols[j] = ""
		next[i] = next[j]
		if next[j] < n {
			prev[next[j]] = i
		}
		offer(prev[i])
		offer(i)
	}
	out := symbols[:0]
	for i := 0; i < n; i = next[i] {
		out = append(out, symbols[i])
	}
	return out
}

// candidate is a pair that may be merged.
type candidate struct {
	rank        int32
	at          int // of the left symbol
	left, right string
}

type candidates []candidate

func (q candidates) Len() int { return len(q) }
func (q candidates) Less(i, j int) bool {
	if q[i].rank != q[j].rank {
		return q[i].rank < q[j].rank
	}
	return q[i].at < q[j].at
}
func (q candidates) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push implements heap.Interface.
func (q *candidates) Push(x any) { *q = append(*q, x.(candidate)) }

// Pop implements heap.Interface.
func (q *candidates) Pop() any {
	old := *q
	x := old[len(old)-1]
	*q = old[:len(old)-1]
	return x
}
