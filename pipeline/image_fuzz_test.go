package pipeline_test

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"runtime/metrics"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/pipeline"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// drawn is an image of any bounds, whose colours are made as they are asked for, so that it may claim any size.
type drawn struct {
	bounds image.Rectangle
	seed   uint8
}

func (d drawn) ColorModel() color.Model { return color.NRGBA64Model }
func (d drawn) Bounds() image.Rectangle { return d.bounds }

// At panics outside the bounds, which nobody may ask for.
func (d drawn) At(x, y int) color.Color {
	if !image.Pt(x, y).In(d.bounds) {
		panic("outside the image")
	}
	v := uint16(x*7919+y*104729) * (uint16(d.seed) + 1)
	return color.NRGBA64{R: v, G: ^v, B: v << 3, A: v >> 1}
}

// fuzzImage is an image of a file, or where the bytes are none, one of the bounds, which may be absurd.
func fuzzImage(file []byte, x, y, w, h int64, seed uint8) image.Image {
	if c, _, err := image.DecodeConfig(bytes.NewReader(file)); err == nil && c.Width <= 64 && c.Height <= 64 {
		if img, _, err := image.Decode(bytes.NewReader(file)); err == nil {
			return img
		}
	}
	r := image.Rectangle{Min: image.Pt(int(x), int(y)), Max: image.Pt(int(x+w), int(y+h))}
	switch seed % 8 {
	case 1:
		return &image.Uniform{C: color.Gray16{Y: uint16(w)}} // of 2e9 pixels a side
	case 2:
		if w > 0 && h > 0 && w <= 64 && h <= 64 && max(x, -x, y, -y) < 1<<40 {
			return image.NewPaletted(r, color.Palette{color.Black, color.Transparent})
		}
	}
	return drawn{r, seed}
}

// FuzzImage draws on any image, with any mask, strength and number of steps: a typed error before much memory is used, or
// pictures of the image's size without a NaN.
func FuzzImage(f *testing.F) {
	var asPNG, asJPEG bytes.Buffer
	require.NoError(f, png.Encode(&asPNG, ramp(16, 16)))
	require.NoError(f, jpeg.Encode(&asJPEG, ramp(16, 8), nil))
	for seed := range uint8(8) {
		f.Add(asPNG.Bytes(), int64(0), int64(0), int64(16), int64(16), 0.5, uint8(2), seed)
		f.Add(asJPEG.Bytes(), int64(0), int64(0), int64(16), int64(8), 1.0, uint8(1), seed)
		f.Add([]byte{}, int64(-5), int64(7), int64(16), int64(8), 0.9, uint8(3), seed)
		f.Add([]byte{}, int64(math.MaxInt64-16), int64(math.MinInt64), int64(16), int64(16), 0.0, uint8(3), seed)
		f.Add([]byte{}, int64(math.MinInt64), int64(0), int64(math.MaxInt64), int64(8), math.NaN(), uint8(2), seed)
		f.Add([]byte{}, int64(0), int64(0), int64(1)<<40, int64(1)<<40, 0.5, uint8(2), seed)
		f.Add([]byte{}, int64(0), int64(0), int64(-8), int64(0), 0.5, uint8(2), seed)
		f.Add([]byte{}, int64(0), int64(0), int64(17), int64(3), 1e-9, uint8(200), seed)
	}
	// Bounds whose end is beyond all numbers, of the image and of the mask.
	f.Add([]byte{}, int64(math.MaxInt64-4), int64(0), int64(16), int64(16), 0.5, uint8(2), uint8(0))
	f.Add(asPNG.Bytes(), int64(0), int64(math.MaxInt64-4), int64(16), int64(16), 0.5, uint8(2), uint8(16))
	p := openText(f, "sd15", nil)
	f.Fuzz(func(t *testing.T, file []byte, x, y, w, h int64, strength float64, steps, seed uint8) {
		img := fuzzImage(file, x, y, w, h, seed)
		if size := img.Bounds().Size(); size.X > 64 && size.X <= 4096 || size.Y > 64 && size.Y <= 4096 {
			return // is drawn, slowly
		}
		r := pipeline.TextRequest{Prompt: "a cat", Image: img, Strength: strength, Steps: int(steps), Sampler: "euler", Seed: uint64(seed)}
		if r.Steps > 3 && !(strength > 0 && strength*float64(r.Steps) < 4) {
			r.Steps %= 4
		}
		r.ExactSteps = seed&8 != 0 && r.Steps < 4
		if seed&16 != 0 {
			r.Mask, r.MaskBlur = fuzzImage(nil, y, x, w, h, seed>>5), float64(seed)*strength
		}
		if seed&32 != 0 {
			r.Height, r.Width = int(h), int(w)
		}
		before := allocated()
		res, err := p.Generate(t.Context(), r)
		require.Less(t, allocated()-before, uint64(1<<30))
		if err != nil {
			requireRequestError(t, err)
			return
		}
		require.Len(t, res.Images, 1)
		require.Equal(t, img.Bounds().Size(), res.Images[0].Bounds().Size())
		for _, v := range res.Images[0].Latent {
			require.False(t, math.IsNaN(float64(v)))
		}
	})
}

func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// requireRequestError checks that an error is one that callers can take apart, of a size that can be shown.
func requireRequestError(t *testing.T, err error) {
	t.Helper()
	var r *pipeline.RequestError
	var p *sampler.PlanError
	var g *schedule.Error
	var s *model.ShapeError
	require.True(t, errors.As(err, &r) || errors.As(err, &p) || errors.As(err, &g) || errors.As(err, &s), "%T: %v", err, err)
	require.Less(t, len(err.Error()), 1500)
}
