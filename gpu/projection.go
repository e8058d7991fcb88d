package gpu

import (
	"math"

	"github.com/cudiffuse/cudiffuse/sampler"
)

// projection makes the two weights of a request from its outputs c and u (sampler.Projection). Mirror of
// cuda/projection.cuh: the sums are added as those of [total], each operation is rounded. With momentum u is the running
// average, see average, and not an output.
type projection struct {
	kind       sampler.ProjectionKind
	less, norm float32 // 1-Eta and Norm, each rounded once from float64
	momentum   float32 // 0 for none
	a, b, c    [blockThreads]float32
}

func newProjection(p *sampler.Projection) *projection {
	return &projection{kind: p.Kind, less: float32(1 - p.Eta), norm: float32(p.Norm), momentum: float32(p.Momentum)}
}

// weights are those of c and u; s and rest are what they were, s and 1-s.
func (p *projection) weights(s, rest float32, c, u []float32) (a, b float32) {
	p.sums(c, u)
	x, y, z := total(&p.a), total(&p.b), total(&p.c)
	switch p.kind {
	case sampler.APG:
		return p.apg(rest, x, y, z)
	case sampler.ZeroStar:
		return s, rest * (x / (y + 1e-8))
	}
	return tangential(s, rest, x, y, z)
}

// sums makes, by kind,
//
//	APG         |d|^2, <d,c>, |c|^2  with d = c-u, or u with momentum
//	ZeroStar    <c,u>, |u|^2
//	Tangential  |c|^2, <c,u>, |u|^2
//
// Number l of 1024 threads has elements l, l+1024, l+2048, ...
func (p *projection) sums(c, u []float32) {
	clear(p.a[:])
	clear(p.b[:])
	clear(p.c[:])
	for i, v := range c {
		l, w := i%blockThreads, u[i]
		switch p.kind {
		case sampler.APG:
			d := w
			if p.momentum == 0 {
				d = v - w
			}
			p.a[l] += float32(d * d)
			p.b[l] += float32(d * v)
			p.c[l] += float32(v * v)
		case sampler.ZeroStar:
			p.a[l] += float32(v * w)
			p.b[l] += float32(w * w)
		default:
			p.a[l] += float32(v * v)
			p.b[l] += float32(v * w)
			p.c[l] += float32(w * w)
		}
	}
}

// apg is
//
//	k = min(1, norm/|d|),  q = (1-eta)*(k*<d,c>/|c|^2)
//	m = c + (s-1)*(k*(c-u) - q*c) = (1 + (s-1)*(k-q))*c - (s-1)*k*u
//
// and with momentum m = c + (s-1)*(k*u - q*c) = (1 - (s-1)*q)*c + (s-1)*k*u.
func (p *projection) apg(rest, dd, dc, cc float32) (a, b float32) {
	k := float32(1)
	if length := root(dd); p.norm > 0 && length > p.norm {
		k = p.norm / length
	}
	var q float32
	if cc != 0 {
		q = p.less * (float32(k*dc) / cc)
	}
	gain := -rest
	if p.momentum != 0 {
		return 1 - float32(gain*q), gain * k
	}
	return 1 + float32(gain*(k-q)), -float32(gain * k)
}

// tangential is u projected on the first right singular vector of the rows c and u, v = e0*c + e1*u, where e
// is the first eigenvector of [cc cu; cu uu]:
//
//	<u,v>/<v,v> = e1/(e0^2 + e1^2)
func tangential(s, rest, cc, cu, uu float32) (a, b float32) {
	h := float32((cc - uu) / 2)
	r := root(float32(h*h) + float32(cu*cu))
	e0, e1 := h+r, cu
	if h < 0 {
		e0, e1 = cu, r-h
	}
	most := max(abs(e0), abs(e1))
	if !(most > 0) || most > math.MaxFloat32 {
		return s, rest
	}
	e0, e1 = e0/most, e1/most
	t := float32(rest * (e1 / (float32(e0*e0) + float32(e1*e1))))
	return s + float32(t*e0), t * e1
}

// root is the square root, rounded correctly: 53 >= 2*24 + 2 bits.
func root(v float32) float32 { return float32(math.Sqrt(float64(v))) }

func abs(v float32) float32 { return math.Float32frombits(math.Float32bits(v) &^ (1 << 31)) }
