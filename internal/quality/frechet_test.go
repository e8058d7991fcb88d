package quality

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"
)

// lattice returns the [n, d] features ((p i + q j + r i j + s) mod modulus) / scale, as
// train/frechet_golden.py does.
func lattice(n, d, p, q, r, s, modulus int, scale float32) []float32 {
	features := make([]float32, 0, n*d)
	for i := range n {
		for j := range d {
			features = append(features, float32((p*i+q*j+r*i*j+s)%modulus)/scale)
		}
	}
	return features
}

// statsOf is StatsOf in a test.
func statsOf(t *testing.T, features []float32, n int) Stats {
	t.Helper()
	s, err := StatsOf(features, n)
	require.NoError(t, err)
	return s
}

// frechet is Frechet in a test.
func frechet(t *testing.T, a, b Stats) float64 {
	t.Helper()
	d, err := Frechet(a, b)
	require.NoError(t, err)
	return d
}

// TestFrechetMatchesScipy compares with scipy.linalg.sqrtm; train/frechet_golden.py printed the
// numbers.
func TestFrechetMatchesScipy(t *testing.T) {
	for _, c := range []struct {
		n, m, d int
		want    float64
	}{
		{40, 50, 3, 0.8291141117425477},
		{300, 211, 16, 4.946772565729576},
		{500, 400, 64, 20.37528036398207},
	} {
		a := statsOf(t, lattice(c.n, c.d, 37, 101, 13, 0, 257, 64), c.n)
		b := statsOf(t, lattice(c.m, c.d, 53, 71, 29, 11, 251, 80), c.m)
		// A covariance of low rank has eigenvalues of rounding size, which scipy's root and this
		// one see differently: sqrt(1e-16) each.
		require.InEpsilon(t, c.want, frechet(t, a, b), 1e-7, "d=%d", c.d)
		require.InEpsilon(t, c.want, frechet(t, b, a), 1e-7, "d=%d", c.d)
		require.InDelta(t, 0, frechet(t, a, a), 1e-5)
	}
}

// TestFrechetOfKnownNormals uses covariances that commute, where the distance is
// |mu1-mu2|^2 + sum (sigma1 - sigma2)^2.
func TestFrechetOfKnownNormals(t *testing.T) {
	a := Stats{N: 9, Mean: []float64{1, 2}, Cov: []float64{4, 0, 0, 9}}
	b := Stats{N: 9, Mean: []float64{4, 6}, Cov: []float64{1, 0, 0, 25}}
	require.InDelta(t, 9+16+1+4, frechet(t, a, b), 1e-12)
	a.Cov = []float64{4, 0, 0, -1e-18} // rounding's negative variance counts as 0
	require.InDelta(t, 9+16+1+25, frechet(t, a, b), 1e-12)
}

// TestStatsDoNotDependOnTheOrder shuffles the rows, and checks a covariance by hand.
func TestStatsDoNotDependOnTheOrder(t *testing.T) {
	const n, d = 300, 16
	features := lattice(n, d, 37, 101, 13, 0, 257, 64)
	var shuffled []float32
	for _, row := range rand.New(rand.NewPCG(3, 4)).Perm(n) {
		shuffled = append(shuffled, features[row*d:][:d]...)
	}
	a, b := statsOf(t, features, n), statsOf(t, shuffled, n)
	require.InDeltaSlice(t, a.Mean, b.Mean, 1e-12)
	require.InDeltaSlice(t, a.Cov, b.Cov, 1e-12)

	s := statsOf(t, []float32{1, 2, 3, 6, 5, 1}, 3) // columns 1 3 5 and 2 6 1, means 3 and 3
	require.InDeltaSlice(t, []float64{3, 3}, s.Mean, 1e-15)
	require.InDeltaSlice(t, []float64{4, -1, -1, 7}, s.Cov, 1e-14) // (2*1-2*2)/2 = -1
}

// TestStatsRefuse checks the typed errors of StatsOf, Frechet and FrechetLimit.
func TestStatsRefuse(t *testing.T) {
	for _, n := range []int{-2, 0, 1, 4} {
		_, err := StatsOf(make([]float32, 6), n)
		require.ErrorIs(t, err, ErrInput, "n=%d", n)
	}
	_, err := StatsOf(nil, 2)
	require.ErrorIs(t, err, ErrInput)
	_, err = StatsOf([]float32{0, 1, 2, float32(math.Inf(1))}, 2)
	require.ErrorIs(t, err, ErrInput)

	good := Stats{N: 2, Mean: []float64{0}, Cov: []float64{1}}
	for _, bad := range []Stats{
		{},
		{N: 2, Mean: []float64{0}},
		{N: 2, Mean: []float64{0, 0}, Cov: make([]float64, 4)},
		{N: 2, Mean: []float64{math.NaN()}, Cov: []float64{1}},
		{N: 2, Mean: []float64{0}, Cov: []float64{math.Inf(1)}},
	} {
		_, err = Frechet(good, bad)
		require.ErrorIs(t, err, ErrInput)
		_, err = Frechet(bad, good)
		require.ErrorIs(t, err, ErrInput)
	}
	_, err = FrechetLimit(make([]float32, 255), 255, good, 0)
	require.ErrorIs(t, err, ErrInput)
	_, err = FrechetLimit(make([]float32, 257), 256, good, 0)
	require.ErrorIs(t, err, ErrInput)
}

// normals draws n vectors of a distribution whose root covariance is root.
func normals(mean []float64, root *mat.Dense, n int, seed uint64) []float32 {
	d := len(mean)
	rng := rand.New(rand.NewPCG(seed, 0))
	z := make([]float64, d)
	features := make([]float32, 0, n*d)
	for range n {
		for i := range z {
			z[i] = rng.NormFloat64()
		}
		for i, m := range mean {
			for j, v := range z {
				m += root.At(i, j) * v
			}
			features = append(features, float32(m))
		}
	}
	return features
}

// TestFrechetLimitRemovesTheBias draws from the very distribution that it compares with: the
// distance is all bias, the limit is 0 but for scatter. Moved by 1 in one feature, it is 1.
func TestFrechetLimitRemovesTheBias(t *testing.T) {
	const n = 1000
	real, err := Reference()
	require.NoError(t, err)
	root, err := sqrtm(real.Stats.Cov, Features)
	require.NoError(t, err)
	for _, shift := range []float64{0, 1} {
		var plain, limit float64
		for seed := range uint64(4) {
			mean := append([]float64{}, real.Stats.Mean...)
			mean[7] += shift
			features := normals(mean, root, n, seed)
			one, err := FrechetLimit(features, n, real.Stats, seed)
			require.NoError(t, err)
			again, err := FrechetLimit(features, n, real.Stats, seed)
			require.NoError(t, err)
			require.Equal(t, one, again)
			limit += one / 4
			plain += frechet(t, statsOf(t, features, n), real.Stats) / 4
		}
		t.Logf("shift %v: distance %.4f, limit %.4f", shift, plain, limit)
		require.Less(t, math.Abs(limit-shift), (plain-shift)/3)
	}
}
