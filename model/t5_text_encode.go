package model

import (
	"context"

	"github.com/cudiffuse/cudiffuse/internal/workers"
)

// T5Encoder is a [T5Text] on the CPU, with the buffers of a run. It is used by one
// goroutine at a time.
type T5Encoder struct {
	text   *T5Text
	pool   *workers.Pool
	ex     *Executor
	tokens int // that ex was compiled for
	ids    []int64
	last   []int64
}

// Encoder returns t as an encoder that runs on the threads of a pool, one if it is nil.
func (t *T5Text) Encoder(pool *workers.Pool) *T5Encoder { return &T5Encoder{text: t, pool: pool} }

// Encode encodes on one thread; see [T5Encoder.Encode]. Whoever encodes more than once
// keeps an encoder.
func (t *T5Text) Encode(ctx context.Context, ids [][]int32, lengths []int) ([]float32, error) {
	return t.Encoder(nil).Encode(ctx, ids, lengths)
}

// Encode encodes n texts of the same number T of tokens, as the tokenizer gives them:
// padded, with the token of the end. Of text i only the first lengths[i] tokens are
// attended to, transformers' attention_mask; nil attends to the padding too, as the
// pipelines of Stable Diffusion 3 and FLUX do, where that of PixArt does not. It returns
// the hidden states of all tokens, [n, T, HiddenDim()]. Texts of different lengths, tokens
// outside the vocabulary and lengths outside 1..T are an [*InputError].
func (e *T5Encoder) Encode(ctx context.Context, ids [][]int32, lengths []int) ([]float32, error) {
	if err := e.set(ids, lengths); err != nil {
		return nil, err
	}
	n, tokens := len(ids), len(ids[0])
	if e.ex == nil || e.tokens != tokens || e.ex.Batch() < n {
		ex, err := e.text.CompileTokens(n, tokens, e.pool)
		if err != nil {
			return nil, err
		}
		e.ex, e.tokens = ex, tokens
	}
	hidden := make([]float32, n*tokens*e.text.HiddenDim())
	if err := e.ex.Run(ctx, n, Inputs{TokenIDs: e.ids, TokenIndex: e.last}, hidden); err != nil {
		return nil, err
	}
	return hidden, nil
}

// set checks the tokens and takes them.
func (e *T5Encoder) set(ids [][]int32, lengths []int) error {
	e.ids, e.last = e.ids[:0], e.last[:0]
	if len(ids) == 0 || len(ids[0]) == 0 {
		return &InputError{"ids", "are no texts, or texts of no tokens"}
	}
	if lengths != nil && len(lengths) != len(ids) {
		return inputErrorf("lengths", "are %d for %d texts", len(lengths), len(ids))
	}
	for i, row := range ids {
		if len(row) != len(ids[0]) {
			return inputErrorf("ids", "text %d has %d tokens, the first %d; they must be padded",
				i, len(row), len(ids[0]))
		}
		length := len(row)
		if lengths != nil {
			length = lengths[i]
		}
		if length < 1 || length > len(row) {
			return inputErrorf("lengths", "text %d has %d, wanted 1..%d", i, length, len(row))
		}
		e.last = append(e.last, int64(length-1))
		for _, id := range row {
			e.ids = append(e.ids, int64(id))
		}
	}
	return nil
}
