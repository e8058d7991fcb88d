package pipeline

import (
	"errors"
	"fmt"
	"image"

	"github.com/cudiffuse/cudiffuse/model"
)

// LatentRGB makes colors of latents without an autoencoder, one pixel a latent:
//
//	rgb = sum over channels c of z[c]*Factors[c] + Bias, within -1..1
//
// It is a least-squares fit and shows what a picture will be, in about the right colors.
type LatentRGB struct {
	Name    string
	Factors [][3]float32 // red, green and blue of each channel
	Bias    [3]float32
}

// The factors that ComfyUI has published for latents as denoisers see them (comfy/latent_formats.py: SD15, SDXL, SD3 and
// Flux).
var (
	latentRGB1 = LatentRGB{Name: "Stable Diffusion 1 and 2", Factors: [][3]float32{
		{0.3512, 0.2297, 0.3227}, {0.3250, 0.4974, 0.2350}, {-0.2829, 0.1762, 0.2721}, {-0.2120, -0.2616, -0.7177}}}
	latentRGBXL = LatentRGB{Name: "Stable Diffusion XL", Factors: [][3]float32{
		{0.3651, 0.4232, 0.4341}, {-0.2533, -0.0042, 0.1068}, {0.1076, 0.1111, -0.0362}, {-0.3165, -0.2492, -0.2188}},
		Bias: [3]float32{0.1084, -0.0175, -0.0011}}
	latentRGB3 = LatentRGB{Name: "Stable Diffusion 3", Factors: [][3]float32{
		{-0.0922, -0.0175, 0.0749}, {0.0311, 0.0633, 0.0954}, {0.1994, 0.0927, 0.0458}, {0.0856, 0.0339, 0.0902},
		{0.0587, 0.0272, -0.0496}, {-0.0006, 0.1104, 0.0309}, {0.0978, 0.0306, 0.0427}, {-0.0042, 0.1038, 0.1358},
		{-0.0194, 0.0020, 0.0669}, {-0.0488, 0.0130, -0.0268}, {0.0922, 0.0988, 0.0951}, {-0.0278, 0.0524, -0.0542},
		{0.0332, 0.0456, 0.0895}, {-0.0069, -0.0030, -0.0810}, {-0.0596, -0.0465, -0.0293}, {-0.1448, -0.1463, -0.1189}},
		Bias: [3]float32{0.2394, 0.2135, 0.1925}}
	latentRGBFlux = LatentRGB{Name: "FLUX", Factors: [][3]float32{
		{-0.0346, 0.0244, 0.0681}, {0.0034, 0.0210, 0.0687}, {0.0275, -0.0668, -0.0433}, {-0.0174, 0.0160, 0.0617},
		{0.0859, 0.0721, 0.0329}, {0.0004, 0.0383, 0.0115}, {0.0405, 0.0861, 0.0915}, {-0.0236, -0.0185, -0.0259},
		{-0.0245, 0.0250, 0.1180}, {0.1008, 0.0755, -0.0421}, {-0.0515, 0.0201, 0.0011}, {0.0428, -0.0012, -0.0036},
		{0.0817, 0.0765, 0.0749}, {-0.1264, -0.0522, -0.1103}, {-0.0280, -0.0881, -0.0499}, {-0.1262, -0.0982, -0.0778}},
		Bias: [3]float32{-0.0329, -0.0718, -0.0851}}
)

// LatentRGBOf finds the factors of an autoencoder by its number of channels and its scaling factor, which differ between
// the families. ok is false for others.
func LatentRGBOf(c model.AutoencoderConfig) (f LatentRGB, ok bool) {
	for _, x := range []struct {
		channels int
		scale    float64
		f        LatentRGB
	}{{4, 0.18215, latentRGB1}, {4, 0.13025, latentRGBXL}, {16, 1.5305, latentRGB3}, {16, 0.3611, latentRGBFlux}} {
		if c.LatentChannels == x.channels && c.ScalingFactor == x.scale {
			return x.f, true
		}
	}
	return LatentRGB{}, false
}

// Image makes an image of latents [len(Factors), height, width], as a denoiser predicts them.
func (f LatentRGB) Image(z []float32, height, width int) (image.Image, error) {
	if height < 1 || width < 1 || len(z) == 0 || len(f.Factors) == 0 || len(z)/len(f.Factors)/height != width ||
		len(z) != len(f.Factors)*height*width {
		return nil, &RequestError{Field: "latents", Value: fmt.Sprintf("%d values", len(z)),
			Want: fmt.Sprintf("%dx%dx%d", len(f.Factors), height, width)}
	}
	n := height * width
	x := make([]float32, 3*n)
	for k := range 3 {
		for i := range n {
			sum := f.Bias[k]
			for c := range f.Factors {
				sum += float32(z[c*n+i] * f.Factors[c][k])
			}
			x[k*n+i] = sum
		}
	}
	return Pixels(x, 3, height, width)
}

// ErrNoPreview is returned where nothing cheap makes an image of latents: no [LatentRGB] fits the autoencoder, and no
// [Options.PreviewModel] was given.
var ErrNoPreview = errors.New("no cheap preview: want a model of a known family of latents, or an AutoencoderTiny for it")
