package pipeline

import (
	"image"
	"image/color"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMaskBits: the luminance is Pillow's 13.0.0 `convert("L")`, and its half is white.
func TestMaskBits(t *testing.T) {
	for c, want := range map[color.NRGBA]bool{
		{255, 255, 255, 255}: true, {0, 0, 0, 255}: false, {128, 128, 128, 255}: true, {127, 127, 127, 255}: false,
		{0, 217, 0, 255}: false, {0, 218, 0, 255}: true, {255, 0, 0, 255}: false, {200, 100, 80, 255}: true,
		{255, 86, 9, 0}: true, // transparent
	} {
		img := image.NewNRGBA(image.Rect(2, 3, 4, 4))
		img.SetNRGBA(3, 3, c)
		require.Equal(t, []bool{false, want}, maskBits(img, 0), c)
	}
}

// TestGaussianBlur: the levels are those of Pillow 13.0.0's ImageFilter.GaussianBlur.
func TestGaussianBlur(t *testing.T) {
	const w, h = 9, 7
	for sigma, want := range map[float64][]uint8{
		0.4: {6, 66, 163, 116, 139, 201, 120, 108, 149, 45, 203, 224, 113, 230, 216, 72, 155, 137, 150, 231, 183, 160, 208,
			126, 86, 116, 192, 141, 144, 183, 107, 88, 110, 186, 134, 148, 202, 128, 98, 125, 208, 177, 172, 52, 159, 165,
			184, 86, 31, 62, 119, 60, 27, 73, 192, 154, 149, 32, 156, 167, 202, 107, 65},
		0.8: {34, 94, 146, 135, 157, 174, 129, 122, 140, 84, 159, 181, 154, 185, 173, 118, 131, 147, 145, 186, 182, 158, 169,
			142, 117, 131, 163, 155, 158, 155, 130, 130, 134, 145, 131, 148, 175, 145, 119, 117, 146, 151, 136, 96, 124, 174,
			156, 106, 73, 103, 124, 104, 69, 81, 181, 159, 123, 75, 122, 153, 153, 102, 74},
		2.5: {119, 124, 130, 136, 140, 142, 142, 142, 140, 125, 128, 132, 137, 140, 140, 140, 140, 138, 131, 133, 135, 138,
			138, 138, 137, 137, 135, 139, 138, 139, 138, 137, 135, 134, 133, 131, 145, 143, 141, 138, 135, 132, 130, 128, 126,
			149, 146, 142, 137, 133, 129, 127, 125, 122, 152, 147, 142, 137, 131, 128, 124, 122, 119},
		6: {123, 124, 124, 125, 126, 126, 127, 127, 128, 125, 125, 126, 126, 127, 127, 127, 128, 128, 126, 126, 127, 127,
			127, 127, 128, 128, 128, 127, 128, 128, 128, 128, 128, 128, 128, 128, 129, 129, 129, 128, 129, 129, 128, 128, 128,
			130, 130, 130, 129, 129, 129, 129, 128, 128, 132, 131, 131, 130, 130, 130, 129, 129, 129},
	} {
		x := make([]uint8, w*h)
		for i := range x {
			x[i] = uint8(i*i*37 + i*11)
		}
		gaussianBlur(x, w, h, sigma)
		require.Equal(t, want, x, sigma)
	}
	one := []uint8{77}
	gaussianBlur(one, 1, 1, maxMaskBlur)
	require.Equal(t, uint8(77), one[0])
}

// TestLatentMask: of each block the first pixel.
func TestLatentMask(t *testing.T) {
	bits := make([]bool, 6*4)
	bits[0], bits[5], bits[2*6+4], bits[3*6+2] = true, true, true, true
	require.Equal(t, []float32{1, 0, 0, 0, 0, 1}, latentMask(bits, 6, 4, 2))
}
