package gemm

import (
	"os"
	"testing"

	"github.com/cudiffuse/cudiffuse/internal/rerun"
	"github.com/stretchr/testify/require"
)

// TestEnvironmentLowersLevel starts this test binary again, since the choice is made at start.
func TestEnvironmentLowersLevel(t *testing.T) {
	const child = "GEMM_TEST_CHILD"
	if want := os.Getenv(child); want != "" {
		require.Equal(t, want, Implementation())
		return
	}
	best := levels[len(levels)-1]
	wanted := map[string]level{"": best, "neon": best, "avx2": best, "avx512": best, "mmx": best}
	for _, l := range levels {
		wanted[l.String()] = l
	}
	for value, want := range wanted {
		cmd := rerun.Command("-test.run=^TestEnvironmentLowersLevel$", "-test.v")
		cmd.Env = append(os.Environ(), "CUDIFFUSE_CPU="+value, child+"="+want.String())
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "CUDIFFUSE_CPU=%q: %s", value, out)
		require.Contains(t, string(out), "--- PASS: TestEnvironmentLowersLevel")
	}
}

// TestShortSlicesPanicFirst passes each slice one element short; nothing may be written then.
func TestShortSlicesPanicFirst(t *testing.T) {
	c := same(3, 2, 3, 2, 5, 5)
	conv, err := NewConv(c.ConvShape, make([]float32, c.OutC*c.k()), nil)
	require.NoError(t, err)
	l, err := NewLinear(3, 2, make([]float32, 6), nil)
	require.NoError(t, err)
	for short := range 3 {
		size := func(i, n int) int {
			if i == short {
				n--
			}
			return n
		}
		allDst, dst := guarded(size(0, c.n*c.OutC*c.h*c.w))
		allScratch, scratch := guarded(size(1, conv.Scratch(c.n, c.h, c.w)))
		src := make([]float32, size(2, c.n*c.InC*c.h*c.w))
		require.Panics(t, func() { conv.Run(nil, dst, src, c.n, c.h, c.w, scratch) })
		requireGuards(t, allDst, 0) // dst is full of guard words itself
		requireGuards(t, allScratch, 0)

		allDst, dst = guarded(size(0, 4*3))
		allScratch, scratch = guarded(size(1, l.Scratch(4)))
		require.Panics(t, func() { l.Run(nil, dst, make([]float32, size(2, 4*2)), 4, scratch) })
		requireGuards(t, allDst, 0)
		requireGuards(t, allScratch, 0)
	}
}
