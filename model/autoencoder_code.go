package model

import (
	"context"

	"github.com/cudiffuse/cudiffuse/internal/workers"
)

// Codec is an [Autoencoder] with the buffers of a run, on the CPU or elsewhere, see
// [Autoencoder.CodecOn]. It is used by one goroutine at a time.
type Codec struct {
	a        *Autoencoder
	pool     *workers.Pool
	enc, dec sizedExecutor
}

// sizedExecutor is an executor and what it was compiled for, or what runs elsewhere.
type sizedExecutor struct {
	*Executor
	height, width int
	on            Runner // nil on the CPU
}

// Posterior is the distribution of an image's latents, [n, C, Height, Width]: normal, with
// a mean and the logarithm of a variance, which is held within -30..20 as diffusers does.
// AutoencoderTiny has no variance; its LogVar is nil.
type Posterior struct {
	Mean, LogVar  []float32
	Height, Width int
}

// Sample draws latents: mean + exp(logvar/2)*noise. noise is standard normal and of the
// mean's length, or the error is an [*InputError]; without a variance it has no effect.
func (p Posterior) Sample(noise []float32) ([]float32, error) {
	if len(noise) != len(p.Mean) {
		return nil, inputErrorf("noise", "has %d elements, wanted %d", len(noise), len(p.Mean))
	}
	z := make([]float32, len(p.Mean))
	copy(z, p.Mean)
	for i, l := range p.LogVar {
		z[i] += float32(exp64(float64(l)/2) * float64(noise[i]))
	}
	return z, nil
}

// Codec returns a as something that codes on the threads of a pool, one if it is nil.
func (a *Autoencoder) Codec(pool *workers.Pool) *Codec { return &Codec{a: a, pool: pool} }

// Encode encodes n images of height x width, [n, InChannels, height, width] within -1..1.
// The latents are not scaled; see [Autoencoder.Scale]. Errors are [*InputError],
// [*ShapeError], and that of ctx.
func (c *Codec) Encode(ctx context.Context, image []float32, n, height, width int) (Posterior, error) {
	y, s, err := c.enc.code(ctx, c, c.a.encoder, c.a.encodeTiles, image, n, height, width)
	if err != nil {
		return Posterior{}, err
	}
	p := Posterior{Mean: y, Height: s.H, Width: s.W}
	if c.a.config.Tiny {
		return p, nil
	}
	half := s.Len() / 2
	p.LogVar = make([]float32, 0, n*half)
	for row := range n {
		for _, l := range y[(2*row+1)*half : (2*row+2)*half] {
			p.LogVar = append(p.LogVar, min(max(l, -30), 20))
		}
		copy(y[row*half:], y[2*row*half:(2*row+1)*half]) // to the means before
	}
	p.Mean = y[:n*half]
	return p, nil
}

// Decode decodes n latents of height x width, [n, LatentChannels, height, width], to
// images [n, OutChannels, H, W] about -1..1, where H and W are height and width doubled by
// every level but the first: 8 times as large with Stable Diffusion. The latents are those
// of the encoder; see [Autoencoder.Unscale] for those of a denoiser.
func (c *Codec) Decode(ctx context.Context, latents []float32, n, height, width int) ([]float32, error) {
	y, _, err := c.dec.code(ctx, c, c.a.decoder, c.a.decodeTiles, latents, n, height, width)
	return y, err
}

// code runs the network, in tiles where they are wanted.
func (e *sizedExecutor) code(ctx context.Context, c *Codec, net *ImageCoder, t tiling, x []float32,
	n, height, width int) ([]float32, Shape, error) {
	if t.cuts(height, width) {
		return e.runTiles(ctx, c, net, t, x, n, height, width)
	}
	return e.run(ctx, net, c.pool, x, n, height, width)
}

// run compiles where the size or the number of rows asks for it, and runs.
func (e *sizedExecutor) run(ctx context.Context, net *ImageCoder, pool *workers.Pool, x []float32,
	n, height, width int) ([]float32, Shape, error) {
	if e.on != nil {
		return e.runOn(ctx, net, x, n, height, width)
	}
	if e.Executor == nil || e.height != height || e.width != width || e.Batch() < n {
		ex, err := net.Compile(n, height, width, pool)
		if err != nil {
			return nil, Shape{}, err
		}
		*e = sizedExecutor{Executor: ex, height: height, width: width}
	}
	s := e.OutShape()
	if n < 1 {
		return nil, s, inputErrorf("n", "is %d", n)
	}
	y := make([]float32, n*s.Len())
	if err := e.Run(ctx, n, Inputs{Sample: x}, y); err != nil {
		return nil, s, err
	}
	return y, s, nil
}
