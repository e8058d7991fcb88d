package bfloat

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestColumn: every level gives the sums of product, and writes nothing else.
func TestColumn(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for _, kind := range kinds {
		for rows := 1; rows <= 11; rows++ {
			for _, kb := range []int{1, 2, 5} {
				stride := (kb + rows%3) * tile
				a, b := halves(values(rng, kind, rows*stride)), halves(values(rng, kind, kb*tile))
				start := values(rng, kind, rows*side*side)
				for _, add := range []bool{false, true} {
					want := make([]float32, len(start))
					for i := range rows {
						init := sums{values: make([]float32, side*side), stride: side}
						if add {
							init.values = start[i*side*side:]
						}
						product(generic, 1, 1, kb, a[i*stride:], b, init, want[i*side*side:], side)
					}
					everyLevel(t, func(t *testing.T) {
						all, c := guarded(len(start))
						copy(c, start)
						Column(rows, kb, a[:(rows-1)*stride+kb*tile], stride, b, c, add)
						requireGuards(t, all)
						sameBits(t, want, c, kind, rows, kb, add)
					})
				}
			}
		}
	}
}

// TestWeave and Transpose put every value where a product reads it.
func TestWeave(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	for rows := 1; rows <= 67; rows++ {
		src := values(rng, kinds[rows%3], rows*side)
		everyLevel(t, func(t *testing.T) {
			dst := make([]uint16, blocks(rows)*tile+9)
			for i := range dst {
				dst[i] = 7
			}
			Weave(dst, src, rows)
			rounded := halves(src)
			for k := range blocks(rows) * depth {
				for j := range side {
					want := uint16(0)
					if k < rows {
						want = rounded[k*side+j]
					}
					require.Equal(t, want, dst[placeB(k, j)])
				}
			}
			for _, v := range dst[blocks(rows)*tile:] {
				require.EqualValues(t, 7, v)
			}
		})
	}
	for k := 1; k <= 70; k += 3 {
		for n := 1; n <= side; n++ {
			src := values(rng, kinds[k%3], k*20)
			dst := make([]uint16, blocks(k)*tile)
			for i := range dst {
				dst[i] = 7
			}
			Transpose(dst, src, 20, k, n)
			rounded := halves(src)
			for i := range blocks(k) * depth {
				for j := range side {
					want := uint16(0)
					if i < k && j < n {
						want = rounded[i*20+j]
					}
					require.Equal(t, want, dst[placeA(i, j)])
				}
			}
		}
	}
}
