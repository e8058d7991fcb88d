package bfloat

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/internal/half"
)

// values fills a slice with numbers of a kind: ordinary ones, ones of every size down to denormals, or those with NaN
// and infinities among them.
func values(rng *rand.Rand, kind string, n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(rng.NormFloat64())
		switch {
		case kind == "every size":
			out[i] = float32(math.Ldexp(float64(out[i]), rng.IntN(170)-150))
		case kind == "not finite" && rng.IntN(200) == 0:
			out[i] = []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), math.Float32frombits(0x7fffffff)}[rng.IntN(4)]
		}
	}
	return out
}

func halves(v []float32) []uint16 {
	out := make([]uint16, len(v))
	for i := range v {
		out[i] = half.BFloat16(v[i])
	}
	return out
}

// sameBits compares bits, a NaN being like any other.
func sameBits(t testing.TB, want, got []float32, what ...any) {
	t.Helper()
	require.Equal(t, len(want), len(got), what...)
	for i := range want {
		if want[i] != want[i] && got[i] != got[i] {
			continue
		}
		if math.Float32bits(want[i]) != math.Float32bits(got[i]) {
			require.Failf(t, "other bits", "%d: want %g (%x), got %g (%x): %v", i, want[i], math.Float32bits(want[i]), got[i], math.Float32bits(got[i]), what)
		}
	}
}

var kinds = []string{"ordinary", "every size", "not finite"}

// TestProducts: every level gives the bits of the Go code and writes nothing else.
func TestProducts(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, kind := range kinds {
		for _, kb := range []int{1, 2, 3, 9} {
			a, b := halves(values(rng, kind, 2*kb*tile)), halves(values(rng, kind, 2*kb*tile))
			init := values(rng, kind, 1024)
			for mt := 1; mt <= 2; mt++ {
				for nt := 1; nt <= 2; nt++ {
					for _, s := range []sums{{init, 0, side, 0}, {init, side * side, 0, side}, {init, 512, side, 32}} {
						ldd := 37
						run := func(l level) []float32 {
							dst := make([]float32, 40*ldd)
							for i := range dst {
								dst[i] = 42
							}
							product(l, mt, nt, kb, a, b, s, dst[3:], ldd)
							return dst
						}
						want := run(generic)
						inside := 0
						for _, v := range want {
							if v != 42 {
								inside++
							}
						}
						require.Equal(t, mt*nt*side*side, inside)
						for _, l := range levels[1:] {
							sameBits(t, want, run(l), kind, l, kb, mt, nt)
						}
					}
				}
			}
		}
	}
}

// TestProductOrder holds the Go code against the contract written another way.
func TestProductOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	const kb = 3
	a, b := halves(values(rng, "ordinary", kb*tile)), halves(values(rng, "ordinary", kb*tile))
	init := values(rng, "ordinary", side)
	got := make([]float32, side*side)
	product(generic, 1, 1, kb, a, b, sums{init, 0, 0, 0}, got, side)
	for r := range side {
		for j := range side {
			y := init[j]
			for block := range kb {
				var t [2]float32
				for k := range depth {
					x := half.BFloat16ToFloat32(a[block*tile+r*depth+k])
					w := half.BFloat16ToFloat32(b[block*tile+k/2*depth+2*j+k%2])
					t[k%2] += float32(x * w)
				}
				y += float32(t[0] + t[1])
			}
			require.Equal(t, y, got[r*side+j], fmt.Sprint(r, j))
		}
	}
}

// TestRounding: every level rounds as package half, and writes nothing else.
func TestRounding(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, kind := range kinds {
		for n := 1; n <= 67; n++ {
			for _, rows := range []int{1, 3} {
				lds, ldd := n+rng.IntN(3), n+rng.IntN(5)
				src := values(rng, kind, rows*lds)
				for _, l := range levels {
					dst := make([]uint16, rows*ldd+20)
					for i := range dst {
						dst[i] = 7
					}
					roundRows(l, dst[5:], ldd, src, lds, rows, n)
					for r := range rows {
						for i := range n {
							at := 5 + r*ldd + i
							require.Equal(t, half.BFloat16(src[r*lds+i]), dst[at], "%s, %v, %d of %d: %g", kind, l, i, n, src[r*lds+i])
							dst[at] = 7
						}
					}
					for i, v := range dst {
						require.EqualValues(t, 7, v, "%v, %d values, written at %d", l, n, i-5)
					}
				}
			}
		}
	}
}

// TestGather: every level gathers as a loop over pixels does.
func TestGather(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for count := 1; count <= side; count++ {
		for range 20 {
			src := make([]uint16, 500)
			for i := range src {
				src[i] = uint16(rng.Uint32())
			}
			offsets := make([]int32, 2*(1+rng.IntN(40)))
			most := 0
			for i := range offsets {
				offsets[i] = int32(rng.IntN(300))
				most = max(most, int(offsets[i]))
			}
			var spans []span
			for col := 0; len(spans) < count; {
				n := min(1+rng.IntN(side-col-(count-len(spans)-1)), side-col)
				spans = append(spans, span{src: rng.IntN(len(src) - most - n + 1), col: col, n: n})
				col += n
			}
			want := make([]uint16, len(offsets)*side)
			for k, off := range offsets {
				for _, s := range spans {
					for i := range s.n {
						want[(k/2*side+s.col+i)*2+k%2] = src[s.src+int(off)+i]
					}
				}
			}
			for _, l := range levels {
				dst := make([]uint16, len(want)+9)
				for i := range dst {
					dst[i] = 7
				}
				gather(l, dst, src, offsets, most, spans)
				require.Equal(t, want, dst[:len(want)], "%v, %d spans", l, count)
				for _, v := range dst[len(want):] {
					require.EqualValues(t, 7, v)
				}
			}
		}
	}
}
