package gemm

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/cudiffuse/cudiffuse/model/safetensors"
	"github.com/stretchr/testify/require"
)

// TestWinogradWeights compares G g G' with exact arithmetic: u is off by no more than six roundings of
// the sum of its terms' magnitudes, three for each of the two transforms.
func TestWinogradWeights(t *testing.T) {
	rng := rand.New(rand.NewPCG(41, 42))
	points := []*big.Rat{
		big.NewRat(0, 1), big.NewRat(11, 16), big.NewRat(-11, 16), big.NewRat(11, 8), big.NewRat(-11, 8),
	}
	// row j of G times (g0, g1, g2): the value of g0 + g1 p + g2 p² over the product of p's
	// distances; for infinity g2.
	at := func(j int, g [3]*big.Rat, magnitude bool) *big.Rat {
		if j == len(points) {
			return g[2]
		}
		p, y := points[j], new(big.Rat).Set(g[2])
		factor := big.NewRat(1, 1)
		for k, q := range points {
			if k != j {
				factor.Quo(factor, new(big.Rat).Sub(p, q))
			}
		}
		if magnitude {
			p = new(big.Rat).Abs(p)
			factor.Abs(factor)
		}
		y.Mul(y, p).Add(y, g[1]).Mul(y, p).Add(y, g[0])
		return y.Mul(y, factor)
	}
	for range 200 {
		var g [9]float32
		copy(g[:], random(rng, 9))
		term := func(i int, magnitude bool) float64 {
			var row [3]*big.Rat
			for c := range row {
				column := [3]*big.Rat{}
				for r := range column {
					column[r] = new(big.Rat).SetFloat64(float64(g[r*3+c]))
					if magnitude {
						column[r].Abs(column[r])
					}
				}
				row[c] = at(i/6, column, magnitude)
			}
			y, _ := at(i%6, row, magnitude).Float64()
			return y
		}
		for i, u := range winoWeights(&g) {
			require.InDelta(t, term(i, false), float64(u), 6*0x1p-24*term(i, true))
		}
	}
}

// TestWinogradError holds the method to four times the direct method's greatest error against
// float64, with the weights of the bundled model and inputs like those after a SiLU.
func TestWinogradError(t *testing.T) {
	const dir = "../../model/bundled/fashion/unet/"
	file, err := safetensors.Open(dir + "diffusion_pytorch_model.fp16.safetensors")
	require.NoError(t, err)
	defer file.Close()
	rng := rand.New(rand.NewPCG(43, 44))
	layers, worst := 0, 0.0
	for _, tensor := range file.Tensors() {
		name, s := tensor.Name, tensor.Shape
		if len(s) != 4 || s[2] != 3 || s[0] < winoLeast || s[1] < winoLeast {
			continue
		}
		weights, err := file.Float32s(name)
		require.NoError(t, err)
		c := same(s[0], s[1], 3, 1, 8, 8)
		src := random(rng, c.InC*c.h*c.w)
		for i, x := range src {
			src[i] = float32(float64(x) / (1 + math.Exp(-float64(x))))
		}
		conv, err := NewConv(c.ConvShape, weights, nil)
		require.NoError(t, err)
		require.True(t, conv.useWinograd(c.h, c.w))
		wino, direct := make([]float32, c.OutC*64), make([]float32, c.OutC*64)
		conv.Run(nil, wino, src, 1, c.h, c.w, make([]float32, conv.Scratch(1, c.h, c.w)))
		conv = conv.Direct()
		conv.Run(nil, direct, src, 1, c.h, c.w, make([]float32, conv.Scratch(1, c.h, c.w)))
		exact := exactConv(c, weights, src)
		ratio := maxError(exact, wino) / maxError(exact, direct)
		require.LessOrEqual(t, ratio, 4.0, "%s", name)
		worst = max(worst, ratio)
		layers++
	}
	require.Equal(t, 26, layers, "with both downsamplers, whose stride is left out here")
	t.Logf("greatest error of a layer: up to %.2f times the direct method's", worst)
}

// exactConv is a 3x3 convolution with one pixel of padding in float64.
func exactConv(c convCase, weights, src []float32) []float64 {
	out := make([]float64, c.OutC*c.h*c.w)
	for i := range out {
		oc, y, x := i/(c.h*c.w), i/c.w%c.h, i%c.w
		for k := range c.InC * 9 {
			sy, sx := y+k/3%3-1, x+k%3-1
			if sy >= 0 && sy < c.h && sx >= 0 && sx < c.w {
				out[i] += float64(weights[oc*c.InC*9+k]) * float64(src[(k/9*c.h+sy)*c.w+sx])
			}
		}
	}
	return out
}

// maxError is the largest distance.
func maxError(want []float64, got []float32) float64 {
	worst := 0.0
	for i, w := range want {
		worst = max(worst, math.Abs(w-float64(got[i])))
	}
	return worst
}

// TestWinogradSpreadsNaN: what is not finite in an input reaches every output that it takes part
// in, and no other image.
func TestWinogradSpreadsNaN(t *testing.T) {
	forEachImplementation(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(45, 46))
		c := same(16, 16, 3, 3, 9, 9)
		weights, bias, src := c.inputs(rng)
		conv, err := NewConv(c.ConvShape, weights, bias)
		require.NoError(t, err)
		clean := runGuarded(t, conv, nil, src, c.n, c.h, c.w)
		for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			src[(16+5)*81+4*9+4] = float32(v) // image 1, the middle
			got := runGuarded(t, conv, nil, src, c.n, c.h, c.w)
			size := 16 * 81
			requireSame(t, clean[:size], got[:size])
			requireSame(t, clean[2*size:], got[2*size:])
			for oc := range 16 {
				for i := range 9 {
					y := float64(got[size+oc*81+(3+i/3)*9+3+i%3])
					require.True(t, math.IsNaN(y) || math.IsInf(y, 0), "%v: channel %d, pixel %d", v, oc, i)
				}
			}
		}
	})
}
