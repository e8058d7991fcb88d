package pipeline

import (
	"image"
	"image/color"
	"math"
)

// maxMaskBlur bounds the blur of a mask in pixels.
const maxMaskBlur = 1 << 10

// maskBits is a mask in the size of the image, true where to draw anew: its luminance (ITU-R 601-2, rounded as
// Pillow's convert("L"); transparency is ignored), blurred, is at least a half.
func maskBits(img image.Image, blur float64) []bool {
	b := img.Bounds()
	w, h := b.Dx(), b.Dy()
	x := make([]uint8, w*h)
	for i := range x {
		c := color.NRGBAModel.Convert(img.At(b.Min.X+i%w, b.Min.Y+i/w)).(color.NRGBA)
		x[i] = uint8((19595*uint32(c.R) + 38470*uint32(c.G) + 7471*uint32(c.B) + 1<<15) >> 16)
	}
	if blur > 0 {
		gaussianBlur(x, w, h, blur)
	}
	bits := make([]bool, len(x))
	for i, v := range x {
		bits[i] = v >= 128 // v/255 >= 0.5
	}
	return bits
}

// latentMask is a mask in the size of the latents, 1 where to draw anew: of each f x f pixels the first, as
// torch's interpolate in its mode "nearest".
func latentMask(bits []bool, w, h, f int) []float32 {
	m := make([]float32, (h/f)*(w/f))
	for i := range m {
		y, x := i/(w/f), i%(w/f)
		if bits[y*f*w+x*f] {
			m[i] = 1
		}
	}
	return m
}

// maskedPlanes is an image [3, H, W] whose pixels under the mask are 0, the gray in the middle.
func maskedPlanes(x []float32, bits []bool) []float32 {
	for i, b := range bits {
		if b {
			for c := range 3 {
				x[c*len(bits)+i] = 0
			}
		}
	}
	return x
}

// gaussianBlur is Pillow's GaussianBlur(sigma), which diffusers blurs masks with: three box blurs in each
// direction, of a width that need not be whole (Gwosdek et al., "Theoretical Foundations of Gaussian Convolution
// by Extended Box Filtering", 2011), each rounded to 8 bits.
func gaussianBlur(x []uint8, w, h int, sigma float64) {
	const passes = 3
	s := sigma * sigma / passes
	l := math.Floor((math.Sqrt(float64(12*s)+1) - 1) / 2)
	a := (float64(2*l) + 1) * (float64(l*(l+1)) - float64(3*s)) / (6 * (s - float64((l+1)*(l+1))))
	radius := float32(l + a)
	line := make([]uint8, max(w, h))
	for range passes {
		for y := range h {
			boxBlur(x[y*w:], 1, w, radius, line)
		}
	}
	for range passes {
		for i := range w {
			boxBlur(x[i:], w, h, radius, line)
		}
	}
}

// boxBlur averages n values at x[0], x[stride], ... over radius to both sides; those beyond an end are the end's.
// What a radius has beyond a whole number weighs the two outermost. Weights are in 2^-24.
func boxBlur(x []uint8, stride, n int, radius float32, line []uint8) {
	r := int(radius)
	weight := uint64(1 << 24 / (2*radius + 1))
	outer := (1<<24 - uint64(2*r+1)*weight) / 2
	at := func(i int) uint64 { return uint64(x[min(max(i, 0), n-1)*stride]) }
	var sum uint64
	for i := -r - 1; i < r; i++ {
		sum += at(i)
	}
	for i := range n {
		sum += at(i+r) - at(i-r-1) // unsigned numbers wrap; the sum does not
		line[i] = uint8((sum*weight + (at(i-r-1)+at(i+r+1))*outer + 1<<23) >> 24)
	}
	for i := range n {
		x[i*stride] = line[i]
	}
}
