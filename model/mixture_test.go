package model

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func testMixture(t *testing.T) Mixture {
	g, err := NewMixture(Component{0.2, []float64{-1.5}, 0.3}, Component{0.5, []float64{0.4}, 0.6},
		Component{1.3, []float64{2}, 0.1})
	require.NoError(t, err)
	return g
}

// integrate is the posterior mean of f(x0) given x by the trapezoidal rule, from
// Bayes' theorem and nothing else.
func integrate(g Mixture, x, alpha, sigma float64, f func(x0 float64) float64) float64 {
	const n, lo, hi = 20_000, -8.0, 8.0
	num, den := 0.0, 0.0
	for i := range n + 1 {
		x0 := lo + (hi-lo)*float64(i)/n
		prior := 0.0
		for _, c := range g.comps {
			z := (x0 - c.Mean[0]) / c.Std
			prior += c.Weight / c.Std * math.Exp(-z*z/2)
		}
		z := (x - alpha*x0) / sigma
		p := prior * math.Exp(-z*z/2)
		num, den = num+p*f(x0), den+p
	}
	return num / den
}

func TestMixtureMatchesIntegration(t *testing.T) {
	g := testMixture(t)
	for _, at := range [][2]float64{{1, 0.05}, {0.9, 0.4}, {0.5, 0.8}, {0.05, 1}, {1, 3}} {
		alpha, sigma := at[0], at[1]
		for _, x := range []float64{-2, -0.3, 0, 0.7, 1.9, 3} {
			var x0, eps [1]float64
			require.NoError(t, g.X0(x0[:], []float64{x}, alpha, sigma))
			require.NoError(t, g.Epsilon(eps[:], []float64{x}, alpha, sigma))
			want := integrate(g, x, alpha, sigma, func(v float64) float64 { return v })
			require.InDelta(t, want, x0[0], 1e-9, "alpha %g sigma %g x %g", alpha, sigma, x)
			want = integrate(g, x, alpha, sigma, func(v float64) float64 { return (x - alpha*v) / sigma })
			require.InDelta(t, want, eps[0], 1e-9, "alpha %g sigma %g x %g", alpha, sigma, x)
		}
	}
}

func TestMixtureManyDimensions(t *testing.T) {
	a, b := []float64{1, -2, 0.5}, []float64{-1, 0, 3}
	g, err := NewMixture(Component{1, a, 0.5}, Component{2, b, 0.2})
	require.NoError(t, err)
	const alpha, sigma, h = 0.8, 0.6, 1e-6
	x := []float64{0.1, -0.4, 1.2, 0.5, 0.5, 0.5}
	x0, eps := make([]float64, 6), make([]float64, 6)
	require.NoError(t, g.X0(x0, x, alpha, sigma))
	require.NoError(t, g.Epsilon(eps, x, alpha, sigma))
	logp := func(p []float64) float64 {
		sum := 0.0
		for k, c := range g.comps {
			d2, v := 0.0, g.variance(k, alpha, sigma)
			for i := range p {
				d2 += (p[i] - alpha*c.Mean[i]) * (p[i] - alpha*c.Mean[i])
			}
			sum += c.Weight * math.Pow(v, -1.5) * math.Exp(-d2/(2*v))
		}
		return math.Log(sum)
	}
	for i := range x {
		require.InDelta(t, x[i], alpha*x0[i]+sigma*eps[i], 1e-12)
		row := x[i/3*3 : i/3*3+3]
		up, down := append([]float64{}, row...), append([]float64{}, row...)
		up[i%3] += h
		down[i%3] -= h
		require.InDelta(t, -sigma*(logp(up)-logp(down))/(2*h), eps[i], 1e-7)
	}
}

func TestMixtureFarAwayAndAtZero(t *testing.T) {
	g := testMixture(t)
	y := []float64{1e6, -1e6, 0.5}
	require.NoError(t, g.X0(y, []float64{1e6, -1e6, 0.5}, 1, 0))
	require.InDeltaSlice(t, []float64{1e6, -1e6, 0.5}, y, 1e-6)
	require.NoError(t, g.Epsilon(y, y, 1, 0))
	require.Equal(t, []float64{0, 0, 0}, y)
	point, err := NewMixture(Component{1, []float64{0.25}, 0})
	require.NoError(t, err)
	require.NoError(t, point.X0(y, []float64{1, 2, 3}, 0.5, 0.1))
	require.Equal(t, []float64{0.25, 0.25, 0.25}, y)
	var in *InputError
	require.True(t, errors.As(point.X0(y, y, 1, 0), &in))
}

func TestMixtureErrors(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range [][]Component{
		{}, {{1, nil, 1}}, {{0, []float64{1}, 1}}, {{-1, []float64{1}, 1}}, {{nan, []float64{1}, 1}},
		{{inf, []float64{1}, 1}}, {{1, []float64{nan}, 1}}, {{1, []float64{1}, -1}},
		{{1, []float64{1}, nan}}, {{1, []float64{1}, 1}, {1, []float64{1, 2}, 1}},
	} {
		_, err := NewMixture(c...)
		var in *InputError
		require.ErrorAs(t, err, &in)
	}
	g := testMixture(t)
	require.Error(t, g.X0(make([]float64, 1), make([]float64, 2), 1, 1))
	require.Error(t, g.X0(make([]float64, 1), make([]float64, 1), nan, 1))
	require.Error(t, Mixture{}.Epsilon(nil, nil, 1, 1))
	require.Nil(t, Mixture{}.Sample(rand.New(rand.NewPCG(1, 2))))
}

func TestMixtureSample(t *testing.T) {
	g := testMixture(t)
	rng := rand.New(rand.NewPCG(1, 2))
	const n = 200_000
	sum, sq := 0.0, 0.0
	for range n {
		x := g.Sample(rng)[0]
		sum, sq = sum+x, sq+x*x
	}
	mean, second := 0.0, 0.0
	for _, c := range g.comps {
		mean += c.Weight / 2 * c.Mean[0]
		second += c.Weight / 2 * (c.Mean[0]*c.Mean[0] + c.Std*c.Std)
	}
	require.InDelta(t, mean, sum/n, 0.01) // 3 standard errors
	require.InDelta(t, second, sq/n, 0.02)
}
