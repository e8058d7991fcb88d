//go:build cuda

package netkernels

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// normShape is one case of GroupNorm or LayerNorm.
type normShape struct {
	images, pixels, channels, groups int
	in, out                          place
	act                              Activation
	scaleShift                       bool
	row                              bool
}

// launches a GroupNorm of values and checks it; it returns the result and the kernels.
func (r *rig) groupNorm(d DType, s normShape, values []float32, eps float32) ([]float32, []string) {
	r.t.Helper()
	x := r.input(d, s.channels, s.in, values)
	y := r.output(d, s.images*s.pixels, s.channels, s.out)
	gamma, beta := noise(Float32, 7, s.channels, 1, 0.3), noise(Float32, 8, s.channels, 0, 0.5)
	g, b := r.params(gamma), r.params(beta)
	op := GroupNorm{Type: d, Images: s.images, Pixels: s.pixels, Channels: s.channels, Groups: s.groups, Eps: eps,
		Act: s.act, X: x.Tensor, Y: y.Tensor, Gamma: g.At, Beta: b.At}
	var ss []float32
	var ssField, work *field
	if s.scaleShift {
		ss = noise(d, 9, 2*s.channels*s.images, 0, 0.3)
		ssField = r.input(d, 2*s.channels, place{0, 3}, ss)
		op.ScaleShift = ssField.Tensor
	}
	if n := op.Workspace(); n > 0 {
		work = r.output(Float32, 1, int(n)/4, place{})
		op.Work = work.At
	}
	var row []float32
	var rowField *field
	if s.row {
		row = noise(d, 10, s.channels*s.images, 1, 2)
		rowField = r.input(d, s.channels, place{1, 2}, row)
		op.Row = rowField.Tensor
	}
	names := r.run(op)
	got := r.read(y)
	if work != nil {
		r.read(work) // guards
	}
	r.unchanged(x)
	want, scale := groupNormReference(values, s, float64(eps), gamma, beta, ss, row)
	near(r.t, d, want, func(i int) float64 { return scale[i] }, got, "%v %+v by %v", d, s, names)
	r.free(x, y, g, b, ssField, rowField, work)
	return got, names
}

// groupNormReference is the formula of network_norm.cuh in two passes, and the size of its terms.
func groupNormReference(values []float32, s normShape, eps float64, gamma, beta, ss, row []float32) (want, scale []float64) {
	x, per := wide(values), s.channels/s.groups
	for i := range x {
		if row != nil {
			x[i] += float64(row[i/(s.channels*s.pixels)*s.channels+i%s.channels])
		}
	}
	want, scale = make([]float64, len(x)), make([]float64, len(x))
	for n := range s.images {
		for g := range s.groups {
			mean, variance, count := 0.0, 0.0, float64(per*s.pixels)
			each := func(f func(i, c int)) {
				for p := range s.pixels {
					for c := g * per; c < (g+1)*per; c++ {
						f((n*s.pixels+p)*s.channels+c, c)
					}
				}
			}
			each(func(i, _ int) { mean += x[i] / count })
			each(func(i, _ int) { variance += (x[i] - mean) * (x[i] - mean) / count })
			rstd := 1 / math.Sqrt(variance+eps)
			each(func(i, c int) {
				up, shift := 1.0, 0.0
				if ss != nil {
					up, shift = 1+float64(ss[2*s.channels*n+c]), float64(ss[2*s.channels*n+s.channels+c])
				}
				a := rstd * float64(gamma[c]) * up
				want[i] = activation64(s.act, (x[i]-mean)*a+float64(beta[c])*up+shift)
				// Of the mean's many terms some roundings stay, relative to the deviation and to the first value.
				rest := (math.Sqrt(variance) + math.Abs(x[n*s.pixels*s.channels+g*per]-mean)) / 10
				scale[i] = math.Abs((x[i]-mean)*a) + math.Abs(rest*a) + math.Abs(float64(beta[c])*up) + math.Abs(shift)
			})
		}
	}
	return want, scale
}

