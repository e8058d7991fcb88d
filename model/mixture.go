package model

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Component is one Gaussian of a [Mixture]: x0 ~ N(Mean, Std^2 I) with probability
// proportional to Weight.
type Component struct {
	Weight float64   // > 0
	Mean   []float64 // D numbers
	Std    float64   // >= 0; 0 is a point
}

// Mixture is a mixture of isotropic Gaussians over vectors of D numbers, as a
// "network" without error: its posterior mean and score are known in closed form, so
// it shows a solver's error alone. A Mixture is immutable and safe for concurrent use.
//
// With x = alpha*x0 + sigma*eps, eps ~ N(0, I), component k gives x ~ N(alpha mu[k],
// v[k] I), v[k] = alpha^2 s[k]^2 + sigma^2, and has the posterior probability
//
//	r[k] = w[k] v[k]^(-D/2) exp(-|x - alpha mu[k]|^2 / (2 v[k])) / (sum over all k)
//
// so that, the posterior of a Gaussian being Gaussian (Bishop, "Pattern Recognition
// and Machine Learning", 2006, eq. 2.116),
//
//	E[x0 | x]  = sum r[k] (mu[k] + alpha s[k]^2 / v[k] (x - alpha mu[k]))
//	E[eps | x] = sum r[k] sigma / v[k] (x - alpha mu[k])  = -sigma * grad ln p(x)
type Mixture struct {
	comps []Component
	logW  []float64 // ln of the normalised weights
	dim   int
}

// maxMixture bounds components times dimensions.
const maxMixture = 1 << 26

// NewMixture makes a mixture of at least one component; all means have the same
// length. Numbers that are not finite, or out of range, give an [*InputError]. The
// components are copied.
func NewMixture(comps ...Component) (Mixture, error) {
	if len(comps) == 0 {
		return Mixture{}, &InputError{"mixture", "has no component"}
	}
	g := Mixture{dim: len(comps[0].Mean)}
	total := 0.0
	for k, c := range comps {
		bad := func(f string, a ...any) error {
			return inputErrorf("mixture", "component %d: %s", k, fmt.Sprintf(f, a...))
		}
		if len(c.Mean) != g.dim || g.dim == 0 || g.dim > maxMixture/len(comps) {
			return Mixture{}, bad("mean of %d numbers, wanted %d (at least 1)", len(c.Mean), g.dim)
		}
		if !(c.Weight > 0) || math.IsInf(c.Weight, 0) || !(c.Std >= 0) || math.IsInf(c.Std, 0) {
			return Mixture{}, bad("weight %g, std %g", c.Weight, c.Std)
		}
		for _, m := range c.Mean {
			if math.IsNaN(m) || math.IsInf(m, 0) {
				return Mixture{}, bad("mean holds %g", m)
			}
		}
		total += c.Weight
		g.comps = append(g.comps, Component{c.Weight, slices.Clone(c.Mean), c.Std})
	}
	for _, c := range comps {
		g.logW = append(g.logW, log64(c.Weight)-log64(total))
	}
	return g, nil
}

// Dim is the number of elements of one vector.
func (g Mixture) Dim() int { return g.dim }

// X0 writes E[x0 | x] to dst. x and dst hold any number of vectors of Dim numbers,
// one after the other; dst may be x. An [*InputError] reports lengths that do not
// match and a point component (Std 0) at sigma 0, where the density is not finite.
func (g Mixture) X0(dst, x []float64, alpha, sigma float64) error {
	return g.posterior(dst, x, alpha, sigma, func(k int, v float64) (mean, diff float64) {
		s := g.comps[k].Std
		return 1, float64(alpha*float64(s*s)) / v
	})
}

// Epsilon writes E[eps | x] to dst; see [Mixture.X0] for the arguments. It is 0 at
// sigma 0.
func (g Mixture) Epsilon(dst, x []float64, alpha, sigma float64) error {
	return g.posterior(dst, x, alpha, sigma, func(_ int, v float64) (mean, diff float64) {
		return 0, sigma / v
	})
}

// posterior writes sum over k of r[k] (a mu[k] + b (x - alpha mu[k])), where coef
// gives a and b from k and v[k].
func (g Mixture) posterior(dst, x []float64, alpha, sigma float64,
	coef func(k int, v float64) (a, b float64)) error {
	if err := g.checkArgs(dst, x, alpha, sigma); err != nil {
		return err
	}
	r := make([]float64, len(g.comps))
	y := make([]float64, g.dim)
	for at := 0; at < len(x); at += g.dim {
		row := x[at : at+g.dim]
		g.responsibilities(r, row, alpha, sigma)
		clear(y)
		for k, c := range g.comps {
			a, b := coef(k, g.variance(k, alpha, sigma))
			for i, m := range c.Mean {
				y[i] += float64(r[k] * (float64(a*m) + float64(b*(row[i]-float64(alpha*m)))))
			}
		}
		copy(dst[at:at+g.dim], y)
	}
	return nil
}

func (g Mixture) checkArgs(dst, x []float64, alpha, sigma float64) error {
	if g.dim == 0 {
		return &InputError{"mixture", "is the zero value; use NewMixture"}
	}
	if len(dst) != len(x) || len(x)%g.dim != 0 {
		return inputErrorf("x", "dst has %d and x %d numbers, wanted equal multiples of %d",
			len(dst), len(x), g.dim)
	}
	for k := range g.comps {
		if v := g.variance(k, alpha, sigma); !(v > 0) || math.IsInf(v, 0) {
			return inputErrorf("sigma", "component %d has variance %g at alpha %g, sigma %g",
				k, v, alpha, sigma)
		}
	}
	return nil
}

// variance is v[k] of x given component k.
func (g Mixture) variance(k int, alpha, sigma float64) float64 {
	as := float64(alpha * g.comps[k].Std)
	return float64(as*as) + float64(sigma*sigma)
}

// responsibilities writes r[k], normalised after the largest exponent is taken out, so
// that points far from every mean do not divide 0 by 0.
func (g Mixture) responsibilities(r, x []float64, alpha, sigma float64) {
	top := math.Inf(-1)
	for k, c := range g.comps {
		v := g.variance(k, alpha, sigma)
		d2 := 0.0
		for i, m := range c.Mean {
			d := x[i] - float64(alpha*m)
			d2 += float64(d * d)
		}
		r[k] = g.logW[k] - float64(float64(g.dim)/2*log64(v)) - d2/float64(2*v)
		top = max(top, r[k])
	}
	sum := 0.0
	for k := range r {
		r[k] = exp64(r[k] - top)
		sum += r[k]
	}
	for k := range r {
		r[k] /= sum
	}
}

// Sample draws one vector of the mixture, x0.
func (g Mixture) Sample(rng *rand.Rand) []float64 {
	if g.dim == 0 {
		return nil
	}
	u, k := rng.Float64(), 0
	for ; k < len(g.comps)-1; k++ {
		if u -= exp64(g.logW[k]); u < 0 {
			break
		}
	}
	x := make([]float64, g.dim)
	for i, m := range g.comps[k].Mean {
		x[i] = m + float64(g.comps[k].Std*rng.NormFloat64())
	}
	return x
}
