package gputest

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEveryPattern decodes and encodes all numbers of both types, and rounds what lies between two
// neighbours: the middle goes to the even one, anything else to the nearer one.
func TestEveryPattern(t *testing.T) {
	for _, d := range []DType{Float16, BFloat16} {
		inf := d.Encode(float32(math.Inf(1)))
		seen := 0
		for b := range 1 << 16 {
			v := d.Decode(uint16(b))
			if uint16(b)&0x7fff > inf {
				require.True(t, v != v, "%v %04x", d, b)
				e := d.Encode(v)
				require.Greater(t, e&0x7fff, inf, "a NaN stays one")
				continue
			}
			require.Equal(t, uint16(b), d.Encode(v), "%v %04x = %v", d, b, v)
			require.Equal(t, math.Float32bits(v), math.Float32bits(d.Round(v)))
			seen++
			if uint16(b)&0x7fff >= inf-1 {
				continue
			}
			next := d.Decode(uint16(b + 1))
			mid := float32((float64(v) + float64(next)) / 2) // exact: one bit more
			even := uint16(b + b&1)
			require.Equal(t, even, d.Encode(mid), "%v between %v and %v", d, v, next)
			require.Equal(t, uint16(b), d.Encode(math.Nextafter32(mid, v)), "%v below %v", d, mid)
			require.Equal(t, uint16(b+1), d.Encode(math.Nextafter32(mid, next)), "%v above %v", d, mid)
		}
		require.Equal(t, 2*(int(inf)+1), seen)
	}
}

// TestHalfKnownAnswers holds conversions to literals from
//
//	python -c 'import torch; x = torch.tensor([1.0, ...]);
//	  print([hex(v & 0xffff) for v in x.to(torch.float16).view(torch.int16).tolist()],
//	        [hex(v & 0xffff) for v in x.to(torch.bfloat16).view(torch.int16).tolist()])'
//
// with torch 2.15.0.
func TestHalfKnownAnswers(t *testing.T) {
	for _, c := range []struct {
		v          float32
		half, bf16 uint16
	}{
		{1, 0x3c00, 0x3f80},
		{float32(math.Copysign(0, -1)), 0x8000, 0x8000},
		{0.1, 0x2e66, 0x3dcd},
		{-0.3333333432674408, 0xb555, 0xbeab},
		{1.00048828125, 0x3c00, 0x3f80},
		{1.00146484375, 0x3c02, 0x3f80},
		{1.00390625, 0x3c04, 0x3f80},
		{1.01171875, 0x3c0c, 0x3f82},
		{65504, 0x7bff, 0x4780},
		{65519.99609375, 0x7bff, 0x4780},
		{65520, 0x7c00, 0x4780},
		{-65536, 0xfc00, 0xc780},
		{5.960464477539063e-08, 0x0001, 0x3380},
		{2.9802322387695312e-08, 0x0000, 0x3300},
		{2.980232594040899e-08, 0x0001, 0x3300},
		{6.103515625e-05, 0x0400, 0x3880},
		{6.097555160522461e-05, 0x03ff, 0x3880},
		{1e-45, 0x0000, 0x0000},
		{1.1754943508222875e-38, 0x0000, 0x0080},
		{9.183549615799121e-41, 0x0000, 0x0001},
		{4.591774807899561e-41, 0x0000, 0x0000},
		{3.3895313892515355e+38, 0x7c00, 0x7f7f},
		{3.3961775292304957e+38, 0x7c00, 0x7f80},
		{3.4028234663852886e+38, 0x7c00, 0x7f80},
		{float32(math.Inf(1)), 0x7c00, 0x7f80},
		{float32(math.Inf(-1)), 0xfc00, 0xff80},
		{3.14159274, 0x4248, 0x4049},
	} {
		require.Equal(t, c.half, Float16.Encode(c.v), "fp16 %v", c.v)
		require.Equal(t, c.bf16, BFloat16.Encode(c.v), "bf16 %v", c.v)
	}
}

// TestBFloat16IsTheUpperHalf compares with the usual formula on the bits.
func TestBFloat16IsTheUpperHalf(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 1 << 20 {
		b := rng.Uint32()
		v := math.Float32frombits(b)
		if v != v {
			continue
		}
		require.Equal(t, uint16((b+0x7fff+b>>16&1)>>16), BFloat16.Encode(v), "%08x", b)
	}
	require.Equal(t, []string{"fp32", "fp16", "bf16"},
		[]string{Float32.String(), Float16.String(), BFloat16.String()})
	require.Equal(t, float32(1.0000001), Float32.Round(1.0000001))
}
