package model

import (
	"context"

	"github.com/cudiffuse/cudiffuse/internal/workers"
)

// Runner computes a graph elsewhere than on the CPU, as the Graph of package device does on a
// GPU: rows of a size, with the inputs that the graph takes, to its outputs in order.
type Runner interface {
	Run(ctx context.Context, rows int, size Size, in Inputs, out [][]float32) error
}

// CodecOn is [Autoencoder.Codec] with halves that run elsewhere; one that is nil runs on the
// threads of the pool. Tiles are cut and put together here. Errors are those of the runner
// too.
func (a *Autoencoder) CodecOn(encoder, decoder Runner, pool *workers.Pool) *Codec {
	return &Codec{a: a, pool: pool, enc: sizedExecutor{on: encoder}, dec: sizedExecutor{on: decoder}}
}

// EncoderOn returns c as an encoder whose graph is run by r. Errors are those of r too.
func (c *CLIPText) EncoderOn(r Runner) *TextEncoder { return &TextEncoder{text: c, on: r} }

// runOn is run for a half that runs elsewhere.
func (e *sizedExecutor) runOn(ctx context.Context, net *ImageCoder, x []float32, n, height, width int) ([]float32, Shape, error) {
	shapes, err := net.graph.Shapes(height, width)
	if err != nil {
		return nil, Shape{}, err
	}
	s := shapes[net.graph.Outputs[0]]
	if n < 1 || n > maxSide {
		return nil, s, inputErrorf("n", "is %d", n)
	}
	y := make([]float32, n*s.Len())
	err = e.on.Run(ctx, n, Size{H: height, W: width, Tokens: DefaultTokens}, Inputs{Sample: x}, [][]float32{y})
	return y, s, err
}
