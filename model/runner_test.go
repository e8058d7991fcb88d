package model

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// executorRunner runs a graph on the CPU, and counts. With an error it does not.
type executorRunner struct {
	g    *Graph
	w    *Weights
	runs int
	err  error
}

func (r *executorRunner) Run(ctx context.Context, rows int, size Size, in Inputs, out [][]float32) error {
	r.runs++
	if r.err != nil {
		return r.err
	}
	ex, err := NewExecutorAt(r.g, r.w, rows, size, nil)
	if err != nil {
		return err
	}
	return ex.RunAll(ctx, rows, in, out)
}

// TestCodecOn: what runs elsewhere gives what the CPU gives, whole and in tiles, and its errors come back.
func TestCodecOn(t *testing.T) {
	ctx := context.Background()
	whole, err := OpenAutoencoder("testdata/vae_kl")
	require.NoError(t, err)
	tiled, err := whole.WithTiling(0)
	require.NoError(t, err)
	for want, a := range map[int]*Autoencoder{1: whole, 6: tiled} { // tiles of 16 pixels, 12 apart
		r := rand.New(rand.NewPCG(1, 2))
		image, latents := make([]float32, 3*24*36), make([]float32, 4*12*18)
		for _, x := range [][]float32{image, latents} {
			for i := range x {
				x[i] = float32(r.NormFloat64())
			}
		}
		enc := &executorRunner{g: a.Encoder().Graph(), w: a.Encoder().Weights()}
		dec := &executorRunner{g: a.Decoder().Graph(), w: a.Decoder().Weights()}
		for _, on := range []*Codec{a.CodecOn(enc, dec, nil), a.CodecOn(nil, dec, nil), a.CodecOn(enc, nil, nil)} {
			p, err := on.Encode(ctx, image, 1, 24, 36)
			require.NoError(t, err)
			q, err := a.Codec(nil).Encode(ctx, image, 1, 24, 36)
			require.NoError(t, err)
			require.Equal(t, q, p)
			x, err := on.Decode(ctx, latents, 1, 12, 18)
			require.NoError(t, err)
			y, err := a.Codec(nil).Decode(ctx, latents, 1, 12, 18)
			require.NoError(t, err)
			require.Equal(t, y, x)
		}
		require.Equal(t, 2*want, enc.runs)
		require.Equal(t, 2*want, dec.runs)
		dec.err = errors.New("lost")
		_, err := a.CodecOn(nil, dec, nil).Decode(ctx, latents, 1, 12, 18)
		require.ErrorIs(t, err, dec.err)
		var shape *ShapeError
		var input *InputError
		_, err = whole.CodecOn(enc, nil, nil).Encode(ctx, image, 1, 0, 36)
		require.ErrorAs(t, err, &shape)
		_, err = whole.CodecOn(nil, dec, nil).Decode(ctx, latents, 0, 12, 18)
		require.ErrorAs(t, err, &input)
	}
}

// TestEncoderOn is the same for texts.
func TestEncoderOn(t *testing.T) {
	c, err := OpenCLIPText("testdata/clip_text_proj")
	require.NoError(t, err)
	r := &executorRunner{g: c.Graph(), w: c.Weights()}
	ids := [][]int32{{598, 3, 4, 599}, {598, 7, 599, 599}}
	e := c.EncoderOn(r)
	for range 2 {
		hidden, pooled, err := e.Encode(context.Background(), ids)
		require.NoError(t, err)
		wantHidden, wantPooled, err := c.Encode(context.Background(), ids)
		require.NoError(t, err)
		require.Equal(t, wantHidden, hidden)
		require.Equal(t, wantPooled, pooled)
	}
	require.Equal(t, 2, r.runs)
	r.err = errors.New("lost")
	_, _, err = e.Encode(context.Background(), ids)
	require.ErrorIs(t, err, r.err)
	_, _, err = e.Encode(context.Background(), [][]int32{{1, 2}})
	var input *InputError
	require.ErrorAs(t, err, &input)
}
