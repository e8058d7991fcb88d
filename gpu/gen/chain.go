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

// interleave emits the chains, one instruction of each at a time.
func interleave(chains []*chain) {
	for i, left := 0, true; left; i++ {
		left = false
		for _, c := range chains {
			if i < len(c.steps) {
				c.steps[i]()
				left = true
			}
		}
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
