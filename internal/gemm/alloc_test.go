package gemm

import (
	"math/rand/v2"
	"testing"

	"github.com/cudiffuse/cudiffuse/internal/race"
	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/stretchr/testify/require"
)

func TestRunDoesNotAllocate(t *testing.T) {
	if race.Enabled {
		t.Skip("sync.Pool drops entries under the race detector")
	}
	rng := rand.New(rand.NewPCG(11, 12))
	p := workers.New(3)
	defer p.Close()
	forEachImplementation(t, func(t *testing.T) {
		for _, c := range []convCase{
			same(12, 40, 3, 3, 7, 7),
			same(12, 40, 1, 3, 7, 7),
			same(20, 40, 3, 3, 7, 7),
			{ConvShape{12, 8, 3, 3, 2, 1, 1, 1, 1}, 3, 9, 9},
		} {
			weights, bias, src := c.inputs(rng)
			conv, err := NewConv(c.ConvShape, weights, bias)
			require.NoError(t, err)
			oh, ow := conv.OutSize(c.h, c.w)
			dst := make([]float32, c.n*c.OutC*oh*ow)
			scratch := make([]float32, conv.Scratch(c.n, c.h, c.w))
			run := func() { conv.Run(p, dst, src, c.n, c.h, c.w, scratch) }
			run()
			require.Zero(t, testing.AllocsPerRun(100, run), "%v", c)
		}
		l, err := NewLinear(33, 20, random(rng, 33*20), random(rng, 33))
		require.NoError(t, err)
		src, dst, scratch := random(rng, 7*20), make([]float32, 7*33), make([]float32, l.Scratch(7))
		run := func() { l.Run(p, dst, src, 7, scratch) }
		run()
		require.Zero(t, testing.AllocsPerRun(100, run))
	})
}
