package sampler

import (
	"fmt"
	"math"
)

// DefaultScale is the guidance scale that text-to-image programs use.
const DefaultScale = 7.5

// Guide returns the conditions of classifier-free guidance (Ho and Salimans 2022, arXiv:2207.12598) at
// scale s, as diffusers and most programs write it:
//
//	m = uncond + s*(cond - uncond) = s*cond + (1-s)*uncond
//
// s = 1 is the conditional network alone and s = 0 the unconditional one alone; both cost one evaluation a
// stage, any other scale two. A negative prompt takes the place of uncond. The paper's own convention has
// w = s-1, see [GuideW].
func Guide(cond, uncond Cond, s float64) ([]Weighted, error) {
	switch {
	case math.IsNaN(s) || math.IsInf(s, 0):
		return nil, &RequestError{Row: -1, Field: "guidance scale",
			Detail: fmt.Sprintf("%v: want a finite number, 1 for none, usually 1.5 to 10", s)}
	case s == 1:
		return []Weighted{{Weight: 1, Cond: cond}}, nil
	case s == 0:
		return []Weighted{{Weight: 1, Cond: uncond}}, nil
	}
	return []Weighted{{Weight: s, Cond: cond}, {Weight: 1 - s, Cond: uncond}}, nil
}

// GuideW is [Guide] in the convention of the paper, w = s-1:
//
//	m = (1+w)*cond - w*uncond
func GuideW(cond, uncond Cond, w float64) ([]Weighted, error) {
	return Guide(cond, uncond, 1+w)
}
