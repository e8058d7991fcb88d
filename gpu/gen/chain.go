package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// chain records instructions, to emit several chains side by side: what waits for a result then
// stands beside what does not, for a processor that looks ahead only so far.
type chain struct {
	set
	steps []func()
}

func (c *chain) then(f func()) { c.steps = append(c.steps, f) }

func (c *chain) do(f func(...Op), ops ...Op) { c.then(func() { f(ops...) }) }

// interleave emits the chains side by side, each spread evenly from the beginning to the end.
func interleave(chains []*chain) {
	done := make([]int, len(chains))
	for {
		next, least := -1, 1.0
		for i, c := range chains {
			if at := (float64(done[i]) + 0.5) / float64(len(c.steps)); at < least {
				next, least = i, at
			}
		}
		if next < 0 {
			return
		}
		chains[next].steps[done[next]]()
		done[next]++
	}
}

// and is y = a & b.
func (c *chain) and(a Op, b, y reg.VecVirtual) {
	if c.wide() {
		c.do(VPANDD, a, b, y)
	} else {
		c.then(func() { VPAND(a, b, y) })
	}
}

// xorSign is y ^= a & 2^31; a is lost.
func (c *chain) xorSign(a, y reg.VecVirtual) {
	if c.wide() {
		c.do(VPTERNLOGD, Imm(0x78), bits(1<<31), a, y)
		return
	}
	c.then(func() { VPAND(bits(1<<31), a, a) })
	c.then(func() { VPXOR(a, y, y) })
}
