package gputest

import (
	"math"

	"github.com/cudiffuse/cudiffuse/sampler"
)

// averaged adds the difference of the outputs to the running average of a projection with momentum, in the stages that
// are guided, and returns what the weights are for: the average in place of the second output.
func averaged(req sampler.Request, st *sampler.Stage, outs [][]float32, average []float32) [][]float32 {
	p := req.Plan.Projection
	if p == nil || p.Momentum == 0 || st.Guidance != sampler.GuideAll {
		return outs
	}
	for i, v := range average {
		kept := float32(float32(p.Momentum) * v)
		difference := float32(outs[0][i] - outs[1][i])
		average[i] = float32(difference + kept)
	}
	return [][]float32{outs[0], average}
}

// weights are those of the conditions in a stage.
func weights(req sampler.Request, st *sampler.Stage, outs [][]float32) []float64 {
	w := make([]float64, len(req.Conds))
	switch {
	case st.Guidance == sampler.GuideNone:
	case st.Guidance == sampler.GuideFirst:
		w[0] = 1
	case req.Plan.Projection != nil:
		s, rest := float32(req.Conds[0].Weight), float32(req.Conds[1].Weight)
		a, b := projected(req.Plan.Projection, s, rest, outs[0], outs[1])
		w[0], w[1] = float64(a), float64(b)
	default:
		for k, c := range req.Conds {
			w[k] = c.Weight
		}
	}
	return w
}

// products are those of elements, each rounded.
func products(a, b []float32) float32 {
	p := make([]float32, len(a))
	for i := range a {
		p[i] = float32(a[i] * b[i])
	}
	return sum(p)
}

// projected makes the weights of a projection by its formulas, each operation rounded.
func projected(p *sampler.Projection, s, rest float32, c, u []float32) (a, b float32) {
	switch p.Kind {
	case sampler.APG:
		d := make([]float32, len(c))
		for i := range c {
			d[i] = float32(c[i] - u[i])
			if p.Momentum != 0 {
				d[i] = u[i]
			}
		}
		k, along := float32(1), float32(0)
		if length := sqrt(products(d, d)); float32(p.Norm) > 0 && length > float32(p.Norm) {
			k = float32(float32(p.Norm) / length)
		}
		if cc := products(c, c); cc != 0 {
			share := float32(float32(k*products(d, c)) / cc)
			along = float32(float32(1-p.Eta) * share)
		}
		gain := -rest
		if p.Momentum != 0 {
			return float32(1 - float32(gain*along)), float32(gain * k)
		}
		return float32(1 + float32(gain*float32(k-along))), -float32(gain * k)
	case sampler.ZeroStar:
		k := float32(products(c, u) / float32(products(u, u)+1e-8))
		return s, float32(rest * k)
	}
	cc, cu, uu := products(c, c), products(c, u), products(u, u)
	h := float32(float32(cc-uu) / 2)
	r := sqrt(float32(float32(h*h) + float32(cu*cu)))
	e := [2]float32{float32(h + r), cu}
	if h < 0 {
		e = [2]float32{cu, float32(r - h)}
	}
	most := math.Max(math.Abs(float64(e[0])), math.Abs(float64(e[1])))
	if most == 0 || math.IsNaN(most) || math.IsInf(most, 0) {
		return s, rest
	}
	e[0], e[1] = float32(e[0]/float32(most)), float32(e[1]/float32(most))
	length := float32(float32(e[0]*e[0]) + float32(e[1]*e[1]))
	t := float32(rest * float32(e[1]/length))
	return float32(s + float32(t*e[0])), float32(t * e[1])
}

func sqrt(v float32) float32 { return float32(math.Sqrt(float64(v))) }

// used tells whether a stage that evaluates uses the output of condition k; its last one may have a register.
func used(st *sampler.Stage, k int) bool {
	if st.Guidance == sampler.GuideAll || k == 0 && (st.Guidance == sampler.GuideFirst || st.Learned != nil) {
		return true
	}
	for _, r := range []*sampler.Row{&st.X, st.Base, st.Push} {
		if r != nil && r.Unc != 0 {
			return true
		}
	}
	return false
}
