package gputest

import (
	"math"

	"github.com/cudiffuse/cudiffuse/sampler"
)

// Noise fills dst with the noise of a draw from element first on.
type Noise func(dst []float32, seed uint64, draw, first int)

// Stage is what a request looks like after a stage.
type Stage struct {
	X  []float32   // the sample
	D  []float32   // the last predicted clean sample; nil before the first
	In [][]float32 // what the network got per condition; nil without evaluation
	T  []float32
}

// Reference executes a request alone, one element and one operation at a time. The network's inputs and
// outputs are rounded to dtype; everything else is float32. The first Stage of the result is the initial
// state.
func Reference(elems int, req sampler.Request, net Net, noise Noise, dtype DType) []Stage {
	x, base, d := make([]float32, elems), make([]float32, elems), make([]float32, elems)
	average := make([]float32, elems)
	var h [sampler.Slots][]float32
	for k := range h {
		h[k] = make([]float32, elems)
	}
	if req.Init != nil {
		copy(x, req.Init)
	} else {
		noise(x, req.Seed, 0, 0)
	}
	for i := range x {
		x[i] = float32(float32(req.Plan.Init) * x[i])
		base[i] = x[i]
	}
	trace := []Stage{{X: clone(x)}}
	hasD := false
	for s := range req.Plan.Stages {
		st := &req.Plan.Stages[s]
		var now Stage
		var p prediction
		if st.Eval {
			var outs [][]float32
			var unrounded []float32
			now, outs, unrounded = evaluate(req, st, x, net, dtype)
			p = predict(req, st, x, outs, average)
			p.first = unrounded
		}
		n0, n1 := drawn(elems, req, st, 0, noise), drawn(elems, req, st, 1, noise)
		if st.Learned != nil {
			scaled(n0, req, st, dtype, p.first)
		}
		for i := range x {
			r := registers{x: x[i], base: base[i], n: [2]float32{n0[i], n1[i]}}
			for k := range h {
				r.h[k] = h[k][i]
			}
			if st.Eval {
				r.raw, r.unc, r.d = p.raw[i], p.unc[i], p.d[i]
				d[i] = r.d
			}
			x[i] = r.row(st.X)
			if st.Base != nil {
				base[i] = r.row(*st.Base)
			}
			if st.Push != nil {
				h[st.Slot][i] = r.row(*st.Push)
			}
		}
		hasD = hasD || st.Eval
		now.X = clone(x)
		if hasD {
			now.D = clone(d)
		}
		trace = append(trace, now)
	}
	return trace
}

// evaluate runs the network on all conditions and returns what it was given, and its outputs.
func evaluate(req sampler.Request, st *sampler.Stage, x []float32, net Net,
	dtype DType) (now Stage, outs [][]float32, first []float32) {
	for _, w := range req.Conds {
		in, out := make([]float32, len(x)), make([]float32, len(x))
		for i := range in {
			in[i] = dtype.Round(float32(float32(st.At.In) * x[i]))
		}
		net(w.Cond, float32(st.At.T), in, out)
		if first == nil {
			first = clone(out)
		}
		for i := range out {
			out[i] = dtype.Round(out[i])
		}
		now.In, now.T, outs = append(now.In, in), append(now.T, float32(st.At.T)), append(outs, out)
	}
	return now, outs, first
}

// scaled multiplies noise by what the network predicts for the first condition, whose output was first.
func scaled(n []float32, req sampler.Request, st *sampler.Stage, dtype DType, first []float32) {
	v := make([]float32, len(n))
	Variance(req.Conds[0].Cond, float32(st.At.T), first, v)
	for i := range n {
		x := dtype.Round(v[i])
		if st.Learned.Root {
			if x < 0 {
				x = 0
			}
			n[i] = float32(sqrt(x) * n[i])
			continue
		}
		product := float32(float32(st.Learned.Gain) * x)
		n[i] = float32(exponential(float32(product+float32(st.Learned.Bias))) * n[i])
	}
}

// exponential is Cephes' expf for x within its bounds, with each operation rounded.
func exponential(x float32) float32 {
	switch {
	case x != x:
		return x
	case x > 88:
		x = 88
	case x < -86:
		x = -86
	}
	z := float32(math.RoundToEven(float64(float32(x * 1.44269504088896341))))
	r := float32(x - float32(z*0.693359375))
	r = float32(r - float32(z*-2.12194440e-4))
	p := float32(1.9875691500e-4)
	for _, c := range []float32{1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1} {
		p = float32(float32(p*r) + c)
	}
	square := float32(r * r)
	y := float32(float32(float32(p*square)+r) + 1)
	return float32(math.Ldexp(float64(y), int(z)))
}

func drawn(elems int, req sampler.Request, st *sampler.Stage, k int, noise Noise) []float32 {
	n := make([]float32, elems)
	if st.Draws[k] == 0 {
		return n
	}
	terms := req.Plan.Terms(st.Draws[k])
	if len(terms) == 0 {
		noise(n, req.Seed, st.Draws[k], 0)
		return n
	}
	one := make([]float32, elems)
	for _, t := range terms {
		noise(one, req.Seed, int(t.Draw), 0)
		for i := range n {
			n[i] = add(n[i], t.Weight, one[i])
		}
	}
	return n
}

// registers are those of one element.
type registers struct {
	x, base, d, raw, unc float32
	h                    [sampler.Slots]float32
	n                    [2]float32
}

// add is y + c*v with the product rounded on its own; a zero c skips v.
func add(y float32, c float64, v float32) float32 {
	k := float32(c)
	if k == 0 {
		return y
	}
	product := float32(k * v)
	return float32(y + product)
}

func (r *registers) row(k sampler.Row) float32 {
	y := add(0, k.X, r.x)
	y = add(y, k.Base, r.base)
	y = add(y, k.D, r.d)
	y = add(y, k.Raw, r.raw)
	y = add(y, k.Unc, r.unc)
	for j := range k.H {
		y = add(y, k.H[j], r.h[j])
	}
	y = add(y, k.N[0], r.n[0])
	return add(y, k.N[1], r.n[1])
}

func clone(s []float32) []float32 { return append([]float32(nil), s...) }
