package model

import (
	"context"
	"slices"

	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// textOf returns the text of a condition, whose tokens have dim features.
func textOf(cond sampler.Cond, dim int) (*TextEmbedding, error) {
	c, ok := cond.(*TextEmbedding)
	if !ok || c == nil {
		return nil, inputErrorf("condition", "%v (%[1]T): want a *model.TextEmbedding", cond)
	}
	if c.Tokens < 1 || c.Tokens > maxSide {
		return nil, inputErrorf("condition", "%d tokens are not within 1..%d", c.Tokens, maxSide)
	}
	if want := c.Tokens * dim; len(c.Data) != want {
		return nil, inputErrorf("condition", "has %d elements, wanted %d (%d tokens of %d)",
			len(c.Data), want, c.Tokens, dim)
	}
	return c, nil
}

// checkTexts refuses an evaluation that the CPU network cannot do, and conditions that check refuses.
func checkTexts(e *sampler.Eval, shape []int, check func(sampler.Cond) error) error {
	if err := checkEval(e, shape); err != nil {
		return err
	}
	for _, row := range e.Active {
		if err := check(e.Conds[row]); err != nil {
			return err
		}
	}
	return nil
}

// textRows are what the denoisers of networks that take a text have in common.
type textRows struct {
	pool     *workers.Pool
	shape    []int
	beside   int  // elements of a row's input after those of its sample
	variance bool // the network predicts one, see runWide
	texts    textRunners
}

// textNetwork is what they differ in.
type textNetwork interface {
	// CompileSize makes an executor for rows rows.
	CompileSize(rows int, size Size, pool *workers.Pool) (*Executor, error)
}

// newTextRows checks that a network takes latents of height x width.
func newTextRows(g *Graph, channels, height, width int, pool *workers.Pool) (textRows, error) {
	_, err := g.ShapesAt(Size{height, width, 1})
	return textRows{pool: pool, shape: []int{channels, height, width}}, err
}

// Shape implements [sampler.Model].
func (d *textRows) Shape() []int { return d.shape }

// forward evaluates the active rows of e, whose conditions check takes; inputs gathers those of some rows.
func (d *textRows) forward(ctx context.Context, e *sampler.Eval, net textNetwork, check func(sampler.Cond) error,
	inputs func(e *sampler.Eval, rows []int) Inputs) error {
	if err := checkTexts(e, d.shape, check); err != nil {
		return err
	}
	return d.texts.each(e, func(r *textRunner, rows []int) error {
		return d.evaluate(ctx, e, r, rows, len(e.Conds), net, inputs)
	})
}

// evaluate runs net on all, whose texts have the same length; most is how many such rows there may be.
func (d *textRows) evaluate(ctx context.Context, e *sampler.Eval, r *textRunner, all []int, most int, net textNetwork,
	inputs func(e *sampler.Eval, rows []int) Inputs) error {
	err := r.grow(most, e.Elems+d.beside, func(n int) (*Executor, error) {
		return net.CompileSize(n, Size{d.shape[1], d.shape[2], r.tokens}, d.pool)
	})
	if err != nil {
		return err
	}
	run := r.run
	switch {
	case d.beside > 0:
		run = r.runBeside
	case d.variance:
		run = r.runWide
	}
	for rows := range slices.Chunk(all, r.cap) {
		if err := run(ctx, e, rows, inputs(e, rows)); err != nil {
			return err
		}
	}
	return nil
}

// maxLengths is for how many lengths of text executors are kept: that of the prompts
// and that of the empty prompt.
const maxLengths = 2

// textRunner runs rows with texts of one length.
type textRunner struct {
	tokens int
	rowRunner
}

// textRunners are a textRunner for each length of text that was used last.
type textRunners struct {
	lengths []*textRunner // the last used first
	rows    []int
}

// each calls run for every length of text of the active rows, with the rows of that length.
// All conditions are [*TextEmbedding] by then.
func (t *textRunners) each(e *sampler.Eval, run func(r *textRunner, rows []int) error) error {
	tokens := func(row int) int { return e.Conds[row].(*TextEmbedding).Tokens }
	for i, row := range e.Active {
		n := tokens(row)
		if slices.ContainsFunc(e.Active[:i], func(r int) bool { return tokens(r) == n }) {
			continue // done with the first row of that length
		}
		t.rows = t.rows[:0]
		for _, r := range e.Active[i:] {
			if tokens(r) == n {
				t.rows = append(t.rows, r)
			}
		}
		if err := run(t.of(n), t.rows); err != nil {
			return err
		}
	}
	return nil
}

// of returns the executor's place for a length, at the front of t.lengths.
func (t *textRunners) of(tokens int) *textRunner {
	i := slices.IndexFunc(t.lengths, func(r *textRunner) bool { return r.tokens == tokens })
	r := &textRunner{tokens: tokens}
	if i >= 0 {
		r = t.lengths[i]
		t.lengths = slices.Delete(t.lengths, i, i+1)
	}
	t.lengths = slices.Insert(t.lengths, 0, r)
	if len(t.lengths) > maxLengths {
		t.lengths = slices.Delete(t.lengths, maxLengths, len(t.lengths))
	}
	return r
}
