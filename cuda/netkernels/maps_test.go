//go:build cuda

package netkernels

import (
	"math"

	"github.com/stretchr/testify/require"
)

func kernelName(base string, d DType, wide bool) string {
	base += "_" + suffixes[d]
	if wide {
		base += "_v"
	}
	return base
}

func testGEGLU(r *rig) {
	for _, d := range dtypes {
		for _, c := range []struct {
			rows, channels int
			in, out        place
			wide           bool
		}{
			{3, 1280, place{}, place{}, true}, {7, 8, place{}, place{}, true}, {5, 16, place{8, 24}, place{16, 0}, true},
			{1, 1, place{}, place{}, false}, {49, 7, place{}, place{}, false}, {5, 16, place{1, 0}, place{}, false},
			{5, 16, place{}, place{0, 1}, false},
		} {
			values := noise(d, 1, 2*c.rows*c.channels, 0, 3)
			if c.rows == 7 {
				values[1], values[20], values[40] = float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))
			}
			x, y := r.input(d, 2*c.channels, c.in, values), r.output(d, c.rows, c.channels, c.out)
			names := r.run(GEGLU{Type: d, Rows: c.rows, Channels: c.channels, X: x.Tensor, Y: y.Tensor})
			require.Equal(r.t, []string{kernelName("geglu", d, c.wide)}, names)
			want := make([]float64, c.rows*c.channels)
			scale := make([]float64, len(want))
			for i := range want {
				at := i/c.channels*2*c.channels + i%c.channels
				a, b := float64(values[at]), float64(values[at+c.channels])
				want[i] = a * activation64(GELU, b)
				scale[i] = math.Abs(a * b * tail(b))
			}
			near(r.t, d, want, func(i int) float64 { return scale[i] }, r.read(y), "%v %+v", d, c)
			r.unchanged(x)
			r.free(x, y)
		}
	}
}

// tail is the share of a GELU's argument that its error is measured by: 1 + erf loses digits below zero.
func tail(x float64) float64 { return max(0.05, min(1, math.Erfc(-x/math.Sqrt2)/2)) }

// testActivations: the functions alone, over what numbers they meet.
func testActivations(r *rig) {
	values := []float32{0, float32(math.Copysign(0, -1)), 1e-30, -1e-30, 3e38, -3e38, float32(math.Inf(1)), float32(math.Inf(-1)),
		float32(math.NaN())}
	for x := float32(-110); x <= 110; x += 0.173 {
		values = append(values, x, x/16)
	}
	for _, a := range []Activation{Identity, SiLU, Mish, GELU, ReLU, QuickGELU, GELUTanh, Tanh} {
		for _, d := range dtypes {
			in := make([]float32, len(values))
			for i, v := range values {
				in[i] = stored(d).Round(v)
			}
			x, y := r.input(d, 1, place{}, in), r.output(d, len(in), 1, place{})
			r.run(Pointwise{Type: d, Op: Activate, Act: a, Rows: len(in), RowsPerImage: 1, Channels: 1, X: x.Tensor, Y: y.Tensor})
			want := make([]float64, len(in))
			for i, v := range in {
				want[i] = activation64(a, float64(v))
				if math.IsInf(float64(v), -1) && a != Identity && a != ReLU && a != Tanh {
					want[i] = math.NaN() // -Inf times 0; package model gives it too
				}
			}
			got := r.read(y)
			near(r.t, d, want, func(i int) float64 {
				e := math.Abs(want[i])
				if a == GELU { // 1 + erf is right to half a last place of 1
					e = max(e, math.Abs(float64(in[i]))*0.05)
				}
				if a == GELUTanh { // the tail's exponent is large and has float32's roundings
					e = max(e, math.Abs(float64(in[i]))*0.05)
				}
				if a == Tanh { // 1 less a quotient: right to last places of 1
					e = max(e, 0.1)
				}
				if a == QuickGELU { // 1.702 x is rounded before the exponential
					e *= 1 + math.Abs(float64(in[i]))/20
				}
				return e + 2e-31 // what is below 4e-37 may be 0
			}, got, "%v %d", d, a)
			r.free(x, y)
		}
	}
}

