package gemm

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/internal/fma"
)

// wanted is the numeric contract of a convolution, by the method it uses for the size.
func wanted(c *Conv, weights, bias, src []float32, n, h, w int) []float32 {
	oh, ow := c.OutSize(h, w)
	if c.useWinograd(h, w) {
		return naiveWinograd(c.shape, weights, bias, src, n, h, w, oh, ow)
	}
	return naiveConv(c.shape, weights, bias, src, n, h, w, oh, ow)
}

// naiveConv is the numeric contract of the direct method as a plain loop.
func naiveConv(s ConvShape, weights, bias, src []float32, n, h, w, oh, ow int) []float32 {
	out := make([]float32, 0, n*s.OutC*oh*ow)
	for img := range n {
		for oc := range s.OutC {
			for oy := range oh {
				for ox := range ow {
					var y float32
					wi := oc * s.k()
					for ic := range s.InC {
						for kh := range s.KH {
							for kw := range s.KW {
								iy, ix := oy*s.Stride+kh-s.PadT, ox*s.Stride+kw-s.PadL
								var x float32
								if iy >= 0 && iy < h && ix >= 0 && ix < w {
									x = src[((img*s.InC+ic)*h+iy)*w+ix]
								}
								y = fma.Soft(weights[wi], x, y)
								wi++
							}
						}
					}
					if bias != nil {
						y += bias[oc]
					}
					out = append(out, y)
				}
			}
		}
	}
	return out
}

// naiveLinear is the numeric contract of Linear as a plain loop.
func naiveLinear(outF, inF int, weights, bias, src []float32, rows int) []float32 {
	out := make([]float32, 0, rows*outF)
	for r := range rows {
		for o := range outF {
			var y float32
			for k := range inF {
				y = fma.Soft(weights[o*inF+k], src[r*inF+k], y)
			}
			if bias != nil {
				y += bias[o]
			}
			out = append(out, y)
		}
	}
	return out
}

// random returns n normal values.
func random(rng *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(rng.NormFloat64())
	}
	return v
}

// special overwrites about one value in each `every` with an unusual one.
func special(rng *rand.Rand, v []float32, every int) {
	odd := []float32{
		float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 0,
		float32(math.Copysign(0, -1)), 1e-45, -1e-40, math.MaxFloat32, -math.MaxFloat32,
	}
	for i := range v {
		if rng.IntN(every) == 0 {
			v[i] = odd[rng.IntN(len(odd))]
		}
	}
}

// guard is a word that no computation of these tests gives: a NaN with a payload of its own.
const guard = 0x7fc0dead

// guarded is a slice of n floats between guard words, itself full of guard words.
func guarded(n int) (all, inner []float32) {
	const margin = 64
	all = make([]float32, n+2*margin)
	for i := range all {
		all[i] = math.Float32frombits(guard)
	}
	return all, all[margin : margin+n : margin+n]
}

// requireGuards fails if a word around the inner slice of all has changed.
func requireGuards(t *testing.T, all []float32, n int) {
	t.Helper()
	margin := (len(all) - n) / 2
	for i := range margin {
		require.EqualValues(t, guard, math.Float32bits(all[i]), "guard word %d in front", i)
		require.EqualValues(t, guard, math.Float32bits(all[margin+n+i]), "guard word %d behind", i)
	}
}

// requireSame demands equal bits, or NaN on both sides.
func requireSame(t *testing.T, want, got []float32) {
	t.Helper()
	require.Len(t, got, len(want))
	for i, w := range want {
		g := got[i]
		if math.Float32bits(w) != math.Float32bits(g) && (w == w || g == g) {
			require.Failf(t, "differs", "element %d: want %v (%#x), got %v (%#x)",
				i, w, math.Float32bits(w), g, math.Float32bits(g))
		}
	}
}

// forEachImplementation runs f with Go and with each level of assembly that there is.
func forEachImplementation(t *testing.T, f func(t *testing.T)) {
	before := simd
	defer func() { simd = before }()
	for _, simd = range levels {
		t.Run(Implementation(), f)
	}
}
