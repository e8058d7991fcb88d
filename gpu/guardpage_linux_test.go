package gpu

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// fenced returns whole pages of floats; a read or write beside them kills the test.
func fenced(t *testing.T, pages int) []float32 {
	t.Helper()
	page := syscall.Getpagesize()
	mem, err := syscall.Mmap(-1, 0, (pages+2)*page, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, syscall.Munmap(mem)) })
	require.NoError(t, syscall.Mprotect(mem[:page], syscall.PROT_NONE))
	require.NoError(t, syscall.Mprotect(mem[(pages+1)*page:], syscall.PROT_NONE))
	return unsafe.Slice((*float32)(unsafe.Pointer(&mem[page])), pages*page/4)
}

// TestNormalsStayInside makes normals at both ends of fenced memory.
func TestNormalsStayInside(t *testing.T) {
	mem := fenced(t, 1)
	forLevels(t, levels, func(t *testing.T) {
		for n := range 200 {
			for off := range 5 {
				want := make([]float32, n)
				normalsGeneric(want, 3, 1, uint64(off))
				for _, got := range [][]float32{mem[:n], mem[len(mem)-n:]} {
					Normals(got, 3, 1, off)
					require.Equal(t, want, got)
				}
			}
		}
	})
}

// TestLoopsStayInside runs the loops of the update with every slice at an end of fenced memory.
func TestLoopsStayInside(t *testing.T) {
	in, out := fenced(t, 1), fenced(t, 1)
	forLevels(t, levels, func(t *testing.T) {
		for n := range 100 {
			for _, end := range []bool{false, true} {
				r, y := in[:n], out[:n]
				if end {
					r, y = in[len(in)-n:], out[len(out)-n:]
				}
				sum(y, []term{{r, 2}, {r, 3}}, end)
				scale(y, 2, r)
				clip(y, 2, r)
			}
		}
	})
}

// TestFusedStaysInside has every buffer of an update at an end of fenced memory.
func TestFusedStaysInside(t *testing.T) {
	var mem [][]float32
	for range 11 {
		mem = append(mem, fenced(t, 1))
	}
	forLevels(t, levels, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(15, 16))
		for n := 1; n < 70; n++ {
			for _, end := range []bool{false, true} {
				left := mem
				r, e := oddRow(rng, n, func(n int) []float32 {
					m := left[0]
					left = left[1:]
					if end {
						return m[len(m)-n:]
					}
					return m[:n]
				})
				r.update(e, 0, n)
			}
		}
	})
}
