package model

import (
	"context"
	"testing"

	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/cudiffuse/cudiffuse/model/safetensors"
	"github.com/stretchr/testify/require"
)

// tiledGolden is a tensor of make_tiled.py.
func tiledGolden(t *testing.T, name string) []float32 {
	t.Helper()
	f, err := safetensors.Open("testdata/vae_kl/tiled.safetensors")
	require.NoError(t, err)
	defer f.Close()
	x, err := f.Float32s(name)
	require.NoError(t, err)
	return x
}

// TestTiledGolden holds both halves in tiles against diffusers' enable_tiling, for sizes that leave whole and partial
// tiles at the edges, and shows that tiles of another size, or none, are something else.
func TestTiledGolden(t *testing.T) {
	pool := workers.New(2)
	defer pool.Close()
	plain, err := OpenAutoencoder("testdata/vae_kl")
	require.NoError(t, err)
	require.Zero(t, plain.Tile())
	z, x := tiledGolden(t, "in.z"), tiledGolden(t, "in.x")
	whole, err := plain.Codec(pool).Decode(t.Context(), z, 2, 13, 21)
	require.NoError(t, err)
	for pixels, suffix := range map[int]string{0: "8", 16: "8", 8: "4"} {
		a, err := plain.WithTiling(pixels)
		require.NoError(t, err)
		c := a.Codec(pool)
		y, err := c.Decode(t.Context(), z, 2, 13, 21)
		require.NoError(t, err)
		p, err := c.Encode(t.Context(), x, 2, 26, 42)
		require.NoError(t, err)
		require.Equal(t, []int{13, 21}, []int{p.Height, p.Width})
		want := tiledGolden(t, "out.dec"+suffix)
		require.Len(t, y, len(want))
		d := max(maxDiff(want, y), maxDiff(tiledGolden(t, "out.mean"+suffix), p.Mean),
			maxDiff(tiledGolden(t, "out.logvar"+suffix), p.LogVar))
		t.Logf("tiles of %d pixels: max abs difference %.2g", a.Tile(), d)
		require.LessOrEqual(t, d, autoencoderBound)
		require.Greater(t, maxDiff(want, whole), 1000*autoencoderBound)
	}
	require.Greater(t, maxDiff(tiledGolden(t, "out.dec8"), tiledGolden(t, "out.dec4")), 1000*autoencoderBound)
}

// TestTiledMemory: a large image takes the intermediate results of one tile.
func TestTiledMemory(t *testing.T) {
	plain, err := OpenAutoencoder("testdata/vae_kl")
	require.NoError(t, err)
	a, err := plain.WithTiling(16)
	require.NoError(t, err)
	one, err := a.Decoder().Compile(1, 8, 8, nil)
	require.NoError(t, err)
	c := a.Codec(nil)
	for _, side := range []int{8, 20, 44} {
		_, err = c.Decode(t.Context(), make([]float32, 4*side*side), 1, side, side)
		require.NoError(t, err)
		require.LessOrEqual(t, c.dec.MemoryPlan().Peak, one.MemoryPlan().Peak, "the last tile")
	}
	same, err := plain.Codec(nil).Decode(t.Context(), tiledGolden(t, "in.z")[:4*8*8], 1, 8, 8)
	require.NoError(t, err)
	small, err := c.Decode(t.Context(), tiledGolden(t, "in.z")[:4*8*8], 1, 8, 8)
	require.NoError(t, err)
	sameBits(t, same, small, "what fits one tile")
}

// TestTiledRefuses: tiles and inputs that cannot be right.
func TestTiledRefuses(t *testing.T) {
	plain, err := OpenAutoencoder("testdata/vae_kl")
	require.NoError(t, err)
	var shape *ShapeError
	var in *InputError
	for _, pixels := range []int{-8, 4, 12, 1 << 40} {
		_, err := plain.WithTiling(pixels)
		require.ErrorAs(t, err, &shape, "%d", pixels)
	}
	tiny, err := OpenAutoencoder("testdata/vae_tiny")
	require.NoError(t, err)
	_, err = tiny.WithTiling(0)
	require.ErrorAs(t, err, &shape)
	a, err := plain.WithTiling(0)
	require.NoError(t, err)
	c := a.Codec(nil)
	_, err = c.Decode(t.Context(), make([]float32, 5), 1, 9, 9)
	require.ErrorAs(t, err, &in)
	for _, s := range [][3]int{{0, 9, 9}, {1, 9, 0}, {1, 9, -1}, {1 << 40, 9, 9}, {1, 1 << 40, 9}, {maxSide, maxSide, maxSide}} {
		_, err = c.Decode(t.Context(), nil, s[0], s[1], s[2])
		require.ErrorAs(t, err, &shape, "%v", s)
	}
	_, err = c.Encode(t.Context(), make([]float32, 3*17*18), 1, 17, 18)
	require.ErrorAs(t, err, &shape)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.Decode(ctx, make([]float32, 4*9*9), 1, 9, 9)
	require.ErrorIs(t, err, context.Canceled)
}
