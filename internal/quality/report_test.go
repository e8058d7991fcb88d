package quality

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/internal/workers"
)

// TestReferenceIsConsistent checks the embedded figures against each other and against doc.go.
func TestReferenceIsConsistent(t *testing.T) {
	real, err := Reference()
	require.NoError(t, err)
	require.Equal(t, 10_000, real.Stats.N)
	require.Greater(t, real.Accuracy, 0.92)
	require.InDelta(t, 0, frechet(t, real.Stats, real.Stats), 1e-5)
	for i := range Features {
		require.GreaterOrEqual(t, real.Stats.Cov[i*Features+i], 0.0)
	}
	require.Len(t, real.Floors, floors)
	for i, f := range real.Floors {
		require.Greater(t, f.Pairs, f.Rest*0.99, "n=%d", f.N) // both are biased, not only one
		require.InDelta(t, f.Rest, real.FloorAt(f.N), 1e-12)
		if i > 0 {
			require.Less(t, f.Rest, real.Floors[i-1].Rest)
			require.Less(t, f.Pairs, real.Floors[i-1].Pairs)
		}
	}
	require.Greater(t, real.FloorAt(100), real.FloorAt(200))
	require.GreaterOrEqual(t, real.FloorAt(1_000_000), 0.0)
	require.True(t, math.IsNaN(real.FloorAt(0)))

	// The caller's copy is its own.
	real.Stats.Mean[0] = math.NaN()
	again, err := Reference()
	require.NoError(t, err)
	require.False(t, math.IsNaN(again.Stats.Mean[0]))
}

// TestMeasureTellsRealFromFault measures real images, then planted faults: noise, wrong classes,
// one image repeated.
func TestMeasureTellsRealFromFault(t *testing.T) {
	g := readGolden(t)
	pool := workers.New(2)
	defer pool.Close()
	measure := func(images []float32, classes []int) Report {
		r, err := Measure(pool, images, classes)
		require.NoError(t, err)
		t.Logf("%+v", r)
		return r
	}
	reference, err := Reference()
	require.NoError(t, err)

	real := measure(g.images, g.classes)
	require.Equal(t, g.n, real.N)
	require.Greater(t, real.Accuracy, 0.8)
	require.Less(t, real.Frechet, 2*real.Floor) // 64 images of unequal classes
	require.InEpsilon(t, reference.Diversity, real.Diversity, 0.25)

	noisy := measure(noise(g.n), g.classes)
	require.Less(t, noisy.Accuracy, 0.5)
	require.Greater(t, noisy.Frechet, 10*real.Frechet)

	wrong := make([]int, g.n)
	for i, class := range g.classes {
		wrong[i] = (class + 1) % Classes
	}
	mistaken := measure(g.images, wrong)
	require.Less(t, mistaken.Accuracy, 0.2)
	require.Equal(t, real.Frechet, mistaken.Frechet) // which does not look at classes

	same := make([]float32, 0, len(g.images))
	for range g.n {
		same = append(same, g.images[:pixels]...)
	}
	collapsed := measure(same, g.classes)
	require.Zero(t, collapsed.Diversity)
	require.Greater(t, collapsed.Frechet, 3*real.Frechet)
}

// TestMeasureDoesNotDependOnTheOrder shuffles the images with their classes.
func TestMeasureDoesNotDependOnTheOrder(t *testing.T) {
	g := readGolden(t)
	var images []float32
	var classes []int
	for _, i := range rand.New(rand.NewPCG(5, 6)).Perm(g.n) {
		images = append(images, g.images[i*pixels:][:pixels]...)
		classes = append(classes, g.classes[i])
	}
	want, err := Measure(nil, g.images, g.classes)
	require.NoError(t, err)
	got, err := Measure(nil, images, classes)
	require.NoError(t, err)
	require.Equal(t, want.Accuracy, got.Accuracy)
	require.Equal(t, want.PerClass, got.PerClass)
	require.InEpsilon(t, want.Frechet, got.Frechet, 1e-6)
	require.InEpsilon(t, want.Diversity, got.Diversity, 1e-12)
}

// TestMeasureRefuses checks the typed error.
func TestMeasureRefuses(t *testing.T) {
	images := make([]float32, 2*pixels)
	for _, classes := range [][]int{nil, {1}, {1, 2, 3}, {0, 10}, {-1, 0}} {
		_, err := Measure(nil, images, classes)
		require.ErrorIs(t, err, ErrInput, "%v", classes)
	}
	_, err := Measure(nil, images[:pixels], []int{1}) // one image has no covariance
	require.ErrorIs(t, err, ErrInput)
	images[0] = float32(math.NaN())
	_, err = Measure(nil, images, []int{1, 2})
	require.ErrorIs(t, err, ErrInput)
}

// TestAccuracyAndDiversityByHand uses numbers that can be checked by eye.
func TestAccuracyAndDiversityByHand(t *testing.T) {
	logits := make([]float32, 3*Classes)
	logits[0*Classes+4], logits[1*Classes+9], logits[2*Classes+0] = 1, 2, -1
	require.InDelta(t, 2.0/3, Accuracy(logits, []int{4, 9, 0}), 1e-15)
	require.Zero(t, Accuracy(logits, []int{-1, 10, 0}))
	require.True(t, math.IsNaN(Accuracy(nil, nil)))
	require.True(t, math.IsNaN(Accuracy(logits, []int{1})))

	// Class 1 has the points (0,0), (3,4), (6,8): distances 5, 5, 10. Class 2 has (1,1), (1,3).
	features := []float32{0, 0, 1, 1, 3, 4, 6, 8, 1, 3, 7, 7}
	classes := []int{1, 2, 1, 1, 2, 0}
	require.InDelta(t, (20.0/3+2)/2, Diversity(features, classes), 1e-12)
	require.True(t, math.IsNaN(Diversity(features, []int{0, 1, 2, 3, 4, 5})))
	require.True(t, math.IsNaN(Diversity(nil, nil)))
	require.True(t, math.IsNaN(Diversity(features, []int{1, 1, 1, 1, 1})))
}
