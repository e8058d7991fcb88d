package model

import (
	"slices"

	"github.com/cudiffuse/cudiffuse/sampler"
)

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