// resizeReference is Resize in float64: filters with zeros outside.
func resizeReference(o Resize, x []float64) []float64 {
	at := func(n, h, w, c int) float64 {
		if h < 0 || w < 0 || h >= o.H || w >= o.W {
			return 0
		}
		return x[((n*o.H+h)*o.W+w)*o.Channels+c]
	}
	fir := []float64{1, 3, 3, 1}
	var y []float64
	for n := range o.Images {
		for h := range o.OH {
			for w := range o.OW {
				for c := range o.Channels {
					sum := 0.0
					switch o.Mode {
					case UpNearest:
						sum = at(n, h/2, w/2, c)
					case DownMean:
						sum = (at(n, 2*h, 2*w, c) + at(n, 2*h, 2*w+1, c) + at(n, 2*h+1, 2*w, c) + at(n, 2*h+1, 2*w+1, c)) / 4
					case DownFIR: // padded by 1
						for i, a := range fir {
							for j, b := range fir {
								sum += a * b * at(n, 2*h+i-1, 2*w+j-1, c) / 64
							}
						}
					case UpFIR: // zeros behind every pixel, padded by 2 and 1
						for i, a := range fir {
							for j, b := range fir {
								if u, v := h+i-2, w+j-2; u%2 == 0 && v%2 == 0 {
									sum += a * b * at(n, u/2, v/2, c) / 16
								}
							}
						}
					}
					y = append(y, sum)
				}
			}
		}
	}
	return y
}

func testResize(r *rig) {
	for _, d := range dtypes {
		for _, c := range []struct {
			mode             ResizeMode
			images, h, w     int
			oh, ow, channels int
			in, out          place
			wide             bool
		}{
			{UpNearest, 2, 7, 7, 14, 14, 128, place{}, place{}, true}, {UpNearest, 1, 14, 14, 28, 28, 64, place{}, place{0, 32}, true},
			{UpNearest, 2, 4, 4, 7, 7, 24, place{8, 0}, place{}, true}, {UpNearest, 1, 3, 5, 6, 9, 5, place{}, place{1, 1}, false},
			{UpNearest, 2, 1, 1, 1, 2, 1, place{}, place{}, false}, {UpNearest, 1, 3, 5, 5, 10, 16, place{1, 0}, place{}, false},
			{DownMean, 2, 8, 6, 4, 3, 16, place{}, place{}, true}, {DownMean, 1, 7, 7, 3, 3, 16, place{0, 8}, place{8, 0}, true},
			{DownMean, 2, 7, 2, 3, 1, 3, place{}, place{}, false},
			{UpFIR, 2, 4, 5, 8, 10, 16, place{}, place{}, true}, {UpFIR, 2, 1, 3, 2, 6, 3, place{2, 1}, place{1, 2}, false},
			{DownFIR, 2, 8, 6, 4, 3, 16, place{}, place{}, true}, {DownFIR, 2, 7, 5, 3, 2, 16, place{}, place{}, true},
			{DownFIR, 1, 2, 3, 1, 1, 1, place{}, place{}, false},
		} {
			values := noise(d, 1, c.images*c.h*c.w*c.channels, 0, 1)
			if c.images == 2 && c.h == 7 {
				values[len(values)/2+1] = float32(math.NaN())
			}
			x := r.input(d, c.channels, c.in, values)
			y := r.output(d, c.images*c.oh*c.ow, c.channels, c.out)
			op := Resize{Type: d, Mode: c.mode, Images: c.images, H: c.h, W: c.w, OH: c.oh, OW: c.ow, Channels: c.channels,
				X: x.Tensor, Y: y.Tensor}
			require.Equal(r.t, []string{kernelName("resize", d, c.wide)}, r.run(op))
			want := resizeReference(op, wide(values))
			scale := 1.0
			if c.mode == UpNearest {
				scale = 0 // a copy
			}
			got := r.read(y)
			near(r.t, d, want, flat(scale), got, "%v %+v", d, c)
			r.unchanged(x)
			last := op // the last image alone
			last.Images = 1
			last.X, last.Y = x.from((c.images-1)*c.h*c.w), y.from((c.images-1)*c.oh*c.ow)
			r.run(last)
			sameBits(r.t, got, r.read(y), "%v %+v", d, c)
			r.free(x, y)
		}
	}
}

