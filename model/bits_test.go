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
		"unet_wide": 0x6ea8494815cc5c5e,
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
}
