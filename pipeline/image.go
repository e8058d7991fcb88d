package pipeline

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"math"

	"github.com/cudiffuse/cudiffuse/sampler"
)

// ErrNotFinite is returned when a sample holds NaN or infinity: the network overflowed, usually from a
// guidance scale that is far too large.
var ErrNotFinite = errors.New("the sample is not finite: try a smaller guidance scale")

// Pixels converts a sample [C, H, W] within [-1, 1] to an image of 8 bits a channel, C being 1 (grey) or 3
// (red, green, blue):
//
//	pixel = round((x+1)/2*255), clipped to 0..255
func Pixels(x []float32, c, h, w int) (image.Image, error) {
	if c != 1 && c != 3 || len(x) == 0 || len(x) != sampler.Elems([]int{c, h, w}) {
		return nil, &RequestError{Field: "sample", Value: fmt.Sprintf("%d values as %dx%dx%d", len(x), c, h, w),
			Want: "channels*height*width values, of 1 or 3 channels"}
	}
	if !finite(x) {
		return nil, ErrNotFinite
	}
	if c == 1 {
		img := image.NewGray(image.Rect(0, 0, w, h))
		for i, v := range x {
			img.Pix[i] = level(v)
		}
		return img, nil
	}
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	n := h * w
	for i := range n {
		img.SetNRGBA(i%w, i/w, color.NRGBA{R: level(x[i]), G: level(x[n+i]), B: level(x[2*n+i]), A: 255})
	}
	return img, nil
}

func finite(x []float32) bool {
	for _, v := range x {
		if v != v || math.IsInf(float64(v), 0) {
			return false
		}
	}
	return true
}

func level(v float32) uint8 {
	return uint8(math.RoundToEven(math.Max(0, math.Min(255, (float64(v)+1)*127.5))))
}

// Grid puts images of one size into a sheet with the given number of columns, each pixel drawn zoom times
// as large.
func Grid(images []Image, columns, zoom int) (image.Image, error) {
	if len(images) == 0 || columns < 1 || zoom < 1 {
		return nil, &RequestError{Field: "grid", Value: fmt.Sprintf("%d images, %d columns, zoom %d",
			len(images), columns, zoom), Want: "at least one of each"}
	}
	size, err := oneSize(images)
	if err != nil {
		return nil, err
	}
	columns = min(columns, len(images))
	rows := (len(images) + columns - 1) / columns
	w, h := columns*size.X, rows*size.Y
	if zoom > MaxSide/max(w, h) {
		return nil, &RequestError{Field: "grid", Value: fmt.Sprintf("%dx%d pixels, zoom %d", w, h, zoom),
			Want: fmt.Sprintf("sides of at most %d", MaxSide)}
	}
	_, grey := images[0].Image.(*image.Gray)
	sheet := newSheet(w*zoom, h*zoom, grey)
	for i, img := range images {
		x0, y0 := i%columns*size.X, i/columns*size.Y
		min := img.Bounds().Min
		for y := range size.Y * zoom {
			for x := range size.X * zoom {
				sheet.Set(x0*zoom+x, y0*zoom+y, img.At(min.X+x/zoom, min.Y+y/zoom))
			}
		}
	}
	return sheet, nil
}

// oneSize returns the size of all the images.
func oneSize(images []Image) (image.Point, error) {
	var size image.Point
	for i, img := range images {
		if img.Image == nil || img.Bounds().Empty() {
			return size, &RequestError{Field: "grid", Value: fmt.Sprintf("image %d is empty", i), Want: "pixels"}
		}
		if s := img.Bounds().Size(); i == 0 {
			size = s
		} else if s != size {
			return size, &RequestError{Field: "grid", Value: fmt.Sprintf("image %d of %v", i, s),
				Want: fmt.Sprintf("the size of the first, %v", size)}
		}
	}
	return size, nil
}

// MaxSide bounds the sides of a sheet in pixels.
const MaxSide = 1 << 15

type sheet interface {
	image.Image
	Set(x, y int, c color.Color)
}

func newSheet(w, h int, grey bool) sheet {
	if grey {
		return image.NewGray(image.Rect(0, 0, w, h))
	}
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := 3; i < len(img.Pix); i += 4 {
		img.Pix[i] = 255
	}
	return img
}
