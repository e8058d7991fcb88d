package gputest

import (
	"math"
	"math/rand/v2"

	"github.com/cudiffuse/cudiffuse/sampler"
)

// Conds returns k conditions, 1 to 4, the ints first, first+1, ..., with weights that sum to 1. Three
// are all used, so that the order of the sum shows; of four, the second has weight 0.
func Conds(first, k int) []sampler.Weighted {
	weights := map[int][]float64{
		1: {1}, 2: {7.5, -6.5}, 3: {3.3, -0.7, -1.6}, 4: {2.1, 0, 0.8, -1.9}}[k]
	conds := make([]sampler.Weighted, k)
	for i := range conds {
		conds[i] = sampler.Weighted{Weight: weights[i], Cond: first + i}
	}
	return conds
}

// Static is the number of the first [Requests] whose plans need no reduction and no known part.
const Static = 10

// Guided is the number of the first [Requests] without other guidance than weights.
const Guided = Static + 13

// Drawn is the number of the first [Requests] whose noise is as drawn: neither learned nor sums of draws.
const Drawn = Guided + 8

// Averaged is the number of the first [Requests] without momentum of their guidance.
const Averaged = Drawn + 4

// Requests returns a mixed batch: every hand-made plan and some random ones, with one to four
// conditions, different lengths, seeds and, for some, a given initial noise; then those plans again
// with thresholds, rescaled guidance and known parts, alone and together.
func Requests(elems int) []sampler.Request {
	reqs := handMade()
	rng := rand.New(rand.NewPCG(1, 2))
	for n := 1; n <= 5; n++ {
		reqs = append(reqs, sampler.Request{Plan: Random(rng, 2*n)})
	}
	for _, d := range dynamics {
		req := sampler.Request{Plan: Random(rng, 4)}
		if d.plan != "" {
			req.Plan = Plans()[d.plan]
		}
		req.Plan.Threshold, req.Plan.Rescale, req.Plan.Projection = d.threshold, d.rescale, d.project
		for k := range req.Plan.Stages {
			if st := &req.Plan.Stages[k]; d.guidance && st.Eval {
				st.Guidance = sampler.Guidance(k % 3)
			}
		}
		if d.learned {
			learn(req.Plan)
		}
		if d.path {
			sums(req.Plan)
		}
		if d.inpaint {
			req.Inpaint = Inpaint(elems, len(reqs))
		}
		reqs = append(reqs, req)
	}
	for i := range reqs {
		reqs[i].Conds = Conds(10*i, 1+i%4)
		if reqs[i].Plan.Projection != nil {
			reqs[i].Conds = Conds(10*i, 2)
		}
		reqs[i].Seed = uint64(i) * 0x9E3779B97F4A7C15
		if i%4 == 3 {
			reqs[i].Init = Pattern(elems, 91+i, 193)
		}
		if i < Static || dynamics[i-Static].weights == 0 {
			continue
		}
		for k := range reqs[i].Conds {
			reqs[i].Conds[k].Weight *= dynamics[i-Static].weights
		}
	}
	return reqs
}

func handMade() []sampler.Request {
	plans := Plans()
	var reqs []sampler.Request
	for _, name := range []string{
		"single", "every register", "zero over nan", "without evaluation", "initial base",
	} {
		reqs = append(reqs, sampler.Request{Plan: plans[name]})
	}
	return reqs
}

