//go:build cuda

package netkernels

import (
	"math"

	"github.com/stretchr/testify/require"
)

// adaReference is AdaLayerNorm as a GroupNorm of one group, a token an image, with the vectors of its image.
func adaReference(values, scale, shift []float32, rows, perImage, channels int, eps float64) (want, size []float64) {
	ones, ss := make([]float32, channels), make([]float32, 0, 2*rows*channels)
	for i := range ones {
		ones[i] = 1
	}
	for row := range rows {
		at := row / perImage * channels
		ss = append(append(ss, scale[at:at+channels]...), shift[at:at+channels]...)
	}
	return groupNormReference(values, normShape{images: rows, pixels: 1, channels: channels, groups: 1}, eps, ones,
		make([]float32, channels), ss, nil)
}

// testAdaLayerNorm: scale and shift are parts of one vector, as networks have them.
func testAdaLayerNorm(r *rig) {
	for _, d := range dtypes {
		for _, c := range []struct {
			images, perImage, channels int
			in, out                    place
			mean, deviation            float64
			wide                       bool
		}{
			{2, 5, 1152, place{}, place{}, 0, 1, true}, {3, 4, 64, place{8, 16}, place{16, 8}, 0.2, 3, true}, {1, 9, 24, place{}, place{}, 0, 1, true},
			{2, 3, 40, place{1, 0}, place{}, 0, 1, false}, {3, 1, 1, place{}, place{}, 0, 1, false}, {2, 2, 333, place{}, place{}, 0, 1, false},
			{2, 7, 320, place{}, place{}, 1000, 1, true}, {1, 3, 320, place{}, place{}, 1, 0, true},
		} {
			rows := c.images * c.perImage
			values := noise(d, 1, rows*c.channels, c.mean, c.deviation)
			if c.perImage == 5 {
				values[6*c.channels], values[8*c.channels+1] = float32(math.NaN()), float32(math.Inf(1))
			}
			shift, scale := noise(d, 2, c.images*c.channels, 0, 0.5), noise(d, 3, c.images*c.channels, 0, 0.5)
			var vectors []float32 // shift, scale and a gate
			for n := range c.images {
				part := func(v []float32) []float32 { return v[n*c.channels : (n+1)*c.channels] }
				vectors = append(append(append(vectors, part(shift)...), part(scale)...), part(shift)...)
			}
			x, y := r.input(d, c.channels, c.in, values), r.output(d, rows, c.channels, c.out)
			v := r.input(d, 3*c.channels, place{}, vectors)
			second := Tensor{v.At + uint64(c.channels)*uint64(d.size()), v.Stride}
			op := AdaLayerNorm{Type: d, Rows: rows, RowsPerImage: c.perImage, Channels: c.channels, Eps: 1e-6, X: x.Tensor,
				Y: y.Tensor, Scale: second, Shift: v.Tensor}
			require.Equal(r.t, []string{kernelName("ada_layer_norm", d, c.wide)}, r.run(op), "%+v", c)
			got := r.read(y)
			want, size := adaReference(values, scale, shift, rows, c.perImage, c.channels, 1e-6)
			near(r.t, d, want, func(i int) float64 { return size[i] }, got, "%v %+v", d, c)
			last := op // the last image alone
			last.Rows, last.X, last.Y = c.perImage, x.from(rows-c.perImage), y.from(rows-c.perImage)
			last.Scale.At += uint64((c.images - 1) * v.Stride * int(d.size()))
			last.Shift = v.from(c.images - 1)
			r.run(last)
			sameBits(r.t, got, r.read(y), "%v %+v", d, c)
			r.unchanged(x)
			r.unchanged(v)
			r.free(x, y, v)
		}
	}
}

// shuffleReference is Shuffle as torch's pixel_unshuffle and the patches of diffusers have it, in loops over pixels.
func shuffleReference(o Shuffle, x []float64) []float64 {
	y, s := make([]float64, len(x)), o.Side
	for n := range o.Images {
		for h := range o.H {
			for w := range o.W {
				for p := range s {
					for q := range s {
						for c := range o.Channels {
							pixel := (((n*o.H+h)*s+p)*o.W+w)*s + q
							block, k := (n*o.H+h)*o.W+w, (p*s+q)*o.Channels+c
							if o.ChannelsFirst {
								k = (c*s+p)*s + q
							}
							if k += block * s * s * o.Channels; o.Back {
								y[pixel*o.Channels+c] = x[k]
							} else {
								y[k] = x[pixel*o.Channels+c]
							}
						}
					}
				}
			}
		}
	}
	return y
}

// testShuffle moves pixels to channels and back, in both orders.
func testShuffle(r *rig) {
	for _, d := range dtypes {
		for _, c := range []struct {
			images, h, w, side, channels int
			pixels, blocks               place
		}{
			{2, 3, 5, 2, 4, place{}, place{}}, {1, 4, 4, 2, 16, place{8, 0}, place{0, 8}}, {3, 2, 1, 3, 1, place{1, 2}, place{}},
			{2, 1, 2, 1, 5, place{}, place{1, 1}}, {1, 1, 1, 4, 3, place{}, place{}},
		} {
			for _, first := range []bool{false, true} {
				n := c.images * c.h * c.w
				values := noise(d, 1, n*c.side*c.side*c.channels, 0, 1)
				values[len(values)/2] = float32(math.NaN())
				x, y := r.input(d, c.channels, c.pixels, values), r.output(d, n, c.side*c.side*c.channels, c.blocks)
				op := Shuffle{Type: d, ChannelsFirst: first, Images: c.images, H: c.h, W: c.w, Side: c.side, Channels: c.channels,
					X: x.Tensor, Y: y.Tensor}
				require.Equal(r.t, []string{kernelName("shuffle", d, false)}, r.run(op))
				got := r.read(y)
				near(r.t, d, shuffleReference(op, wide(values)), flat(0), got, "%v %+v", d, op)
				back := r.output(d, n*c.side*c.side, c.channels, c.pixels)
				op.Back, op.X, op.Y = true, y.Tensor, back.Tensor
				require.Equal(r.t, []string{kernelName("unshuffle", d, false)}, r.run(op))
				sameBits(r.t, values, r.read(back), "%v %+v", d, op)
				r.free(x, y, back)
			}
		}
	}
}
