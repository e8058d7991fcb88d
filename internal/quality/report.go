package quality

import (
	"fmt"
	"math"
	"sync"

	"github.com/cudiffuse/cudiffuse/internal/workers"
)

// Accuracy returns the share of images whose largest logit is that of their class. logits is
// [n, 10], classes has the n wanted classes; one outside 0 to 9 is never right. It is NaN when
// classes is empty or the lengths do not agree.
func Accuracy(logits []float32, classes []int) float64 {
	if len(logits) != len(classes)*Classes {
		return math.NaN()
	}
	var right float64
	for i, class := range classes {
		if argmax(logits[i*Classes:][:Classes]) == class {
			right++
		}
	}
	return right / float64(len(classes)) // 0/0 = NaN without images
}

// argmax returns the index of the first largest value.
func argmax(values []float32) int {
	best := 0
	for i, v := range values {
		if v > values[best] {
			best = i
		}
	}
	return best
}

// Diversity returns the Euclidean distance of the features of two different images of one class,
// averaged over all pairs of a class, then over the classes that have a pair. features is [n, d],
// classes has the n classes. It is NaN when no class has a pair or the lengths do not agree.
func Diversity(features []float32, classes []int) float64 {
	n := len(classes)
	if n == 0 || len(features)%n != 0 {
		return math.NaN()
	}
	d := len(features) / n
	rows := make(map[int][][]float32)
	var order []int // of first appearance: a fixed order of summation
	for i, class := range classes {
		if rows[class] == nil {
			order = append(order, class)
		}
		rows[class] = append(rows[class], features[i*d:][:d])
	}
	var sum, count float64
	for _, class := range order {
		if members := rows[class]; len(members) > 1 {
			sum += meanDistance(members)
			count++
		}
	}
	return sum / count // 0/0 = NaN without a pair
}

// meanDistance returns the mean Euclidean distance of all pairs of rows.
func meanDistance(rows [][]float32) float64 {
	var sum float64
	for i, a := range rows {
		for _, b := range rows[:i] {
			var square float64
			for j, v := range a {
				diff := float64(v) - float64(b[j])
				square += diff * diff
			}
			sum += math.Sqrt(square)
		}
	}
	pairs := len(rows) * (len(rows) - 1) / 2
	return sum / float64(pairs)
}

// Report is what a set of samples measures. Compare it with [Real].
type Report struct {
	N         int     `json:"n"`
	Accuracy  float64 `json:"accuracy"`  // see Accuracy
	Frechet   float64 `json:"frechet"`   // from the reference, see Frechet
	Floor     float64 `json:"floor"`     // the Frechet of N real images, see Real.FloorAt
	Diversity float64 `json:"diversity"` // see Diversity; 0 when no class has two images
	// PerClass is the accuracy of each class, 0 for a class without images.
	PerClass [Classes]float64 `json:"per_class"`
}

// shared is the classifier that Measure uses.
var shared = sync.OnceValues(Open)

// Measure looks at the images, [n, 1, 28, 28] in [-1, 1] (what is beyond is clamped), that were
// asked for with the n classes, each 0 to 9, and compares them with the reference. n is
// len(classes); equally many images of each class make the comparison fair. A nil pool computes
// on the caller's thread. The error is ErrInput when n is less than 2, the lengths do not agree,
// a class is out of range or a value is not a number.
func Measure(pool *workers.Pool, images []float32, classes []int) (Report, error) {
	n := len(classes)
	if len(images) != n*pixels {
		return Report{}, fmt.Errorf("%w: %d values for %d images of %d", ErrInput,
			len(images), n, pixels)
	}
	for i, class := range classes {
		if class < 0 || class >= Classes {
			return Report{}, fmt.Errorf("%w: class %d of image %d", ErrInput, class, i)
		}
	}
	c, err := shared()
	if err != nil {
		return Report{}, err
	}
	features, logits, err := c.Evaluate(pool, images, n)
	if err != nil {
		return Report{}, err
	}
	return report(features, logits, classes)
}

// report computes the figures of n evaluated images.
func report(features, logits []float32, classes []int) (Report, error) {
	real, err := reference()
	if err != nil {
		return Report{}, err
	}
	stats, err := StatsOf(features, len(classes))
	if err != nil {
		return Report{}, err
	}
	distance, err := Frechet(stats, real.Stats)
	if err != nil {
		return Report{}, err
	}
	r := Report{
		N:         len(classes),
		Accuracy:  Accuracy(logits, classes),
		Frechet:   distance,
		Floor:     real.FloorAt(len(classes)),
		Diversity: Diversity(features, classes),
	}
	if math.IsNaN(r.Diversity) {
		r.Diversity = 0
	}
	var counts [Classes]float64
	for i, class := range classes {
		counts[class]++
		if argmax(logits[i*Classes:][:Classes]) == class {
			r.PerClass[class]++
		}
	}
	for class, count := range counts {
		r.PerClass[class] /= max(count, 1)
	}
	return r, nil
}
