package gemm

import (
	"math/rand/v2"
	"testing"

	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/stretchr/testify/require"
)

func TestLinearEqualsNaive(t *testing.T) {
	forEachImplementation(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(9, 10))
		for _, d := range []struct{ outF, inF, rows int }{
			{1, 1, 1}, {16, 8, 6}, {17, 9, 7}, {5, 400, 13}, {100, 33, 1}, {64, 64, 64}, {33, 1, 20}, {96, 40, 43},
			{80, 1500, 100}, // more rows than stay in a cache
		} {
			weights, src := random(rng, d.outF*d.inF), random(rng, d.rows*d.inF)
			bias := random(rng, d.outF)
			if d.rows == 7 {
				bias = nil
				special(rng, weights, 10)
				special(rng, src, 10)
			}
			l, err := NewLinear(d.outF, d.inF, weights, bias)
			require.NoError(t, err)
			require.EqualValues(t, 2*d.outF*d.inF*d.rows, l.FLOPs(d.rows))
			want := naiveLinear(d.outF, d.inF, weights, bias, src, d.rows)
			for threads := 1; threads <= 4; threads++ {
				p := workers.New(threads)
				allDst, dst := guarded(d.rows * d.outF)
				allScratch, scratch := guarded(l.Scratch(d.rows))
				l.Run(p, dst, src, d.rows, scratch)
				requireSame(t, want, dst)
				requireGuards(t, allDst, len(dst))
				requireGuards(t, allScratch, len(scratch))
				p.Close()
			}
		}
	})
}
