package gpu

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestStdKnownAnswers holds literals of
//
//	v = [(i*7919 % 65521 - 32760)/32 for i in range(n)]
//	torch.std(torch.tensor(v)).item(), np.std(v, ddof=1)
//
// with torch 2.15.0 and numpy.
func TestStdKnownAnswers(t *testing.T) {
	for _, c := range []struct {
		n            int
		torch, numpy float64
	}{
		{2, 174.98683166503906, 174.98683125675842},
		{5, 391.2824401855469, 391.2824498573968},
		{1000, 591.1815795898438, 591.1815583243377},
		{1024, 591.2039184570312, 591.2039001375493},
		{4099, 591.292724609375, 591.2927157035975},
		{65537, 591.0743408203125, 591.0743454180454},
	} {
		got := newRescaling(0.7).std(lattice(c.n))
		require.InEpsilon(t, c.numpy, got, 1e-7, "n %d", c.n)
		require.InEpsilon(t, c.torch, got, 2e-7, "n %d", c.n)
	}
}

// TestStdAgainstFloat64 bounds the error by that of the mean and of sums of about n/1024+10 terms.
func TestStdAgainstFloat64(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for _, n := range sizes[1:] {
		for _, c := range [][2]float64{{0, 1}, {3, 0.5}, {-1000, 30}, {0, 1e-15}, {1e10, 1e12}} {
			v := gaussian(rng, n, c[0], c[1])
			mean, squares := 0.0, 0.0
			for _, x := range v {
				mean += float64(x) / float64(n)
			}
			for _, x := range v {
				squares += (float64(x) - mean) * (float64(x) - mean)
			}
			want := math.Sqrt(squares / float64(n-1))
			terms := float64(n/blockThreads + 13)
			eps := (2 + math.Abs(c[0])/c[1]) * terms / (1 << 24)
			require.InEpsilon(t, want, newRescaling(0.7).std(v), eps, "n %d, %v", n, c)
		}
	}
}

// TestSumOrder has terms whose sum depends on the order: 2^24 and ones. Threads are added in halves.
func TestSumOrder(t *testing.T) {
	p := new([blockThreads]float32)
	p[0], p[512], p[256], p[1] = 1<<24, 1, 1, 1
	require.Equal(t, float32(1<<24), total(p), "each is lost on its own")
	p = new([blockThreads]float32)
	p[0], p[1], p[513] = 1<<24, 1, 1
	require.Equal(t, float32(1<<24+2), total(p), "1 and 513 meet before they meet 0")
}

func TestFactorEdges(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for name, c := range map[string]struct {
		phi      float64
		first, m []float32
		want     float32
	}{
		"one element":      {0.7, []float32{3}, []float32{5}, 1},
		"one NaN":          {0.7, []float32{nan}, []float32{nan}, 1},
		"m is constant":    {0.7, []float32{1, 2}, []float32{4, 4}, 1},
		"both constant":    {0.7, []float32{1, 1}, []float32{4, 4}, 1},
		"first constant":   {0.75, []float32{1, 1}, []float32{4, 5}, 0.25},
		"all of it":        {1, []float32{1, 3}, []float32{-8, 8}, 0.125},
		"half":             {0.5, []float32{1, 3}, []float32{-8, 8}, 0.5625},
		"m overflows":      {0.5, []float32{1, 3}, []float32{-3e38, 3e38}, 0.5},
		"m underflows":     {0.5, []float32{1, 3}, []float32{1e-30, 2e-30}, 1},
		"NaN in first":     {0.5, []float32{nan, 3}, []float32{1, 2}, nan},
		"NaN in m":         {0.5, []float32{1, 3}, []float32{nan, 2}, nan},
		"infinite in both": {0.5, []float32{inf, 3}, []float32{inf, 2}, nan},
	} {
		got := newRescaling(c.phi).factor(c.first, c.m)
		if c.want != c.want {
			require.True(t, got != got, name)
			continue
		}
		require.Equal(t, c.want, got, name)
	}
	r := newRescaling(0.1)
	require.Equal(t, []float32{float32(0.1), float32(0.9)}, []float32{r.phi, r.keep}, "both from float64")
}
