package sampler

import (
	"fmt"
	"math"
)

// Term is a draw of standard normal noise and its weight in a sum of draws.
type Term struct {
	Draw   uint32 // 2^31 or more: a number that no stage has for a draw of its own
	Weight float64
}

// WithBrownian makes the noise of an SDE sampler the increments of one Brownian motion W over the logarithm of the
// noise level sigma/alpha, which depends on the seed alone: the noise of a step from level a to b is
//
//	(W(u(a)) - W(u(b)))/sqrt(u(a) - u(b)),  u(l) = (ln l + 12)/24, within 0 to 1
//
// Steps of other counts, grids and samplers then see the same path, and their images come together as the steps
// grow; with noise of its own for each step, every count gives another image. Each increment has unit variance and
// is independent of the others, as before.
//
// The path is a Brownian tree (Lévy's construction in the Faber-Schauder basis; as torchsde's BrownianTree, which
// k-diffusion uses, but each node is a draw by its number, so that nothing is stored):
//
//	W(u) = u*Z + sum over j and the node k of level j above u of 2^(-j/2)*min(f, 1-f)*Z[j,k],  f = 2^j*u - k
//
// An increment is a sum of some 25 to 40 draws; devices draw them where they use them. Samplers that take the sample
// back up (restart, repaint) have no such path: they are refused. For those that draw it anew at each step
// (LCM, TCD) it changes the numbers alone.
func WithBrownian() Option {
	return func(p *Plan) {
		if err := p.brownian(); err != nil && p.refused == nil {
			p.refused = err
		}
	}
}

// Of the tree: the logarithms of levels that it covers, the shallowest and deepest that it may be, how many of its
// smallest parts a step has at least, and the draw of Z, which is that of node 0.
const (
	logLevels    = 12
	leastDepth   = 16
	mostDepth    = 30
	partsOfAStep = 16
	brownianDraw = 1 << 31
)

// span is what a draw covers of the clock u, from the noisier end.
type span struct{ from, to float64 }

func (p *Plan) brownian() error {
	spans, err := p.spans()
	if err != nil {
		return err
	}
	shortest := 1.0
	for _, s := range spans {
		if s.from > s.to {
			shortest = math.Min(shortest, s.from-s.to)
		}
	}
	depth := max(leastDepth, int(math.Ceil(math.Log2(partsOfAStep/shortest))))
	if depth > mostDepth {
		return refuse("steps of %.2g in ln(sigma/alpha) are too short for a Brownian path: want at least %.2g",
			shortest*2*logLevels, partsOfAStep*math.Exp2(-mostDepth)*2*logLevels)
	}
	p.Increments = make([][]Term, len(spans))
	for k, s := range spans {
		if s.from > s.to {
			p.Increments[k] = increment(s, depth)
		}
	}
	return nil
}

// spans returns that of each draw: from the end of the draw before, or from the beginning of the step where that is
// later, to the next evaluation. Draws that no stage has are empty.
func (p *Plan) spans() ([]span, error) {
	spans := make([]span, p.Draws())
	end, step, begin := 1.0, -1, 1.0
	for i := range p.Stages {
		st := &p.Stages[i]
		here, next := clock(level(st.At)), clock(p.end)
		if i+1 < len(p.Stages) {
			next = clock(level(p.Stages[i+1].At))
		}
		if st.Step != step {
			step, begin = st.Step, here
		}
		for j, d := range st.Draws {
			if d == 0 || st.coefficient(j) == 0 || spans[d-1].from > 0 {
				continue
			}
			s := span{math.Min(end, begin), next}
			if !(s.from > s.to) {
				return nil, &PlanError{Sampler: p.Sampler, Step: st.Step, Detail: fmt.Sprintf("noise from ln(sigma/alpha) %.4g to "+
					"%.4g: want a sampler whose noise level only falls for a Brownian path", unclock(s.from), unclock(s.to))}
			}
			spans[d-1], end = s, s.to
		}
	}
	return spans, nil
}

// coefficient returns the largest of noise j in the stage's rows.
func (st *Stage) coefficient(j int) (c float64) {
	for _, r := range st.rows() {
		c = math.Max(c, math.Abs(r.N[j]))
	}
	return c
}

// clock is u of a level, which may be 0 or infinite.
func clock(level float64) float64 {
	return math.Max(0, math.Min(1, (math.Log(level)+logLevels)/(2*logLevels)))
}

func unclock(u float64) float64 { return 2*logLevels*u - logLevels }

// increment returns the normalised increment over s, whose ends are rounded to the smallest parts of the tree.
func increment(s span, depth int) []Term {
	scale := math.Exp2(float64(depth))
	from, to := int64(math.Round(s.from*scale)), int64(math.Round(s.to*scale))
	norm := 1 / math.Sqrt(float64(from-to)/scale)
	terms := []Term{{brownianDraw, float64(from-to) / scale * norm}}
	for j := range depth {
		a, b := tent(from, j, depth), tent(to, j, depth)
		if a.Draw == b.Draw {
			a.Weight, b.Weight = a.Weight-b.Weight, 0
		}
		for _, t := range [2]Term{a, {b.Draw, -b.Weight}} {
			if t.Weight != 0 {
				terms = append(terms, Term{t.Draw, t.Weight * norm})
			}
		}
	}
	return terms
}

// tent is the node of level j above the point at/2^depth, and its height there.
func tent(at int64, j, depth int) Term {
	width := int64(1) << (depth - j)
	k := min(at/width, int64(1)<<j-1)
	f := float64(at-k*width) / float64(width)
	return Term{uint32(brownianDraw + int64(1)<<j + k), math.Exp2(-float64(j)/2) * math.Min(f, 1-f)}
}

// maxTerms bounds the sum that a draw may be.
const maxTerms = 2*mostDepth + 1

// checkIncrements returns what is wrong with Increments, or "".
func (p *Plan) checkIncrements() string {
	for k, terms := range p.Increments {
		if len(terms) > maxTerms {
			return fmt.Sprintf("draw %d is a sum of %d: want at most %d", k+1, len(terms), maxTerms)
		}
		for _, t := range terms {
			if t.Draw < brownianDraw {
				return fmt.Sprintf("draw %d is made of draw %d: want one of 2^31 or more", k+1, t.Draw)
			}
			if !finite(t.Weight, float64(float32(t.Weight))) {
				return fmt.Sprintf("draw %d has a weight of %v: want a finite number", k+1, t.Weight)
			}
		}
	}
	return ""
}

// Terms returns what draw k, counted from 1, is the sum of; nil when it is a draw of its own.
func (p *Plan) Terms(k int) []Term {
	if k < 1 || k > len(p.Increments) {
		return nil
	}
	return p.Increments[k-1]
}
