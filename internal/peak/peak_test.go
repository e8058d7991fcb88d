package peak

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// forEachLevel runs a test for the levels that this processor has.
func forEachLevel(t *testing.T, f func(t *testing.T, level string, l Loops)) {
	for _, level := range []string{"avx2", "avx512"} {
		t.Run(level, func(t *testing.T) {
			l, err := Of(level)
			if err != nil {
				require.ErrorIs(t, err, ErrUnsupported)
				t.Skip("not of this processor")
			}
			f(t, level, l)
		})
	}
	_, err := Of("generic")
	require.ErrorIs(t, err, ErrUnsupported)
}

// TestFMA looks that a loop does as many operations as it says: the sums of a lane are of 24 products a turn, and the
// operations those of its 8 or 16 lanes.
func TestFMA(t *testing.T) {
	forEachLevel(t, func(t *testing.T, level string, l Loops) {
		x, y := [2]float32{0.5, 0.25}, float32(0)
		l.fma(100, &x, &y)
		require.Equal(t, float32(100*24*0.125), y)
		lanes := map[string]int64{"avx2": 8, "avx512": 16}[level]
		require.Equal(t, 100*24*2*lanes, l.FMA(100))
		require.Equal(t, 24*2*lanes, l.FMA(0), "at least one turn")
	})
}

// TestFMALoop counts the instructions of the loops in the assembly: nothing but products and sums, and the count.
func TestFMALoop(t *testing.T) {
	text, err := os.ReadFile("loops_amd64.s")
	require.NoError(t, err)
	for _, name := range []string{"fma2", "fma5"} {
		_, body, ok := strings.Cut(string(text), "TEXT ·"+name+"(SB)")
		require.True(t, ok, name)
		_, body, _ = strings.Cut(body, "loop:\n")
		body, _, ok = strings.Cut(body, "JNZ")
		require.True(t, ok, name)
		var at []string
		for _, line := range strings.Split(strings.TrimSpace(body), "\n") {
			at = append(at, strings.Fields(line)[0])
		}
		require.Len(t, at, 25, name)
		require.Equal(t, 24, strings.Count(body, "VFMADD231PS"), name)
	}
}

// TestCopy copies blocks and nothing beyond.
func TestCopy(t *testing.T) {
	forEachLevel(t, func(t *testing.T, _ string, l Loops) {
		for _, n := range []int{0, Block, 3 * Block} {
			src, dst := make([]float32, n), make([]float32, n+Block)
			for i := range src {
				src[i] = float32(i + 1)
			}
			l.Copy(dst, src)
			require.Equal(t, src, dst[:n])
			require.Equal(t, make([]float32, Block), dst[n:])
		}
	})
}
