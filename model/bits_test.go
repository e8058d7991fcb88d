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
		"unet2d_ddpm": 0x3174b18c999e5a3c, "unet2d_class": 0x4ee12cdb5dce69bd,
		"unet2d_scoresde": 0x96ffdbcefd57dfd9, "unet2d_adm": 0x16f3bd1faa3f53a7,
		"unet2d_mish": 0x140a8bc3c50615ba, "unet2d_gelu": 0xa001d0fbb8513d52,
		"unet2d_relu": 0xa6e0520788bb2a6b, "unet2d_skip": 0x85331be425e99207,
		"unet_sd15": 0x1b642bbb131e4632, "unet_sd21": 0xbdf5174725a96907,
		"unet_lcm": 0x421797f58b470a76, "unet_odd": 0x90c796f6a257aa80,
		"unet_wide": 0x916e37cacc1795b, "unet_sdxl": 0xc3b2cadc1d85aaad,
		"unet_inpaint": 0x1030feb82ef8ec9e, "clip_text": 0x9b86fe0f1a8c8a6b,
		"clip_text_proj": 0xc06e222961351174, "clip_text_gelu_eos2": 0xe5fe9222943e3dbf,
		"vae_kl": 0xe75e51519ad85a4e, "vae_flux16": 0xf4c37a5e452feb20, "vae_tiny": 0x55dfa8b9e3ca760a,
		"bundled": 0xab0c79f266f907fb,
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
