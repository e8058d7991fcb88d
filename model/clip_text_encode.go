package model

import (
	"context"

	"github.com/cudiffuse/cudiffuse/internal/workers"
)

// TextEncoder is a [CLIPText] with the buffers of a run, on the CPU or elsewhere, see
// [CLIPText.EncoderOn]. It is used by one goroutine at a time.
type TextEncoder struct {
	text   *CLIPText
	pool   *workers.Pool
	ex     *Executor
	tokens int // that ex was compiled for
	ids    []int64
	index  []int64
	on     Runner // nil on the CPU
}

// Encoder returns c as an encoder that runs on the threads of a pool, one if it is nil.
func (c *CLIPText) Encoder(pool *workers.Pool) *TextEncoder {
	return &TextEncoder{text: c, pool: pool}
}

// Encode encodes on one thread; see [TextEncoder.Encode]. Whoever encodes more than once
// keeps an encoder.
func (c *CLIPText) Encode(ctx context.Context, ids [][]int32) (hidden, pooled []float32, err error) {
	return c.Encoder(nil).Encode(ctx, ids)
}

// Encode encodes n texts of the same number T of tokens, as the tokenizer gives them:
// padded, with the tokens of start and end. It returns the hidden states,
// [n, T, HiddenDim()], and the pooled vectors, [n, PooledDim()]. Texts of different
// lengths, tokens outside the vocabulary, and texts that [CLIPText.PooledToken] refuses
// are an [*InputError].
func (e *TextEncoder) Encode(ctx context.Context, ids [][]int32) (hidden, pooled []float32, err error) {
	if err := e.set(ids); err != nil {
		return nil, nil, err
	}
	n, tokens := len(ids), len(ids[0])
	hidden = make([]float32, n*tokens*e.text.HiddenDim())
	pooled = make([]float32, n*e.text.PooledDim())
	in := Inputs{TokenIDs: e.ids, TokenIndex: e.index}
	if e.on != nil {
		err := e.on.Run(ctx, n, Size{1, 1, tokens}, in, [][]float32{hidden, pooled})
		return hidden, pooled, err
	}
	if e.ex == nil || e.tokens != tokens || e.ex.Batch() < n {
		if e.ex, err = e.text.CompileTokens(n, tokens, e.pool); err != nil {
			return nil, nil, err
		}
		e.tokens = tokens
	}
	if err := e.ex.RunAll(ctx, n, in, [][]float32{hidden, pooled}); err != nil {
		return nil, nil, err
	}
	return hidden, pooled, nil
}

// set checks the tokens and takes them.
func (e *TextEncoder) set(ids [][]int32) error {
	e.ids, e.index = e.ids[:0], e.index[:0]
	if len(ids) == 0 {
		return &InputError{"ids", "are no texts"}
	}
	for i, row := range ids {
		if len(row) != len(ids[0]) {
			return inputErrorf("ids", "text %d has %d tokens, the first %d; they must be padded",
				i, len(row), len(ids[0]))
		}
		at, err := e.text.PooledToken(row)
		if err != nil {
			return err
		}
		e.index = append(e.index, int64(at))
		for _, id := range row {
			e.ids = append(e.ids, int64(id))
		}
	}
	return nil
}
