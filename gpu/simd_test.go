package gpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"

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

// useGeneric switches the assembly off until the test ends.
func useGeneric(t *testing.T) {
	if !haveSIMD {
		t.Skip("this processor runs the generic twin anyway")
	}
	old := simd
	simd = false
	t.Cleanup(func() { simd = old })
}

// TestGeneric runs the tests of what has a twin in assembly without it.
func TestGeneric(t *testing.T) {
	useGeneric(t)
	for name, f := range map[string]func(*testing.T){
		"golden": TestNormalsGolden, "formula": TestNormalsFormula, "split": TestNormalsAnySplit,
		"kolmogorov-smirnov": TestNormalsKolmogorovSmirnov, "moments": TestNormalsMoments,
		"lanes": TestNormalsLanesKolmogorovSmirnov, "independence": TestNormalsIndependence,
	} {
		t.Run(name, f)
	}
}

// TestEnvironmentForcesGeneric starts this test binary again, since the choice is made at start.
func TestEnvironmentForcesGeneric(t *testing.T) {
	const child = "GPU_TEST_SIMD"
	if want := os.Getenv(child); want != "" {
		require.Equal(t, want, fmt.Sprint(simd))
		return
	}
	for value, want := range map[string]bool{"generic": false, "avx2": haveSIMD, "": haveSIMD} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestEnvironmentForcesGeneric$", "-test.v")
		cmd.Env = append(os.Environ(), "CUDIFFUSE_CPU="+value, fmt.Sprint(child, "=", want))
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "CUDIFFUSE_CPU=%q: %s", value, out)
		require.Contains(t, string(out), "--- PASS: TestEnvironmentForcesGeneric")
	}
}

// TestNormalsTwins asks for every length up to a few vectors at every distance from a block of 8
// counters, and where the counter's low word wraps around.
func TestNormalsTwins(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for _, base := range []uint64{0, 4096, 1<<34 - 64, 1<<34 - 36, 1<<34 - 32, 7<<34 - 100, 1<<62 - 50} {
		for n := range 150 {
			for off := range uint64(40) {
				seed, draw := rng.Uint64(), rng.Uint32()
				all, got := guarded(n)
				normalsSIMD(got, seed, draw, base+off)
				want := make([]float32, n)
				normalsGeneric(want, seed, draw, base+off)
				requireTwin(t, want, all, "seed %d, draw %d, %d from %d", seed, draw, n, base+off)
			}
		}
	}
	for _, first := range []uint64{0, 3, 1<<34 - 7777} { // more than one span
		all, got := guarded(20_011)
		normalsSIMD(got, 5, math.MaxUint32, first)
		want := make([]float32, len(got))
		normalsGeneric(want, 5, math.MaxUint32, first)
		requireTwin(t, want, all, "from %d", first)
	}
}

// TestNormalsDoNotAllocate keeps the buffers of heads and tails on the stack.
func TestNormalsDoNotAllocate(t *testing.T) {
	dst := make([]float32, 1001)
	require.Zero(t, testing.AllocsPerRun(10, func() { Normals(dst, 1, 2, 3) }))
}
