package sampler

import "fmt"

// Inpaint keeps a part of the sample as it is known. In each stage that evaluates, after the clip, the
// predicted clean sample becomes
//
//	d = mask*d + (1-mask)*known
//
// so that the sampler itself brings the known part to every noise level (the replacement of Lugmayr et al.,
// "RePaint" (2022), arXiv:2201.09865, done on the clean sample). A factor of zero skips its term: what is
// known need not be set where the mask is 1. A sampler whose last stage is x' = d, as most are that go to
// sigma 0, returns the known values exactly where the mask is 0.
type Inpaint struct {
	Known []float32 // the clean sample, as long as a sample
	Mask  []float32 // 0: known, 1: from the network; as long as a sample
}

// check returns what is wrong with the in-painting of request row, whose samples have n elements.
func (p *Inpaint) check(row, n int) error {
	if p == nil {
		return nil
	}
	for _, s := range []struct {
		field string
		v     []float32
	}{{"inpaint known", p.Known}, {"inpaint mask", p.Mask}} {
		if len(s.v) != n {
			return &RequestError{Row: row, Field: s.field,
				Detail: fmt.Sprintf("%d values: want %d", len(s.v), n)}
		}
	}
	for i, m := range p.Mask {
		if !(m >= 0 && m <= 1) {
			return &RequestError{Row: row, Field: "inpaint mask",
				Detail: fmt.Sprintf("%v at element %d: want 0 (known) to 1 (from the network)", m, i)}
		}
	}
	return nil
}