// dynamics are the requests after the first [Static]. With [Lattice], limits fall below 1, between
// the bounds and above them, and factors on both sides of 1. Each feature has one to four conditions.
var dynamics = []struct {
	plan      string // "" is a random one
	threshold *sampler.Threshold
	rescale   float64
	inpaint   bool
	guidance  bool // of all, the first and no condition, in turn
	project   *sampler.Projection
	weights   float64 // share of the usual weights, 0 for all
	learned   bool    // scale of n0, of both kinds
	path      bool    // draws that are sums
}{
	{plan: "every register", threshold: limit(0.9, 100)}, // 3 conditions
	{plan: "every register", rescale: 0.7},               // 4, and so on
	{plan: "every register", threshold: limit(0.995, 2), rescale: 0.3, inpaint: true},
	{plan: "every register", threshold: limit(0.5, 1.5), rescale: 0.7, weights: 0.05},
	{plan: "without evaluation", threshold: limit(0.75, 3), rescale: 1, inpaint: true},
	{plan: "without evaluation", inpaint: true},
	{plan: "single", threshold: limit(1, 50)},
	{plan: "initial base", rescale: 0.5, inpaint: true, weights: 0.1},
	{plan: "zero over nan", threshold: limit(0.25, 1), rescale: 0.5},
	{threshold: limit(0.01, 4), rescale: 1e-3},
	{inpaint: true},
	{rescale: 0.9, inpaint: true},
	{threshold: limit(0.999, 8), inpaint: true},
	{plan: "every register", guidance: true},
	{guidance: true, rescale: 0.7, threshold: limit(0.9, 3)},
	{plan: "single", project: &sampler.Projection{Kind: sampler.APG, Norm: 2.5}},
	{plan: "every register", project: &sampler.Projection{Kind: sampler.APG, Eta: 0.5}},
	{plan: "every register", project: &sampler.Projection{Kind: sampler.ZeroStar}, guidance: true, inpaint: true},
	{project: &sampler.Projection{Kind: sampler.ZeroStar}, rescale: 0.4},
	{plan: "every register", project: &sampler.Projection{Kind: sampler.Tangential}},
	{project: &sampler.Projection{Kind: sampler.Tangential}, threshold: limit(0.8, 4), rescale: 0.7, guidance: true},
	{plan: "every register", learned: true},
	{plan: "every register", path: true, learned: true, inpaint: true},
	{plan: "without evaluation", path: true},
	{learned: true, path: true, guidance: true, rescale: 0.2},
	{plan: "single", project: momentum(-0.5, 0, 0)},
	{plan: "every register", project: momentum(-0.75, 0, 2.5), inpaint: true},
	{plan: "every register", project: momentum(0.9, 1, 0), guidance: true, rescale: 0.7},
	{plan: "without evaluation", project: momentum(0.5, 0.25, 4)},
	{project: momentum(-0.9, -0.5, 1), threshold: limit(0.8, 4), rescale: 0.3, guidance: true},
	{project: momentum(0.3, 0, 0)},
}

// learn makes the stages that can learn the scale of their noise, in turn of each kind.
func learn(p *sampler.Plan) {
	for k := range p.Stages {
		st := &p.Stages[k]
		if !st.Eval || st.Draws[0] == 0 {
			continue
		}
		st.Learned = &sampler.Learned{Bias: -0.5, Gain: 0.75 + float64(k)/8}
		if k%3 == 1 {
			st.Learned = &sampler.Learned{Root: true}
		}
	}
}

// sums makes draws sums of none to four others.
func sums(p *sampler.Plan) {
	p.Increments = make([][]sampler.Term, p.Draws())
	for k := range p.Increments {
		for j := range k % 5 {
			p.Increments[k] = append(p.Increments[k],
				sampler.Term{Draw: 1<<31 + uint32(7*k+j), Weight: []float64{0.75, -0.3, 0, 1e-3}[j]})
		}
	}
}

func momentum(v, eta, norm float64) *sampler.Projection {
	return &sampler.Projection{Kind: sampler.APG, Eta: eta, Norm: norm, Momentum: v}
}

func limit(q, most float64) *sampler.Threshold { return &sampler.Threshold{Quantile: q, Max: most} }

// Inpaint returns a known part of n elements: masks of 0, 1 and between, and numbers that are not
// used where the mask is 1.
func Inpaint(n, salt int) *sampler.Inpaint {
	p := &sampler.Inpaint{Known: Pattern(n, 53+salt, 211), Mask: make([]float32, n)}
	for i := range p.Mask {
		p.Mask[i] = []float32{1, 0, 0.5, 0.3, 1e-40, 0.99999994}[(i+salt)%6]
		if p.Mask[i] == 1 {
			p.Known[i] = float32(math.NaN())
		}
	}
	return p
}
