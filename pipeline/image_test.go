package pipeline_test

import (
	"image"
	"image/color"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/pipeline"
)

// TestPixels: the ends, the middle, values outside and ties, which go to the even level.
func TestPixels(t *testing.T) {
	level := func(k float64) float32 { return float32(k/127.5 - 1) }
	up := float32(math.Nextafter32(level(1), 2))
	for v, want := range map[float32]uint8{-1: 0, 1: 255, 0: 128, -1.0001: 0, 1.0001: 255, -1e30: 0, 1e30: 255,
		level(1): 1, up: 1, level(0.49): 0, level(0.51): 1, level(254.51): 255, level(254.49): 254,
		float32(math.Copysign(0, -1)): 128} {
		img, err := pipeline.Pixels([]float32{v}, 1, 1, 1)
		require.NoError(t, err)
		require.Equal(t, want, img.(*image.Gray).Pix[0], "%v", v)
	}
	for k := range 256 { // each level is hit by its own value
		img, err := pipeline.Pixels([]float32{level(float64(k))}, 1, 1, 1)
		require.NoError(t, err)
		require.Equal(t, uint8(k), img.(*image.Gray).Pix[0])
	}
	rgb, err := pipeline.Pixels([]float32{-1, 0, 1, 1, 1, -1, 0, 1, -1, 1, -1, 1}, 3, 2, 2)
	require.NoError(t, err)
	// Planes of red, green and blue, each row by row.
	for i, want := range []color.NRGBA{{0, 255, 0, 255}, {128, 0, 255, 255}, {255, 128, 0, 255}, {255, 255, 255, 255}} {
		require.Equal(t, want, rgb.At(i%2, i/2))
	}
}

// TestPixelsErrors: what is not a picture.
func TestPixelsErrors(t *testing.T) {
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		_, err := pipeline.Pixels([]float32{0, float32(v)}, 1, 1, 2)
		require.ErrorIs(t, err, pipeline.ErrNotFinite)
	}
	for _, c := range [][4]int{{4, 1, 2, 3}, {6, 2, 1, 3}, {4, 4, 1, 1}, {0, 1, 0, 0}, {1, 1, -1, -1}, {0, 1, 1 << 32, 1 << 32},
		{0, 3, 1 << 31, 1 << 31}, {1, 1, 1, 0}} {
		_, err := pipeline.Pixels(make([]float32, c[0]), c[1], c[2], c[3])
		var e *pipeline.RequestError
		require.ErrorAs(t, err, &e, "%v", c)
	}
}

// flat is an image of one colour, away from the origin.
func flat(c color.Color, grey bool) pipeline.Image {
	r := image.Rect(7, 9, 10, 11) // 3x2
	if grey {
		img := image.NewGray(r)
		for i := range img.Pix {
			img.Pix[i] = color.GrayModel.Convert(c).(color.Gray).Y
		}
		return pipeline.Image{Image: img}
	}
	img := image.NewNRGBA(r)
	for i := range 6 {
		img.Set(7+i%3, 9+i/3, c)
	}
	return pipeline.Image{Image: img}
}

// TestGrid: five images in two columns, zoomed; the missing sixth is black.
func TestGrid(t *testing.T) {
	for _, grey := range []bool{true, false} {
		var images []pipeline.Image
		for i := range 5 {
			images = append(images, flat(color.Gray{Y: uint8(40 * (i + 1))}, grey))
		}
		sheet, err := pipeline.Grid(images, 2, 3)
		require.NoError(t, err)
		require.Equal(t, image.Rect(0, 0, 2*3*3, 3*2*3), sheet.Bounds())
		for y := range 18 {
			for x := range 18 {
				want := color.Gray{}
				if k := y/6*2 + x/9; k < 5 {
					want.Y = uint8(40 * (k + 1))
				}
				require.Equal(t, want, color.GrayModel.Convert(sheet.At(x, y)), "%d %d", x, y)
				_, _, _, a := sheet.At(x, y).RGBA()
				require.Equal(t, uint32(0xffff), a)
			}
		}
		wide, err := pipeline.Grid(images, 100, 1)
		require.NoError(t, err)
		require.Equal(t, image.Rect(0, 0, 15, 2), wide.Bounds())
	}
}

// TestGridErrors: nothing to draw, or too much.
func TestGridErrors(t *testing.T) {
	one := []pipeline.Image{flat(color.White, true)}
	for name, err := range map[string]error{
		"no images":  second(pipeline.Grid(nil, 1, 1)),
		"columns":    second(pipeline.Grid(one, 0, 1)),
		"zoom":       second(pipeline.Grid(one, 1, 0)),
		"too large":  second(pipeline.Grid(one, 1, 1<<15)),
		"overflow":   second(pipeline.Grid(one, math.MaxInt, math.MaxInt)),
		"nil":        second(pipeline.Grid([]pipeline.Image{{}}, 1, 1)),
		"empty":      second(pipeline.Grid([]pipeline.Image{{Image: image.NewGray(image.Rectangle{})}}, 1, 1)),
		"other size": second(pipeline.Grid(append(one, pipeline.Image{Image: picture(true)}), 1, 1)),
	} {
		var e *pipeline.RequestError
		require.ErrorAs(t, err, &e, name)
	}
}

func second[T any](_ T, err error) error { return err }
