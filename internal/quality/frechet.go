package quality

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"
)

// ErrEigen is a covariance whose eigenvalues could not be found.
var ErrEigen = errors.New("quality: eigenvalue decomposition failed")

// Frechet returns the squared Fréchet distance of two normal distributions (Dowson and Landau
// 1982; for image features Heusel et al. 2017, arXiv:1706.08500, equation 6):
//
//	|mu1 - mu2|^2 + tr(C1 + C2 - 2 (C1^1/2 C2 C1^1/2)^1/2)
//
// The product in the root is symmetric, so that eigenvalues of symmetric matrices suffice; those
// that rounding made negative count as 0. The distance is symmetric but for rounding, and at
// least 0. Statistics of few images overestimate it, see [FrechetLimit]. The error is ErrInput
// when the lengths do not agree or a value is not finite, or else ErrEigen.
func Frechet(a, b Stats) (float64, error) {
	d := len(a.Mean)
	if d == 0 || len(b.Mean) != d || len(a.Cov) != d*d || len(b.Cov) != d*d {
		return 0, fmt.Errorf("%w: means of %d and %d values, covariances of %d and %d",
			ErrInput, d, len(b.Mean), len(a.Cov), len(b.Cov))
	}
	if !finite(a.Mean) || !finite(b.Mean) || !finite(a.Cov) || !finite(b.Cov) {
		return 0, fmt.Errorf("%w: statistics are not finite", ErrInput)
	}
	root, err := sqrtm(a.Cov, d)
	if err != nil {
		return 0, err
	}
	var product mat.Dense
	product.Mul(root, mat.NewDense(d, d, b.Cov))
	product.Mul(&product, root)
	var eigen mat.EigenSym
	if !eigen.Factorize(symmetric(product.RawMatrix().Data, d), false) {
		return 0, ErrEigen
	}
	var sum float64
	for i, m := range a.Mean {
		sum += (m - b.Mean[i]) * (m - b.Mean[i])
		sum += a.Cov[i*d+i] + b.Cov[i*d+i]
	}
	for _, lambda := range eigen.Values(nil) {
		sum -= 2 * math.Sqrt(max(lambda, 0))
	}
	return max(sum, 0), nil
}

// sqrtm returns the symmetric root V diag(lambda^1/2) V^T of a symmetric d x d matrix.
func sqrtm(c []float64, d int) (*mat.Dense, error) {
	var eigen mat.EigenSym
	if !eigen.Factorize(symmetric(c, d), true) {
		return nil, ErrEigen
	}
	var vectors, scaled mat.Dense
	eigen.VectorsTo(&vectors)
	roots := eigen.Values(nil)
	for i, lambda := range roots {
		roots[i] = math.Sqrt(max(lambda, 0))
	}
	scaled.Mul(&vectors, mat.NewDiagDense(d, roots))
	scaled.Mul(&scaled, vectors.T())
	return &scaled, nil
}

// symmetric is (C + C^T)/2 of a d x d matrix.
func symmetric(c []float64, d int) *mat.SymDense {
	s := mat.NewSymDense(d, nil)
	for i := range d {
		for j := i; j < d; j++ {
			s.SetSym(i, j, c[i*d+j]/2+c[j*d+i]/2)
		}
	}
	return s
}

const (
	// limitLeast is the fewest images that FrechetLimit extrapolates from: with fewer, the
	// smaller subsets have hardly more images than features, where the bias is no longer 1/n.
	limitLeast = 4 * Features
	// limitSizes and limitDraws are how many subset sizes are fitted, and subsets of each size.
	limitSizes, limitDraws = 5, 10
)

// FrechetLimit estimates what [Frechet] of the n feature vectors, [n, d], against b would be for
// n = infinity (Chong and Forsyth 2020, arXiv:1911.07023). The bias of the distance falls as 1/n,
// so the distances of random subsets of n/2 to n vectors are fitted, least squares, with
//
//	distance(n) = limit + slope/n
//
// The bias that b has from its own N remains. The limit scatters more than the distance, and may
// come out below 0 when the distributions are equal. The seed chooses the subsets. Besides the
// errors of Frechet it is ErrInput when n is less than 256.
func FrechetLimit(features []float32, n int, b Stats, seed uint64) (float64, error) {
	if n < limitLeast || len(features)%n != 0 {
		return 0, fmt.Errorf("%w: %d values for %d feature vectors, want %d or more", ErrInput,
			len(features), n, limitLeast)
	}
	d := len(features) / n
	rng := rand.New(rand.NewPCG(seed, 0))
	subset := make([]float32, 0, len(features))
	var count, sumX, sumY, sumXX, sumXY float64
	for k := range limitSizes {
		// Sizes from n/2 to n, evenly in 1/size, as the fit is in 1/size.
		size := int(float64(n) / (1 + float64(k)/float64(limitSizes-1)))
		for range limitDraws {
			subset = subset[:0]
			for _, row := range rng.Perm(n)[:size] {
				subset = append(subset, features[row*d:][:d]...)
			}
			stats, err := StatsOf(subset, size)
			if err != nil {
				return 0, err
			}
			y, err := Frechet(stats, b)
			if err != nil {
				return 0, err
			}
			x := 1 / float64(size)
			count, sumX, sumY = count+1, sumX+x, sumY+y
			sumXX, sumXY = sumXX+x*x, sumXY+x*y
		}
	}
	slope := (count*sumXY - sumX*sumY) / (count*sumXX - sumX*sumX)
	return (sumY - slope*sumX) / count, nil
}
