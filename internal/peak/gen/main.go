// Command gen writes the assembly of package peak. Run it with go generate in that package.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const (
	// sums is how many run beside each other: more than the two units times the four cycles of a fused product and sum.
	sums = 12
	// unroll is how often a turn of the loop does them.
	unroll = 2
	// moves is how many registers a turn of the copy moves.
	moves = 4
)

func main() {
	for _, size := range []int{32, 64} {
		fma(size)
		move(size)
	}
	Generate()
}

// name tells the sizes of registers apart as the other generators do: 2 for AVX2, 5 for AVX-512.
func name(what string, size int) string {
	return fmt.Sprintf("%s%d", what, map[int]int{32: 2, 64: 5}[size])
}

func vec(size int) reg.VecVirtual {
	if size == 64 {
		return ZMM()
	}
	return YMM()
}

// fma emits a loop of fused products and sums that wait for nothing.
func fma(size int) {
	flops := 2 * sums * unroll * size / 4
	TEXT(name("fma", size), NOSPLIT, "func(turns int, x *[2]float32, y *float32)")
	Doc(fmt.Sprintf("%s does %d operations a turn, sums of x[0]*x[1], and writes one sum to y.", name("fma", size), flops))
	Pragma("noescape")
	turns, x, y := Load(Param("turns"), GP64()), Load(Param("x"), GP64()), Load(Param("y"), GP64())
	a, b := vec(size), vec(size)
	VBROADCASTSS(Mem{Base: x}, a)
	VBROADCASTSS(Mem{Base: x, Disp: 4}, b)
	var s [sums]reg.VecVirtual
	for i := range s {
		s[i] = vec(size)
		if size == 64 {
			VPXORD(s[i], s[i], s[i])
		} else {
			VXORPS(s[i], s[i], s[i])
		}
	}
	Label("loop")
	for range unroll {
		for i := range s {
			VFMADD231PS(a, b, s[i])
		}
	}
	DECQ(turns)
	JNZ(LabelRef("loop"))
	for i := range s[1:] {
		VADDPS(s[i+1], s[0], s[0])
	}
	VMOVSS(s[0].AsX(), Mem{Base: y})
	VZEROUPPER()
	RET()
}

// move emits a copy.
func move(size int) {
	TEXT(name("move", size), NOSPLIT, "func(dst, src *float32, n int)")
	Doc(fmt.Sprintf("%s copies n floats, a multiple of %d above 0.", name("move", size), moves*size/4))
	Pragma("noescape")
	dst, src, n := Load(Param("dst"), GP64()), Load(Param("src"), GP64()), Load(Param("n"), GP64())
	Label("loop")
	var v [moves]reg.VecVirtual
	for i := range v {
		v[i] = vec(size)
		VMOVUPS(Mem{Base: src, Disp: i * size}, v[i])
	}
	for i := range v {
		VMOVUPS(v[i], Mem{Base: dst, Disp: i * size})
	}
	ADDQ(U32(uint32(moves*size)), src)
	ADDQ(U32(uint32(moves*size)), dst)
	SUBQ(U32(uint32(moves*size/4)), n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}
