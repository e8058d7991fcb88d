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
		"unet2d_ddpm": 0xb625270a81b623d3, "unet2d_class": 0x56a0256a2a76df11,
		"unet2d_scoresde": 0x9a354fc44cae6901, "unet2d_adm": 0x7edfef6f4261e8,
		"unet2d_mish": 0x42a246d4b5dab0cb, "unet2d_gelu": 0xcfb9ca75c6c81d89,
		"unet2d_relu": 0xa6e0520788bb2a6b, "unet2d_skip": 0x6b5b92bb7764448f,
		"unet_sd15": 0xb506f47a3d658cc2, "unet_sd21": 0x5f7e54090ebf5783,
		"unet_lcm": 0x9d413bef8e3cd655, "unet_odd": 0x933894fe329377a9,
		"unet_wide": 0x916e37cacc1795b, "unet_sdxl": 0x1702834001c955fe,
		"unet_inpaint": 0x484f3925aae8fe66, "clip_text": 0x9b86fe0f1a8c8a6b,
		"clip_text_proj": 0xc06e222961351174, "clip_text_gelu_eos2": 0xe5fe9222943e3dbf,
		"vae_kl": 0xc986de8b63caf08e, "vae_flux16": 0xa04378a30025480e, "vae_tiny": 0x2928c5bb575d8687,
		"bundled": 0x1ff7889196c214db,
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
	u, g := openBundled(t)
	check("bundled", run(t, u, g.n, g.in, 2))
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
