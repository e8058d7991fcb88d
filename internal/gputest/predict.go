package gputest

import (
	"math"
	"sort"

	"github.com/cudiffuse/cudiffuse/sampler"
)

// prediction is what a stage knows of the clean sample, per element.
type prediction struct {
	raw, unc, d []float32
	first       []float32 // output of the first condition, not rounded to the network's type
}

func predict(req sampler.Request, st *sampler.Stage, x []float32, outs [][]float32, average []float32) prediction {
	m := make([]float32, len(x))
	weighted := averaged(req, st, outs, average)
	w := weights(req, st, weighted)
	for i := range m {
		for k := range w {
			m[i] = add(m[i], w[k], weighted[k][i])
		}
	}
	if phi := req.Plan.Rescale; phi != 0 {
		factor := rescale(phi, outs[0], m)
		for i := range m {
			m[i] = float32(factor * m[i])
		}
	}
	var p prediction
	for i := range x {
		p.raw = append(p.raw, add(add(0, st.From.Skip, x[i]), st.From.Out, m[i]))
		unc := p.raw[i]
		if len(req.Conds) > 1 {
			unc = add(add(0, st.From.Skip, x[i]), st.From.Out, outs[len(outs)-1][i])
		}
		p.unc = append(p.unc, unc)
	}
	limit := float32(st.Clip)
	if t := req.Plan.Threshold; t != nil {
		limit = quantile(p.raw, t)
	}
	for i, v := range p.raw {
		d := limited(v, limit)
		if req.Plan.Threshold != nil {
			d = float32(d / limit)
		}
		if req.Inpaint != nil {
			d = blend(d, req.Inpaint.Mask[i], req.Inpaint.Known[i])
		}
		p.d = append(p.d, d)
	}
	return p
}

func limited(v, limit float32) float32 {
	switch {
	case limit <= 0:
		return v
	case v > limit:
		return limit
	case v < -limit:
		return -limit
	}
	return v
}

func blend(d, mask, known float32) float32 {
	switch mask {
	case 0:
		return 0 + known
	case 1:
		return 0 + d
	}
	ours := float32(mask * d)
	rest := float32(1 - mask)
	theirs := float32(rest * known)
	return float32(float32(0+ours) + theirs)
}

// rescale returns the factor of guidance rescale.
func rescale(phi float64, first, m []float32) float32 {
	if len(m) == 1 {
		return 1
	}
	a, b := deviation(first), deviation(m)
	if b == 0 {
		return 1
	}
	ratio := float32(a / b)
	share := float32(float32(phi) * ratio)
	return float32(share + float32(1-phi))
}

// deviation is the standard deviation as a block of 1024 threads computes it.
func deviation(v []float32) float32 {
	n := float32(len(v))
	mean := float32(sum(v) / n)
	squares := make([]float32, len(v))
	for i, x := range v {
		d := float32(x - mean)
		squares[i] = float32(d * d)
	}
	variance := float32(sum(squares) / float32(len(v)-1))
	return float32(math.Sqrt(float64(variance)))
}

// sum adds every 1024th element in a thread, and then the threads in pairs.
func sum(v []float32) float32 {
	threads := make([]float32, 1024)
	for l := range threads {
		for i := l; i < len(v); i += 1024 {
			threads[l] = float32(threads[l] + v[i])
		}
	}
	for len(threads) > 1 {
		half := len(threads) / 2
		for l := range half {
			threads[l] = float32(threads[l] + threads[l+half])
		}
		threads = threads[:half]
	}
	return threads[0]
}

// quantile returns the limit of dynamic thresholding by sorting.
func quantile(v []float32, t *sampler.Threshold) float32 {
	bits := make([]int, len(v))
	for i, x := range v {
		bits[i] = int(math.Float32bits(x) & 0x7fffffff)
	}
	sort.Ints(bits)
	at := float64(t.Quantile * float64(len(v)-1))
	rank := int(math.Floor(at))
	frac := float32(at - math.Floor(at))
	lo := math.Float32frombits(uint32(bits[rank]))
	hi := lo
	if frac != 0 && rank+1 < len(v) {
		hi = math.Float32frombits(uint32(bits[rank+1]))
	}
	var s float32
	gap := float32(hi - lo)
	if frac < 0.5 {
		s = lo + float32(frac*gap)
	} else {
		rest := float32(1 - frac)
		s = hi - float32(gap*rest)
	}
	switch most := float32(t.Max); {
	case s != s || s > most:
		return most
	case s < 1:
		return 1
	}
	return s
}
