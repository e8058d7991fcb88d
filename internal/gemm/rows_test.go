package gemm

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPackRows packs panels of every height and of lengths around those of the assembly's blocks.
func TestPackRows(t *testing.T) {
	forEachImplementation(t, func(t *testing.T) {
		rng, l := rand.New(rand.NewPCG(41, 42)), simd
		for rows := 1; rows <= l.tiling().m; rows++ {
			for _, kn := range []int{1, 2, 7, 8, 9, 15, 16, 17, 23, 24, 25, 31, 32, 33, 50} {
				lda := kn + rows%3
				a := random(rng, (rows-1)*lda+kn)
				all, dst := guarded(rows * kn)
				packRows(l, dst, a, rows, kn, lda)
				requireGuards(t, all, len(dst))
				for r := range rows {
					for k := range kn {
						require.Equal(t, a[r*lda+k], dst[k*rows+r], "%d rows of %d: row %d, %d", rows, kn, r, k)
					}
				}
			}
		}
	})
}

// TestSumRows adds rows of every length, to other ones and to the same one every time, and in place.
func TestSumRows(t *testing.T) {
	forEachImplementation(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(43, 44))
		for n := 1; n <= maxTileN; n++ {
			for _, ldb := range []int{0, n, n + 3} {
				const rows = 3
				lda, ldd := n+1, n+2
				a, b := random(rng, (rows-1)*lda+n), random(rng, (rows-1)*ldb+n)
				special(rng, a, 10)
				special(rng, b, 10)
				all, dst := guarded((rows-1)*ldd + n)
				want := append([]float32(nil), dst...)
				for r := range rows {
					for j := range n {
						want[r*ldd+j] = a[r*lda+j] + b[r*ldb+j]
					}
				}
				sumRows(simd, dst, ldd, a, lda, b, ldb, rows, n)
				requireSame(t, want, dst)
				requireGuards(t, all, len(dst))
				sumRows(simd, a, lda, a, lda, b, ldb, rows, n)
				for r := range rows {
					requireSame(t, want[r*ldd:][:n], a[r*lda:][:n])
				}
			}
		}
	})
}
