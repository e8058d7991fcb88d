package model

import (
	"encoding/binary"
	"hash/fnv"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestFixedBits holds the results to fixed bits, on every architecture, every GOAMD64
// and with and without assembly. A change that alters them on purpose updates them.
func TestFixedBits(t *testing.T) {
	want := map[string]uint64{
		"unet2d_ddpm": 0x5c77a64a04516a6e, "unet2d_class": 0x3083c3c99c101053,
		"unet2d_scoresde": 0x2957f5297d807283, "unet2d_adm": 0x5f68d38d2dac0375,
		"unet2d_mish": 0xa2fb479104d68d0d, "unet2d_gelu": 0x223aa6921464669c,
		"unet2d_relu": 0xeb936141239cc553, "unet2d_skip": 0xf670f88e3c46ae99,
		"unet_sd15": 0x34db66c71d07fd5f, "unet_sd21": 0x7436492fcbcafca1,
		"unet_lcm": 0x56605779e7e328d2, "unet_odd": 0x21fe92deddee4dad,
		"unet_wide": 0x6ea8494815cc5c5e, "unet_sdxl": 0x3b56838a5080935b,
		"unet_inpaint": 0x61f8917600a15f01, "clip_text": 0x75f0e6d4d8e48806,
		"clip_text_proj": 0xbe5e29262017f4d7, "clip_text_gelu_eos2": 0x845493529c4556e,
		"vae_kl": 0x941cef7926466afe, "vae_flux16": 0x92c6cf35a0e7f2eb, "vae_tiny": 0x3c71d3ca261419ba,
	}
	check := func(name string, out []float32) {
		h := fnv.New64a()
		for _, v := range out {
			_ = binary.Write(h, binary.LittleEndian, math.Float32bits(v)) // a hash never fails
		}
		assert.Equal(t, want[name], h.Sum64(), "%s is %#x", name, h.Sum64())
	}
	for _, name := range goldenNames {
		u, g := openGolden(t, name)
		check(name, run(t, u, g.n, g.in, 2))
	}
	for _, name := range conditionNames {
		u, g := openCondition(t, name)
		check(name, runCondition(t, u, g.n, g.size, g.in, 2))
	}
	for _, name := range clipNames {
		c, g := openCLIP(t, name)
		hidden, pooled, err := c.Encode(t.Context(), g.ids)
		assert.NoError(t, err)
		check(name, append(hidden, pooled...))
	}
	for _, name := range autoencoderNames {
		a, g := openAutoencoder(t, name)
		p, err := a.Codec(nil).Encode(t.Context(), g.image, g.n, 16, 16)
		assert.NoError(t, err)
		z, err := p.Sample(g.latents)
		assert.NoError(t, err)
		y, err := a.Codec(nil).Decode(t.Context(), z, g.n, 8, 8)
		assert.NoError(t, err)
		check(name, append(z, y...))
	}
}
