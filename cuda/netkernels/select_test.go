//go:build cuda

package netkernels

import "github.com/stretchr/testify/require"

func testSelect(r *rig) {
	for _, d := range dtypes {
		for _, c := range []struct {
			images, pixels, channels int
			x, y                     place
		}{{3, 77, 64, place{}, place{}}, {1, 1, 1, place{}, place{}}, {2, 5, 7, place{1, 2}, place{0, 3}}} {
			values, index := noise(d, 3, c.images*c.pixels*c.channels, 0, 1), []int32{int32(c.pixels) - 1, 0, 5}[:c.images]
			at := r.ints(index)
			x, y := r.input(d, c.channels, c.x, values), r.output(d, c.images, c.channels, c.y)
			r.run(Select{Type: d, Images: c.images, Pixels: c.pixels, Channels: c.channels, Index: at.Ptr(), X: x.Tensor, Y: y.Tensor})
			var want []float32
			for n, i := range index {
				want = append(want, values[(n*c.pixels+int(i))*c.channels:][:c.channels]...)
			}
			sameBits(r.t, want, r.read(y), "%v %+v", d, c)
			r.unchanged(x)
			r.free(x, y)
			require.NoError(r.t, at.Free())
		}
	}
}
