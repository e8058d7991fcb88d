package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// set is an instruction set; size is the bytes of its vectors.
type set struct {
	name string
	size int
}

var avx2, avx512 = set{"AVX2", 32}, set{"AVX512", maxSize}

const maxSize = 64

func (s set) wide() bool { return s == avx512 }

// blocks is the number of Philox blocks, of 64 bits each, in a vector.
func (s set) blocks() int { return s.size / 8 }

func (s set) vec() reg.VecVirtual {
	if s.wide() {
		return ZMM()
	}
	return YMM()
}

// made holds the constants that exist already.
var made = map[string]bool{}

// constant returns a memory operand with the words of a vector.
func constant(name string, word func(i int) uint32) Mem {
	if !made[name] {
		made[name] = true
		GLOBL(name, RODATA|NOPTR)
		for i := range maxSize / 4 {
			DATA(4*i, U32(word(i)))
		}
	}
	return NewDataAddr(Symbol{Name: name, Static: true}, 0)
}

// bits returns a memory operand with copies of a 32-bit word.
func bits(w uint32) Mem {
	return constant(fmt.Sprintf("vec_%08x", w), func(int) uint32 { return w })
}

// float returns a memory operand with copies of the float32 nearest to f.
func float(f float64) Mem { return bits(math.Float32bits(float32(f))) }

func (s set) load(from Op) reg.VecVirtual {
	v := s.vec()
	if s.wide() {
		VMOVDQU32(from, v)
	} else {
		VMOVDQU(from, v)
	}
	return v
}

func (s set) store(v reg.VecVirtual, to Op) {
	if s.wide() {
		VMOVDQU32(v, to)
	} else {
		VMOVDQU(v, to)
	}
}
