package pipeline

import (
	"image"
	"image/color"
	"image/draw"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/sampler"
)

// TestHeldIsTheSamplersPath: samplers without noise of their own bring the part that stays to each noise level by
// themselves, to what heldModel shows the network, whatever stages their steps have. So what they draw is the same.
func TestHeldIsTheSamplersPath(t *testing.T) {
	flows := []string{"", "flow_euler", "flow_heun"}
	for folder, names := range map[string][]string{"sd3": flows, "flux": flows,
		"sd15": {"ddim", "euler", "heun", "dpmpp_2m", "dpmsolver_2s", "unipc_bh2", "dpm_2"}} {
		p, err := OpenText("testdata/"+folder, Options{Threads: 2})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, p.Close()) })
		for _, name := range names {
			for _, strength := range []float64{0.5, 1} {
				if folder == "sd15" && strength == 1 {
					continue // its first noise level is not of noise alone, which it starts from
				}
				requireOnePath(t, p, TextRequest{Sampler: name, Steps: 6, Strength: strength, N: 2, Seed: 3})
			}
		}
	}
}

func requireOnePath(t *testing.T, p *TextToImage, r TextRequest) {
	img := image.NewGray(image.Rect(0, 0, 16, 16))
	for i := range img.Pix {
		img.Pix[i] = uint8(i * i * 7)
	}
	mask := image.NewGray(img.Rect)
	draw.Draw(mask, image.Rect(5, 4, 13, 16), image.NewUniform(color.White), image.Point{}, draw.Src)
	r.Image, r.Mask = img, mask
	j, err := p.resolve(r)
	require.NoError(t, err)
	var out [2][][]float32
	for i := range out {
		reqs, held, err := p.requests(t.Context(), j)
		require.NoError(t, err)
		require.NotNil(t, held)
		if i == 1 {
			held = nil
		}
		m, err := p.denoiser(j, held)
		require.NoError(t, err)
		out[i], err = sampler.Run(t.Context(), p.dev, m, reqs)
		require.NoError(t, err)
	}
	for k, want := range out[1] {
		most := 0.0
		for i, v := range want {
			most = max(most, math.Abs(float64(v-out[0][k][i])))
		}
		t.Logf("%s %q at %v, image %d: %.1e", p.Info().Class, r.Sampler, r.Strength, k, most)
		require.Less(t, most, 1e-3, r.Sampler)
	}
}
