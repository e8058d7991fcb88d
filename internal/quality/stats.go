package quality

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/cudiffuse/cudiffuse/model/safetensors"
)

// Stats are the first two moments of a set of feature vectors of length d.
type Stats struct {
	N    int
	Mean []float64 // [d]
	Cov  []float64 // [d, d], row-major, symmetric; sums of products divided by N-1
}

// StatsOf returns the statistics of n feature vectors, features [n, d] row-major, where d is
// len(features)/n. The result does not depend on their order but for rounding. The error is
// ErrInput when n is less than 2, does not divide the length, or a value is not finite.
func StatsOf(features []float32, n int) (Stats, error) {
	if n < 2 || len(features) == 0 || len(features)%n != 0 {
		return Stats{}, fmt.Errorf("%w: %d values for %d feature vectors, want 2 or more",
			ErrInput, len(features), n)
	}
	d := len(features) / n
	s := Stats{N: n, Mean: make([]float64, d), Cov: make([]float64, d*d)}
	for i, v := range features {
		s.Mean[i%d] += float64(v) / float64(n)
	}
	if !finite(s.Mean) {
		return Stats{}, fmt.Errorf("%w: a feature is not finite", ErrInput)
	}
	diff := make([]float64, d)
	for r := range n {
		for j, v := range features[r*d:][:d] {
			diff[j] = float64(v) - s.Mean[j]
		}
		for i, a := range diff {
			row := s.Cov[i*d:][:d]
			for j := i; j < d; j++ {
				row[j] += a * diff[j]
			}
		}
	}
	for i := range d {
		for j := i; j < d; j++ {
			s.Cov[i*d+j] /= float64(n - 1)
			s.Cov[j*d+i] = s.Cov[i*d+j]
		}
	}
	return s, nil
}

// Floor is the mean Fréchet distance of n real images, equally many of each class.
type Floor struct {
	N     int
	Pairs float64 // from n other real images
	Rest  float64 // from all other images of the reference
}

// floors is the number of sample sizes that the training script measured.
const floors = 5

// Real is what real images measure: the yardstick for samples.
type Real struct {
	Stats     Stats   // of the reference's features, N = 10,000
	Accuracy  float64 // of the classifier on the reference
	Diversity float64 // of the reference
	Floors    []Floor // by increasing N
}

// Reference returns the figures of the reference. The caller owns the result. An error means
// that the program was built with damaged data.
func Reference() (Real, error) {
	r, err := reference()
	r.Stats.Mean = slices.Clone(r.Stats.Mean)
	r.Stats.Cov = slices.Clone(r.Stats.Cov)
	r.Floors = slices.Clone(r.Floors)
	return r, err
}

var reference = sync.OnceValues(readReference)

// readReference reads the embedded figures.
func readReference() (Real, error) {
	file, err := safetensors.OpenFS(data, "data/reference.safetensors")
	if err != nil {
		return Real{}, fmt.Errorf("quality: %w", err)
	}
	defer file.Close()
	read := func(name string, size int) []float64 {
		values, e := file.Float64s(name)
		if e == nil && (len(values) != size || !finite(values)) {
			e = fmt.Errorf("reference: %s: %d values, want %d finite ones", name, len(values), size)
		}
		err = errors.Join(err, e)
		return append(values, make([]float64, max(0, size-len(values)))...)
	}
	r := Real{
		Stats: Stats{
			N:    int(read("count", 1)[0]),
			Mean: read("mean", Features),
			Cov:  read("cov", Features*Features),
		},
		Accuracy:  read("accuracy", 1)[0],
		Diversity: read("diversity", 1)[0],
	}
	sizes := read("floor_n", floors)
	pairs, rest := read("floor_pairs", floors), read("floor_rest", floors)
	for i, n := range sizes {
		r.Floors = append(r.Floors, Floor{int(n), pairs[i], rest[i]})
	}
	if err != nil {
		return Real{}, fmt.Errorf("quality: %w", err)
	}
	return r, nil
}

// FloorAt returns the distance from the reference that n real images would have: Rest of Floors,
// interpolated linearly in 1/n, the law that the bias follows. Beyond the ends of the table it
// follows the nearest two entries, down to 0; it is NaN for n < 1 and without a table.
func (r Real) FloorAt(n int) float64 {
	if n < 1 || len(r.Floors) < 2 {
		return math.NaN()
	}
	hi := 1
	for hi+1 < len(r.Floors) && r.Floors[hi].N < n {
		hi++
	}
	a, b := r.Floors[hi-1], r.Floors[hi]
	slope := (a.Rest - b.Rest) / (1/float64(a.N) - 1/float64(b.N))
	return max(0, b.Rest+slope*(1/float64(n)-1/float64(b.N)))
}
