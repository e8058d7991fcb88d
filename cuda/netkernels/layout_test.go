//go:build cuda

package netkernels

import (
	"math"
	"strings"

	"github.com/stretchr/testify/require"
)

// testLayout moves images to rows and back, all of a batch or some of them, from every type to every type.
func testLayout(r *rig) {
	for _, d := range dtypes {
		for _, from := range dtypes {
			for _, c := range []struct {
				images, pixels, channels int
				rows                     place
			}{
				{1, 784, 1, place{}}, {2, 64, 3, place{}}, {2, 100, 4, place{0, 4}}, {3, 49, 9, place{2, 1}}, {1, 1, 1, place{}},
				{2, 77, 40, place{}}, {2, 49, 130, place{1, 3}}, {1, 33, 16, place{}}, {1, 70, 64, place{8, 0}}, {3, 1, 33, place{}},
			} {
				r.layout(d, from, c.images, c.pixels, c.channels, c.rows, nil)
				r.layout(d, from, c.images, c.pixels, c.channels, c.rows, []int32{int32(c.images) + 1, 0})
			}
		}
	}
}

// layout moves images of a type to rows of another and back; the index names them among images + 2.
func (r *rig) layout(d, from DType, images, pixels, channels int, p place, index []int32) {
	r.t.Helper()
	all, size := images, pixels*channels
	op := Layout{Type: d, ToRows: true, Images: images, Pixels: pixels, Channels: channels, Convert: from != d, ImageType: from}
	if index != nil {
		all, op.Images = images+2, len(index)
		table := r.ints(index)
		defer func() { require.NoError(r.t, table.Free()) }()
		op.Index = table.Ptr()
	}
	values := noise(from, 1, all*size, 0, 1)
	values[size/2] = float32(math.NaN())
	image := r.input(from, size, place{}, values)
	rows, back := r.output(d, op.Images*pixels, channels, p), r.output(from, all, size, place{})
	op.Image, op.Rows = image.At, rows.Tensor
	names := r.run(op)
	require.Equal(r.t, channels >= 16, strings.Contains(names[0], "_tiled_"))
	untouched := r.read(back)
	want, there := make([]float64, op.Images*size), wide(untouched)
	for i := range want {
		n, ch := i/size, i%channels
		if index != nil {
			n = int(index[n])
		}
		at := (n*channels+ch)*pixels + i/channels%pixels
		want[i] = float64(values[at])
		there[at] = float64(stored(d).Round(values[at]))
	}
	near(r.t, d, want, flat(0), r.read(rows), "%v from %v, %d x %d x %d", d, from, images, pixels, channels)
	op.ToRows, op.Image = false, back.At
	r.run(op)
	near(r.t, from, there, flat(0), r.read(back), "%v to %v, %d x %d x %d", d, from, images, pixels, channels)
	r.unchanged(image)
	r.free(image, rows, back)
}
