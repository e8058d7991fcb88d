package lower

import (
	"slices"

	"github.com/cudiffuse/cudiffuse/internal/arena"
)

// hoist moves the steps that read conditions and weights only to the front.
func (c *compiler) hoist() {
	p := c.program
	varies := make([]bool, len(p.Buffers)) // written by a step of the loop
	constant := make([]bool, len(p.Steps))
	for i, s := range p.Steps {
		constant[i] = !slices.ContainsFunc(s.reads, func(r Ref) bool {
			return r.Region >= Sample || r.Region == Arena && varies[r.Index]
		})
		if !constant[i] {
			for _, w := range s.writes {
				if w.Region == Arena {
					varies[w.Index] = true
				}
			}
		}
	}
	// A buffer that is written in part by the loop was read as constant above only by
	// steps before; those stay right, since parts do not overlap.
	var first, rest []Step
	for i, s := range p.Steps {
		if constant[i] {
			first = append(first, s)
		} else {
			rest = append(rest, s)
		}
	}
	p.Steps, p.Prologue = append(first, rest...), len(first)
}

// lifetimes gives every buffer its place in the arena. What the conditions determine
// must stay for all runs of the loop.
func (c *compiler) lifetimes() {
	p := c.program
	end := len(p.Steps) - 1
	spans := make([]arena.Span, len(p.Buffers))
	seen := make([]bool, len(p.Buffers))
	for i, b := range p.Buffers {
		spans[i] = arena.Span{Bytes: b.Bytes}
	}
	use := func(r Ref, step int) {
		if r.Region != Arena {
			return
		}
		s := &spans[r.Index]
		if !seen[r.Index] {
			s.First, seen[r.Index] = step, true
		}
		s.Last = step
	}
	for i, s := range p.Steps {
		for _, r := range append(slices.Clone(s.reads), s.writes...) {
			use(r, i)
		}
	}
	for _, in := range p.Inputs {
		spans[in.Buffer].First, spans[in.Buffer].Last = 0, end
	}
	for _, t := range p.Tables {
		spans[t.Buffer].First, spans[t.Buffer].Last = 0, end
	}
	for i := range spans {
		if spans[i].First < p.Prologue && spans[i].Last >= p.Prologue {
			spans[i].Last = end
		}
	}
	p.Arena = arena.Place(spans)
	for i, s := range spans {
		b := &p.Buffers[i]
		b.Offset, b.First, b.Last = s.Offset, s.First, s.Last
	}
}
