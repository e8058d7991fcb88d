package gpu

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cudiffuse/cudiffuse/internal/gputest"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/stretchr/testify/require"
)

func limit(v []float32, q, most float64) float32 {
	return newLimits(len(v), &sampler.Threshold{Quantile: q, Max: most}).of(v)
}

// TestQuantileKnownAnswers holds literals of
//
//	v = [(i*7919 % 65521 - 32760)/32 for i in range(n)]
//	torch.quantile(torch.tensor(v).abs(), q).item(), np.quantile(np.abs(v), q)
//
// with torch 2.15.0 and numpy. torch has the position q*(n-1) in float32, which is off by up to n/2^24
// of the gap between two elements.
func TestQuantileKnownAnswers(t *testing.T) {
	for _, c := range []struct {
		n            int
		q            float64
		torch, numpy float64
	}{
		{5, 0.5, 528.8125, 528.8125},
		{5, 0.9, 924.762451171875, 924.7625},
		{1000, 0.995, 1018.7523193359375, 1018.75234375},
		{4099, 0.995, 1018.8137817382812, 1018.81375},
		{4099, 0.75, 768.15625, 768.15625},
		{65537, 0.999, 1022.75, 1022.75},
	} {
		got := limit(gputest.Pattern(c.n, 7919, 65521), c.q, 1e6)
		require.InDelta(t, c.numpy, got, float64(ulp(got)), "n %d, q %v", c.n, c.q)
		require.InDelta(t, c.torch, got, float64(2*ulp(got)), "n %d, q %v", c.n, c.q)
	}
}

func ulp(x float32) float32 { return math.Nextafter32(x, math.MaxFloat32) - x }

// TestQuantileAgainstFloat64 compares with the same interpolation of the sorted elements in float64:
// three roundings, each of at most half a unit of the larger element.
func TestQuantileAgainstFloat64(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, n := range sizes {
		for _, q := range []float64{1e-9, 0.01, 0.25, 0.5, 0.9, 0.995, 0.9999, 1} {
			v := gaussian(rng, n, 3, 50)
			sorted := make([]float64, n)
			for i, x := range v {
				sorted[i] = math.Abs(float64(x))
			}
			slices.Sort(sorted)
			at := q * float64(n-1)
			i := int(at)
			lo, hi := sorted[i], sorted[min(i+1, n-1)]
			want := max(1, lo+(hi-lo)*(at-float64(i)))
			bound := 1.5 * float64(ulp(float32(max(1, hi))))
			require.InDelta(t, want, limit(v, q, 1e6), bound, "n %d, q %v", n, q)
		}
	}
}

// TestOrderStatistics compares every rank with sorting, with ties, zeros, denormal numbers,
// infinities and NaN.
func TestOrderStatistics(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	values := []float32{0, float32(math.Copysign(0, -1)), 1e-45, 1, -1, 1.0000001, 256, -257,
		float32(math.Inf(-1)), float32(math.NaN()), math.MaxFloat32, 1e-38}
	for range 300 {
		v := make([]float32, 1+rng.IntN(40))
		kinds := 1 + rng.IntN(len(values))
		for i := range v {
			if v[i] = values[rng.IntN(kinds)]; rng.IntN(4) == 0 {
				v[i] = math.Float32frombits(rng.Uint32())
			}
		}
		sorted := make([]uint32, len(v))
		for i, x := range v {
			sorted[i] = magnitude(x)
		}
		slices.Sort(sorted)
		for rank := range v {
			lo, hi := (&limits{rank: rank}).order(v)
			require.Equal(t, sorted[rank], lo, "rank %d of %v", rank, v)
			require.Equal(t, sorted[min(rank+1, len(v)-1)], hi, "after rank %d of %v", rank, v)
		}
	}
}

// TestLimitBounds has the clamp, and what is not a number.
func TestLimitBounds(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	many := slices.Repeat([]float32{0.5, -3}, 500)
	many[17] = nan
	for name, c := range map[string]struct {
		v    []float32
		q    float64
		want float32
	}{
		"one element":             {[]float32{-2}, 0.995, 2},
		"below 1":                 {[]float32{0.25, 0.5}, 0.995, 1},
		"above the maximum":       {[]float32{90, -80}, 0.5, 7},
		"at the maximum":          {[]float32{7}, 0.5, 7},
		"one NaN of many":         {many, 0.9, 3},
		"NaN at the rank":         {[]float32{1, nan, nan}, 0.5, 7},
		"NaN after the rank":      {[]float32{1, 2, nan}, 0.6, 7},
		"NaN after, not used":     {[]float32{1, 2, nan}, 0.5, 2},
		"all NaN":                 {[]float32{nan, -nan}, 0.5, 7},
		"infinite at the rank":    {[]float32{1, inf, -inf}, 0.5, 7},
		"infinite after, first":   {[]float32{1, 2, inf}, 0.6, 7},
		"infinite after, second":  {[]float32{1, 2, inf}, 0.9, 7},
		"infinite after, unused":  {[]float32{1, 2, inf}, 0.5, 2},
		"infinite between, both":  {[]float32{inf, inf}, 0.3, 7},
		"interpolated from below": {[]float32{2, 4}, 0.25, 2.5},
		"interpolated from above": {[]float32{2, 4}, 0.75, 3.5},
	} {
		require.Equal(t, c.want, limit(c.v, c.q, 7), name)
	}
}
