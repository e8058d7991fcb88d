// Package arena places values with lifetimes in one piece of memory.
package arena

import (
	"cmp"
	"slices"
)

// Span is a value: its size and the first and last step in which it is in use, both
// included. [Place] sets Offset.
type Span struct {
	Bytes       int64
	First, Last int
	Offset      int64
}

// Place sets the offsets so that no two values whose lives overlap share memory, and
// returns the size of the whole.
//
// Values are placed one by one, each in the tightest gap left by those placed before
// whose lives overlap: greedy by size of Pisarchyk and Lee, "Efficient Memory Management
// for Deep Neural Net Inference", 2020, arXiv:2001.03288. No order is best for every
// network, so a few are tried, from the largest value, the longest life or the largest
// product of both, and the first of the smallest results is taken.
func Place(spans []Span) (peak int64) {
	life := func(s Span) int64 { return int64(s.Last - s.First + 1) }
	orders := []func(s Span) int64{
		func(s Span) int64 { return s.Bytes },
		func(s Span) int64 { return s.Bytes * life(s) },
		life,
	}
	try := make([]Span, len(spans))
	for i, weight := range orders {
		copy(try, spans)
		if p := placeBy(try, weight); i == 0 || p < peak {
			peak = p
			copy(spans, try)
		}
	}
	return peak
}

// placeBy places from the largest weight to the smallest.
func placeBy(spans []Span, weight func(Span) int64) (peak int64) {
	order := make([]int, len(spans))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(weight(spans[b]), weight(spans[a])) })
	var placed []int // in order of offset
	for _, i := range order {
		s := &spans[i]
		s.Offset = fit(spans, placed, *s)
		at, _ := slices.BinarySearchFunc(placed, s.Offset, func(j int, off int64) int {
			return cmp.Compare(spans[j].Offset, off)
		})
		placed = slices.Insert(placed, at, i)
		peak = max(peak, s.Offset+s.Bytes)
	}
	return peak
}

// fit returns the start of the tightest gap for s, or the end of all that it meets.
func fit(spans []Span, placed []int, s Span) int64 {
	best, bestGap, end := int64(-1), int64(1)<<62, int64(0)
	for _, j := range placed {
		o := spans[j]
		if o.Last < s.First || o.First > s.Last {
			continue
		}
		if gap := o.Offset - end; gap >= s.Bytes && gap < bestGap {
			best, bestGap = end, gap
		}
		end = max(end, o.Offset+o.Bytes)
	}
	if best < 0 {
		return end
	}
	return best
}
