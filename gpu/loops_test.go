package gpu

import (
	"math"
	"math/rand/v2"
	"testing"
)

// odd returns floats among which special ones are frequent.
func odd(rng *rand.Rand, n int) []float32 {
	special := []uint32{0, 1 << 31, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc12345, 0x7fa00001, 1,
		0x80000001, 0x007fffff, 0x7f7fffff, 0xff7fffff, 0x3f800000, 0xbf800000}
	v := make([]float32, n)
	for i := range v {
		switch rng.IntN(3) {
		case 0:
			v[i] = math.Float32frombits(special[rng.IntN(len(special))])
		case 1:
			v[i] = math.Float32frombits(rng.Uint32())
		default:
			v[i] = float32(rng.NormFloat64())
		}
	}
	return v
}

// TestLoopsTwins compares the loops of the update at every length up to a few vectors.
func TestLoopsTwins(t *testing.T) {
	forLevels(t, levels[1:], func(t *testing.T) {
		rng := rand.New(rand.NewPCG(3, 4))
		for n := range 140 {
			for count := range regs + 3 {
				terms, y0 := make([]term, count), odd(rng, n)
				for i := range terms {
					terms[i] = term{odd(rng, n), float32(rng.NormFloat64())}
				}
				for _, more := range []bool{false, true} {
					twinLoops(t, n, func(y []float32) {
						copy(y, y0)
						sum(y, terms, more)
					}, "sum of %d terms", count)
				}
			}
			inf, nan := float32(math.Inf(1)), float32(math.NaN())
			for _, c := range []float32{1, 0.5, 3e38, inf, 0, -1, nan, 1e-45} {
				r := odd(rng, n)
				twinLoops(t, n, func(y []float32) { clip(y, c, r) }, "clip to %v", c)
				twinLoops(t, n, func(y []float32) { scale(y, c, r) }, "scale by %v", c)
			}
		}
	})
}

// twinLoops compares what f makes of n elements at the level in use with what it makes in Go. A NaN
// is any NaN: which of two comes out of a sum is up to the compiler.
func twinLoops(t *testing.T, n int, f func(y []float32), msg string, args ...any) {
	t.Helper()
	all, got := guarded(n)
	f(got)
	level := simd
	simd = generic
	_, want := guarded(n)
	f(want)
	simd = level
	for i, w := range want {
		if w != w && got[i] != got[i] {
			want[i] = got[i]
		}
	}
	requireTwin(t, want, all, msg, args...)
}
