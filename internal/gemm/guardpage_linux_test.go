package gemm

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"unsafe"

	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/stretchr/testify/require"
)

// atPageEnd returns a copy of v that ends where the next page is forbidden, so that a read or
// write behind it kills the test.
func atPageEnd(t *testing.T, v []float32) []float32 {
	t.Helper()
	page := syscall.Getpagesize()
	size := ceilDiv(len(v)*4, page) * page
	mem, err := syscall.Mmap(-1, 0, size+page, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, syscall.Munmap(mem)) })
	require.NoError(t, syscall.Mprotect(mem[size:], syscall.PROT_NONE))
	floats := unsafe.Slice((*float32)(unsafe.Pointer(&mem[0])), size/4)
	out := floats[len(floats)-len(v):]
	copy(out, v)
	return out
}

// TestConvStaysInside runs with every operand at the end of its memory. The assembly loads whole
// vectors: reading the input in place (1x1, valid) is where it would step over.
func TestConvStaysInside(t *testing.T) {
	forEachImplementation(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(13, 14))
		p := workers.New(2)
		defer p.Close()
		for _, c := range []convCase{
			same(7, 3, 1, 1, 1, 1), same(7, 3, 1, 2, 4, 4), same(6, 20, 1, 2, 5, 7),
			same(13, 5, 3, 2, 7, 7), same(5, 3, 3, 1, 16, 16), same(1, 3, 1, 2, 5, 7),
			{ConvShape{3, 5, 3, 3, 1, 0, 0, 0, 0}, 2, 9, 40},
			same(16, 16, 3, 1, 16, 16), same(17, 20, 3, 5, 7, 7), same(16, 18, 3, 2, 9, 70),
			{ConvShape{16, 16, 3, 3, 1, 0, 0, 0, 0}, 2, 13, 21},
			{ConvShape{8, 4, 3, 3, 1, 0, 0, 0, 0}, 3, 8, 9},
			{ConvShape{9, 5, 3, 3, 2, 1, 1, 1, 1}, 3, 9, 9},
		} {
			weights, bias, src := c.inputs(rng)
			conv, err := NewConv(c.ConvShape, weights, bias)
			require.NoError(t, err)
			conv.weights.data = atPageEnd(t, conv.weights.data)
			conv.bias = atPageEnd(t, conv.bias)
			if conv.wino != nil {
				conv.wino.u = atPageEnd(t, conv.wino.u)
			}
			want := wanted(conv, weights, bias, src, c.n, c.h, c.w)
			dst := atPageEnd(t, make([]float32, len(want)))
			scratch := make([]float32, conv.Scratch(c.n, c.h, c.w))
			if len(scratch) > 0 {
				scratch = atPageEnd(t, scratch)
			}
			conv.Run(p, dst, atPageEnd(t, src), c.n, c.h, c.w, scratch)
			requireSame(t, want, dst)
		}
	})
}