// activation64 are the formulas of package model in float64.
func activation64(a Activation, x float64) float64 {
	switch a {
	case SiLU:
		return x / (1 + math.Exp(-x))
	case Mish:
		if x > 300 {
			return x
		}
		return x * math.Tanh(math.Log1p(math.Exp(x)))
	case GELU:
		return x * math.Erfc(-x/math.Sqrt2) / 2
	case ReLU:
		return max(x, 0)
	case QuickGELU:
		return x / (1 + math.Exp(-1.702*x))
	case GELUTanh: // x/2 (1 + tanh u) with the tail's digits
		return x / (1 + math.Exp(-2*math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
	case Tanh:
		return math.Tanh(x)
	}
	return x
}

func testGroupNorm(r *rig) {
	half := place{before: 64, after: 0} // a slice of a concatenation
	for _, d := range dtypes {
		for _, c := range []struct {
			shape normShape
			want  []string // with suffixes left out
		}{
			// The bundled model.
			{normShape{1, 784, 32, 8, place{}, place{}, SiLU, false, false}, []string{"group_norm%s_v"}},
			{normShape{1, 196, 64, 8, place{}, place{}, SiLU, false, false}, []string{"group_norm%s_v"}},
			{normShape{2, 49, 128, 8, place{}, place{}, SiLU, false, false}, []string{"group_norm%s_v"}},
			{normShape{2, 49, 128, 8, place{}, place{}, Identity, false, false}, []string{"group_norm%s_v"}},
			{normShape{1, 49, 256, 8, place{}, place{}, SiLU, false, false}, []string{"group_norm%s_v"}},
			{normShape{1, 196, 192, 8, place{}, place{}, SiLU, false, false}, []string{"group_norm%s_v"}},
			{normShape{1, 784, 96, 8, place{}, place{}, SiLU, false, false}, nil},
			{normShape{1, 784, 64, 8, place{}, place{}, SiLU, false, false}, []string{"group_norm%s_v"}},
			// Slices, scale and shift, every activation.
			{normShape{2, 49, 64, 8, half, half, Mish, true, false}, []string{"group_norm%s_v"}},
			{normShape{2, 49, 64, 8, place{3, 5}, place{1, 2}, GELU, true, false}, []string{"group_norm%s"}},
			{normShape{1, 30, 40, 10, place{8, 8}, place{}, ReLU, false, false}, []string{"group_norm%s_v"}},
			{normShape{1, 30, 40, 10, place{}, place{}, QuickGELU, false, false}, []string{"group_norm%s_v"}},
			// A row.
			{normShape{3, 49, 64, 8, half, place{}, SiLU, false, true}, []string{"group_norm%s_v"}},
			{normShape{2, 30, 40, 10, place{1, 0}, place{}, Identity, true, true}, []string{"group_norm%s"}},
			{normShape{2, 3000, 40, 4, half, half, SiLU, true, true}, []string{"group_norm_stats%s_v", "group_norm_apply%s_v"}},
			{normShape{2, 2500, 10, 1, place{1, 0}, place{0, 1}, SiLU, false, true}, []string{"group_norm_stats%s", "group_norm_apply%s"}},
			// Odd ones: one channel, one pixel, channels that no vector divides, one group.
			{normShape{1, 49, 1, 1, place{}, place{}, SiLU, false, false}, []string{"group_norm%s"}},
			{normShape{3, 1, 24, 3, place{}, place{}, Identity, true, false}, []string{"group_norm%s_v"}},
			{normShape{1, 7, 30, 6, place{}, place{}, SiLU, true, false}, []string{"group_norm%s"}},
			{normShape{1, 9, 600, 1, place{}, place{}, Identity, false, false}, []string{"group_norm%s_v"}},
			{normShape{1, 5, 303, 3, place{}, place{}, Identity, false, false}, []string{"group_norm%s"}},
			// Two launches: the first tensors of Stable Diffusion, some rows of them; few and many channels.
			{normShape{1, 4 * 64, 320, 1, place{}, place{}, SiLU, false, false}, []string{"group_norm_stats%s_v", "group_norm_apply%s_v"}},
			{normShape{2, 3000, 40, 4, half, half, SiLU, true, false}, []string{"group_norm_stats%s_v", "group_norm_apply%s_v"}},
			{normShape{1, 2500, 10, 1, place{1, 0}, place{0, 1}, SiLU, true, false}, []string{"group_norm_stats%s", "group_norm_apply%s"}},
			{normShape{1, 2048 + 3, 28, 2, place{1, 0}, place{}, Identity, false, false}, []string{"group_norm_stats%s", "group_norm_apply%s"}},
			{normShape{1, 20, 2560, 2, place{}, place{}, SiLU, false, false}, []string{"group_norm_stats%s_v", "group_norm_apply%s_v"}},
			{normShape{1, 17, 1001, 1, place{}, place{}, SiLU, false, false}, []string{"group_norm_stats%s", "group_norm_apply%s"}},
		} {
			s := c.shape
			_, names := r.groupNorm(d, s, noise(d, 1, s.images*s.pixels*s.channels, 0.5, 2), 1e-5)
			if c.want != nil {
				require.Equal(r.t, forType(d, c.want), names, "%+v", s)
			}
		}
	}
}

// forType puts a type's suffix into names of kernels.
func forType(d DType, names []string) (out []string) {
	for _, n := range names {
		out = append(out, fmt.Sprintf(n, "_"+suffixes[d]))
	}
	return out
}

// testGroupNormHard: means far from zero, values without deviation, large ones, an outlier where sums begin, NaN.
func testGroupNormHard(r *rig) {
	for _, s := range []normShape{{images: 2, pixels: 100, channels: 16, groups: 2}, {images: 1, pixels: 3000, channels: 16, groups: 2}} {
		n := s.images * s.pixels * s.channels
		for _, d := range dtypes {
			r.groupNorm(d, s, noise(d, 2, n, -1000, 1), 1e-6)
			r.groupNorm(d, s, noise(d, 3, n, 3e4, 30), 1e-6)
			r.groupNorm(d, s, noise(d, 4, n, 1, 0), 1e-6)
			r.groupNorm(d, s, noise(d, 4, n, 0, 1e-4), 1e-6)
			outlier := noise(d, 5, n, 0, 1)
			for c := range s.channels {
				outlier[c] = 100
			}
			r.groupNorm(d, s, outlier, 1e-6)
			bad := noise(d, 6, n, 0, 1)
			bad[5*s.channels+1] = float32(math.NaN())
			bad[7*s.channels+9] = float32(math.Inf(-1))
			got, _ := r.groupNorm(d, s, bad, 1e-6) // both groups of the first image, and the reference agrees
			for i, v := range got[:s.pixels*s.channels] {
				require.True(r.t, v != v, "element %d is %g", i, v)
			}
		}
	}
}

// testGroupNormBatch: an image alone has the bits that it has in a batch, at any place.
func testGroupNormBatch(r *rig) {
	for _, d := range dtypes {
		for _, s := range []normShape{
			{pixels: 49, channels: 32, groups: 4, act: SiLU}, {pixels: 3000, channels: 24, groups: 3, act: SiLU},
			{pixels: 2000, channels: 10, groups: 1, act: SiLU},
		} {
			size := s.pixels * s.channels
			values := noise(d, 3, 3*size, 0.3, 1)
			s.images = 3
			all, _ := r.groupNorm(d, s, values, 1e-5)
			s.images = 1
			for n := range 3 {
				one, _ := r.groupNorm(d, s, values[n*size:(n+1)*size], 1e-5)
				sameBits(r.t, one, all[n*size:(n+1)*size], "image %d of %+v", n, s)
			}
		}
	}
}

func testLayerNorm(r *rig) {
	for _, d := range dtypes {
		for _, c := range []struct {
			rows, channels  int
			in, out         place
			mean, deviation float64
			wide            bool
		}{
			{11, 320, place{}, place{}, 0, 1, true}, {3, 1280, place{}, place{}, 0.2, 3, true}, {5, 768, place{}, place{}, 0, 1, true},
			{9, 64, place{8, 16}, place{16, 8}, 0, 1, true}, {1, 8, place{}, place{}, 0, 1, true}, {7, 40, place{1, 0}, place{}, 0, 1, false},
			{3, 1, place{}, place{}, 0, 1, false}, {4, 49, place{}, place{3, 0}, 0, 1, false}, {2, 333, place{}, place{}, 0, 1, false},
			{4, 320, place{}, place{}, 1000, 1, true}, {4, 320, place{}, place{}, 1, 0, true}, {4, 321, place{}, place{}, -1000, 1, false},
		} {
			values := noise(d, 1, c.rows*c.channels, c.mean, c.deviation)
			if c.rows == 7 {
				values[3*c.channels], values[5*c.channels+1] = float32(math.NaN()), float32(math.Inf(1))
			}
			got, names := r.layerNorm(d, c.rows, c.channels, c.in, c.out, values)
			require.Equal(r.t, map[bool]string{true: "layer_norm_" + suffixes[d] + "_v", false: "layer_norm_" + suffixes[d]}[c.wide],
				names[0], "%+v", c)
			one, _ := r.layerNorm(d, 1, c.channels, c.in, c.out, values[(c.rows-1)*c.channels:])
			sameBits(r.t, one, got[(c.rows-1)*c.channels:], "%+v", c)
		}
	}
}

// layerNorm is GroupNorm of one group, a token an image.
func (r *rig) layerNorm(d DType, rows, channels int, in, out place, values []float32) ([]float32, []string) {
	r.t.Helper()
	x, y := r.input(d, channels, in, values), r.output(d, rows, channels, out)
	gamma, beta := noise(Float32, 7, channels, 1, 0.3), noise(Float32, 8, channels, 0, 0.5)
	g, b := r.params(gamma), r.params(beta)
	names := r.run(LayerNorm{Type: d, Rows: rows, Channels: channels, Eps: 1e-5, X: x.Tensor, Y: y.Tensor, Gamma: g.At, Beta: b.At})
	got := r.read(y)
	r.unchanged(x)
	s := normShape{images: rows, pixels: 1, channels: channels, groups: 1}
	want, scale := groupNormReference(values, s, 1e-5, gamma, beta, nil, nil)
	near(r.t, d, want, func(i int) float64 { return scale[i] }, got, "%v %d tokens of %d", d, rows, channels)
	r.free(x, y, g, b)
	return got, names
}

// TestMismatch: the comparison itself sees what is wrong.
func TestMismatch(t *testing.T) {
	nan := float32(math.NaN())
	for _, c := range []struct {
		d    DType
		want float64
		got  float32
		same bool
	}{
		{Float32, 1, 1, true}, {Float32, 1, 1 + 1e-6, true}, {Float32, 1, 1 + 3e-6, false}, {Float32, 1, nan, false},
		{Float32, math.NaN(), nan, true}, {Float32, math.NaN(), 1, false}, {Float32, math.Inf(1), float32(math.Inf(1)), true},
		{Float32, math.Inf(1), 3e38, false}, {Float16, 1, 1 + 1.0/1024, false}, {Float16, 1 + 1.0/2048, 1, true},
		{Float16, 70000, float32(math.Inf(1)), true}, {BFloat16, 1, 1 + 1.0/128, false},
	} {
		i, report := mismatch(c.d, []float64{c.want}, flat(1), []float32{c.got})
		require.Equal(t, c.same, i < 0, "%+v: %s", c, report)
	}
}
