package gpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/cudiffuse/cudiffuse/internal/rerun"
	"github.com/stretchr/testify/require"
)

// guard is a word that no routine of this package makes.
const guard = 0x7fa5a5a5

// guarded returns n floats of guard words between two vectors of them, and the whole.
func guarded(n int) (all, v []float32) {
	const margin = 8
	all = make([]float32, n+2*margin)
	for i := range all {
		all[i] = math.Float32frombits(guard)
	}
	return all, all[margin : margin+n : margin+n]
}

// requireTwin compares bits, and the guard words around got.
func requireTwin(t *testing.T, want, all []float32, msg string, args ...any) {
	t.Helper()
	margin := (len(all) - len(want)) / 2
	for i, v := range all {
		w := uint32(guard)
		if k := i - margin; k >= 0 && k < len(want) {
			w = math.Float32bits(want[k])
		}
		if b := math.Float32bits(v); b != w {
			require.Failf(t, "bits differ", "element %d: want %08x, got %08x; %s", i-margin, w, b,
				fmt.Sprintf(msg, args...))
		}
	}
}

// forLevels runs f at each of the levels.
func forLevels(t *testing.T, levels []level, f func(t *testing.T)) {
	old := simd
	defer func() { simd = old }()
	for _, simd = range levels {
		t.Run(levelNames[simd], f)
	}
}

// TestLowerLevels runs the tests of what has a twin in assembly at the levels that are not in use.
func TestLowerLevels(t *testing.T) {
	forLevels(t, levels[:slices.Index(levels, simd)], func(t *testing.T) {
		t.Run("golden", TestNormalsGolden)
		t.Run("formula", TestNormalsFormula)
		t.Run("split", TestNormalsAnySplit)
		t.Run("kolmogorov-smirnov", TestNormalsKolmogorovSmirnov)
		t.Run("lanes", TestNormalsLanesKolmogorovSmirnov)
		t.Run("moments", TestNormalsMoments)
		t.Run("independence", TestNormalsIndependence)
		t.Run("batch", TestBatchMatchesReference)
		t.Run("scalars", TestScalarsMatchReference)
		t.Run("diffusers", TestDiffusersKnownAnswers)
		t.Run("allocation", TestStepsDoNotAllocate)
	})
}

// TestEnvironmentLowersLevel starts this test binary again, since the choice is made at start.
func TestEnvironmentLowersLevel(t *testing.T) {
	const child = "GPU_TEST_SIMD"
	if want := os.Getenv(child); want != "" {
		require.Equal(t, want, levelNames[simd])
		return
	}
	best := levels[len(levels)-1]
	wanted := map[string]level{"": best, "neon": best, "avx2": best, "avx512": best, "mmx": best}
	for _, l := range levels {
		wanted[levelNames[l]] = l
	}
	for value, want := range wanted {
		cmd := rerun.Command("-test.run=^TestEnvironmentLowersLevel$", "-test.v")
		cmd.Env = append(os.Environ(), "CUDIFFUSE_CPU="+value, child+"="+levelNames[want])
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "CUDIFFUSE_CPU=%q: %s", value, out)
		require.Contains(t, string(out), "--- PASS: TestEnvironmentLowersLevel")
	}
}

// TestNormalsTwins asks for every length up to a few vectors at every distance from a group of 16
// blocks, and where the counter's low word wraps around.
func TestNormalsTwins(t *testing.T) {
	forLevels(t, levels[1:], func(t *testing.T) {
		rng := rand.New(rand.NewPCG(7, 8))
		check := func(n int, seed uint64, draw uint32, first uint64) {
			all, got := guarded(n)
			normalsSIMD(got, seed, draw, first)
			want := make([]float32, n)
			normalsGeneric(want, seed, draw, first)
			requireTwin(t, want, all, "seed %d, draw %d, %d from %d", seed, draw, n, first)
		}
		const wrap = 1 << 34
		bases := []uint64{0, 4096, wrap - 80, wrap - 68, wrap - 64, 7*wrap - 150, 1<<62 - 50}
		for _, base := range bases {
			for n := range 150 {
				for off := range uint64(70) {
					check(n, rng.Uint64(), rng.Uint32(), base+off)
				}
			}
		}
		for _, first := range []uint64{0, 3, 1<<34 - 7777} { // more than one span
			check(20_011, 5, math.MaxUint32, first)
		}
	})
}

// TestNormalsDoNotAllocate keeps the buffers of heads and tails on the stack.
func TestNormalsDoNotAllocate(t *testing.T) {
	dst := make([]float32, 1001)
	forLevels(t, levels, func(t *testing.T) {
		require.Zero(t, testing.AllocsPerRun(10, func() { Normals(dst, 1, 2, 3) }))
	})
}
