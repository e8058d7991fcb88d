package sampler

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// TestERSDEWeights compares the weights with the integrals of their definition, by Simpson's rule in the
// logarithm of the level, with the derivative of the noise scale in closed form.
func TestERSDEWeights(t *testing.T) {
	var pts []schedule.Point
	for i, s := range []float64{157, 40, 9, 8.9, 2, 0.3, 0.03} {
		pts = append(pts, schedule.VP(float64(9-i), s))
	}
	for name, c := range map[string]struct{ f, slope func(l float64) float64 }{
		"ode": {func(l float64) float64 { return l }, func(float64) float64 { return 1 }},
		"sde": {func(l float64) float64 { return l * l }, func(l float64) float64 { return 2 * l }},
		"published": {func(l float64) float64 { return l * (math.Exp(math.Pow(l, 0.3)) + 10) },
			func(l float64) float64 {
				e := math.Exp(math.Pow(l, 0.3))
				return e + 10 + 0.3*math.Pow(l, 0.3)*e
			}},
	} {
		for order := 1; order <= 3; order++ {
			for i := order - 1; i+1 < len(pts); i++ {
				o := ERSDE{Scale: c.f}
				keep, w, std := o.step(i, order, pts)
				a, b := level(pts[i]), level(pts[i+1])
				sum, largest := 0.0, 0.0
				for k := range w {
					largest = math.Max(largest, math.Abs(w[k]))
				}
				for k := range w {
					want := pts[i+1].Alpha * simpson(math.Log(b), math.Log(a), func(u float64) float64 {
						l := math.Exp(u)
						v := c.f(b) * c.slope(l) / (c.f(l) * c.f(l)) * l
						for j := range order {
							if j != k {
								v *= (l - level(pts[i-j])) / (level(pts[i-k]) - level(pts[i-j]))
							}
						}
						return v
					})
					require.InDelta(t, want, w[k], 1e-10*largest, "%s order %d step %d: %d", name, order, i, k)
					sum += w[k]
				}
				require.InDelta(t, pts[i+1].Alpha, keep*pts[i].Alpha+sum, 1e-12*largest, name)
				require.InDelta(t, pts[i+1].Sigma, math.Hypot(keep*pts[i].Sigma, std), 1e-12, name)
			}
		}
	}
}

func simpson(a, b float64, f func(float64) float64) float64 {
	const parts = 4000
	sum := f(a) + f(b)
	for c := 1; c < parts; c++ {
		sum += f(a+(b-a)*float64(c)/parts) * []float64{2, 4}[c%2]
	}
	return sum * (b - a) / parts / 3
}

// TestERSDEErrors: orders, noise scales and options outside their ranges are refused with the range.
func TestERSDEErrors(t *testing.T) {
	vp := []schedule.Point{schedule.VP(9, 3), schedule.VP(5, 1), schedule.VP(0, 0)}
	low, nan := 0.5, math.NaN()
	for _, c := range []struct {
		s    Sampler
		want string
	}{
		{ERSDE{Order: 4}, "order 4: want 1 to 3"}, {ERSDE{Order: -1}, "order -1"},
		{ERSDE{Scale: func(l float64) float64 { return math.Sqrt(l) }}, "step 0: the noise scale from level 3"},
		{IPNDMV{Order: 5}, "order 5: want 1 to 4"},
		{GradientEstimation{Gamma: &low}, "gamma 0.5: want 1 to 5"},
		{GradientEstimation{Gamma: &nan}, "want 1 to 5"},
		{RES{Eta: &nan}, "want 0 to 1"}, {CFGPP{Eta: -1}, "want 0 to 1"}, {CFGPP{Eta: nan}, "want 0 to 1"},
	} {
		_, err := New(c.s, vp, schedule.Epsilon)
		var e *PlanError
		require.ErrorAs(t, err, &e)
		require.ErrorContains(t, err, c.want)
	}
}