func testPointwise(r *rig) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, d := range dtypes {
		for _, op := range []PointwiseOp{Copy, Activate, Affine, Sum, AddRow, DivRow, AddImage, Gate} {
			for _, c := range []struct {
				images, pixels, channels int
				in, out                  place
				wide                     bool
			}{
				{2, 49, 128, place{}, place{}, true}, {1, 49, 128, place{}, place{128, 0}, true}, {3, 5, 24, place{8, 0}, place{0, 16}, true},
				{2, 49, 1, place{}, place{}, false}, {3, 7, 9, place{}, place{2, 3}, false}, {2, 5, 16, place{1, 0}, place{}, false},
				{2, 1, 16, place{}, place{0, 1}, false},
			} {
				rows := c.images * c.pixels
				values, other := noise(d, 1, rows*c.channels, 0, 2), noise(d, 2, rows*c.channels, 0, 2)
				if c.images == 3 {
					values[1], values[2], values[3] = nan, inf, -inf
				}
				bRows := rows
				switch op {
				case AddRow:
					bRows = c.images
				case AddImage:
					bRows = c.pixels
				}
				other = other[:bRows*c.channels]
				times := noise(Float32, 3, c.images, 3, 0.2)
				gates := noise(d, 4, c.images*c.channels, 0, 1)
				x, y, b, t := r.input(d, c.channels, c.in, values), r.output(d, rows, c.channels, c.out),
					r.input(d, c.channels, c.in, other), r.params(times)
				g := r.input(d, c.channels, c.in, gates)
				o := Pointwise{Type: d, Op: op, Act: SiLU, Rows: rows, RowsPerImage: c.pixels, Channels: c.channels,
					X: x.Tensor, Y: y.Tensor, Mul: 1.7, Add: 1.4142135}
				switch op {
				case Sum, AddRow, AddImage:
					o.B = b.Tensor
				case Gate:
					o.B, o.G = b.Tensor, g.Tensor
				case DivRow:
					o.T = t.At
				}
				require.Equal(r.t, []string{kernelName("pointwise", d, c.wide)}, r.run(o))
				want, scale := make([]float64, len(values)), make([]float64, len(values))
				for i, v := range wide(values) {
					scale[i] = math.Abs(v)
					switch image := i / (c.pixels * c.channels); op {
					case Copy:
						want[i], scale[i] = v, 0
					case Activate:
						want[i] = activation64(SiLU, v)
						if math.IsInf(v, -1) {
							want[i] = math.NaN()
						}
					case Affine:
						want[i], scale[i] = v*float64(o.Mul)+float64(o.Add), scale[i]+1
					case Sum:
						want[i], scale[i] = (v+float64(other[i]))/float64(o.Add), scale[i]+math.Abs(float64(other[i]))
					case AddRow:
						e := float64(other[image*c.channels+i%c.channels])
						want[i], scale[i] = v+e, scale[i]+math.Abs(e)
					case AddImage:
						e := float64(other[i%(c.pixels*c.channels)])
						want[i], scale[i] = v+e, scale[i]+math.Abs(e)
					case Gate:
						e := float64(gates[image*c.channels+i%c.channels]) * float64(other[i])
						want[i], scale[i] = v+e, scale[i]+math.Abs(e)
					case DivRow:
						want[i] = v / float64(times[image])
					}
				}
				got := r.read(y)
				near(r.t, d, want, func(i int) float64 { return scale[i] }, got, "%v %d %+v", d, op, c)
				r.unchanged(x)
				// The last image alone.
				o.Rows, o.X, o.Y = c.pixels, x.from(rows-c.pixels), y.from(rows-c.pixels)
				switch op {
				case Sum, AddRow:
					o.B = b.from(bRows - bRows/c.images)
				case Gate:
					o.B, o.G = b.from(rows-c.pixels), g.from(c.images-1)
				case DivRow:
					o.T += uint64(4 * (c.images - 1))
				}
				r.run(o)
				sameBits(r.t, got, r.read(y), "%v %d %+v", d, op, c)
				r.free(x, y, b, t, g)
			}
		}
	}
}
