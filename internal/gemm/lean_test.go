package gemm

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/internal/race"
	"github.com/cudiffuse/cudiffuse/internal/workers"
)

// leanCases are convolutions of which lean layers transform the weights.
func leanCases() []convCase {
	return []convCase{
		same(16, 16, 3, 2, 16, 16),
		same(17, 51, 3, 2, 13, 17),
		same(130, 260, 3, 2, 16, 15), // a block for all threads
		same(29, 1030, 3, 2, 16, 16), // weights in more than one chunk
		same(43, 17, 3, 5, 29, 27),   // a block for each thread and more
		{ConvShape{43, 33, 3, 3, 1, 0, 2, 3, 0}, 3, 20, 35},
	}
}

// TestLeanEqualsKept holds weights that are transformed in every run to the bits of those that are kept.
func TestLeanEqualsKept(t *testing.T) {
	forEachImplementation(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(51, 52))
		for _, c := range leanCases() {
			weights, bias, src := c.inputs(rng)
			special(rng, weights, 5000)
			kept, err := NewConv(c.ConvShape, weights, bias)
			require.NoError(t, err)
			require.True(t, kept.useWinograd(c.h, c.w))
			want := runGuarded(t, kept, nil, src, c.n, c.h, c.w)
			lean, err := PackConv(c.ConvShape, weights, bias, Packing{Lean: true})
			require.NoError(t, err)
			require.Nil(t, lean.wino)
			for threads := 1; threads <= 3; threads++ {
				p := workers.New(threads)
				requireSame(t, want, runGuarded(t, lean, p, src, c.n, c.h, c.w))
				p.Close()
			}
			one := runGuarded(t, lean, nil, src[:len(src)/c.n], 1, c.h, c.w)
			requireSame(t, want[:len(one)], one)
		}
	})
}

// TestLeanManyChannels is one with more channels than are kept.
func TestLeanManyChannels(t *testing.T) {
	rng := rand.New(rand.NewPCG(55, 56))
	c := same(16, winoMax/16+1, 3, 2, 16, 16)
	require.Zero(t, c.WinogradBytes())
	weights, bias, src := c.inputs(rng)
	lean, err := PackConv(c.ConvShape, weights, bias, Packing{Lean: true})
	require.NoError(t, err)
	kept, err := NewConv(c.ConvShape, weights, bias)
	require.NoError(t, err)
	require.Nil(t, kept.wino)
	kept.wino = newWinograd(kept.tiling.level, &kept.weights)
	p := workers.New(2)
	defer p.Close()
	requireSame(t, runGuarded(t, kept, nil, src, c.n, c.h, c.w), runGuarded(t, lean, p, src, c.n, c.h, c.w))
}

// TestPackInPlace packs weights where they are, and gets them back.
func TestPackInPlace(t *testing.T) {
	forEachImplementation(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(57, 58))
		for _, spare := range []int{0, 100, 1 << 20} {
			for _, c := range append(leanCases(), convCases()[:12]...) {
				t.Run(fmt.Sprint(c, spare), func(t *testing.T) {
					weights, bias, src := c.inputs(rng)
					mine := slices.Clone(weights)
					o := Packing{InPlace: true, Spare: random(rng, spare)}
					conv, err := PackConv(c.ConvShape, mine, bias, o)
					require.NoError(t, err)
					require.Same(t, &mine[0], &conv.weights.data[0])
					kept, err := NewConv(c.ConvShape, weights, bias)
					require.NoError(t, err)
					requireSame(t, runGuarded(t, kept, nil, src, c.n, c.h, c.w),
						runGuarded(t, conv, nil, src, c.n, c.h, c.w))
					back := make([]float32, len(weights))
					conv.Weights(back)
					requireSame(t, weights, back)
				})
			}
			for _, outF := range []int{32, 96, 33} {
				weights, src := random(rng, outF*20), random(rng, 7*20)
				mine := slices.Clone(weights)
				l, err := PackLinear(outF, 20, mine, nil, Packing{InPlace: true, Spare: random(rng, spare)})
				require.NoError(t, err)
				require.Equal(t, outF != 33, &mine[0] == &l.weights[0])
				plain, err := NewLinear(outF, 20, weights, nil)
				require.NoError(t, err)
				require.Equal(t, plain.weights, l.weights)
				dst, scratch := make([]float32, 7*outF), make([]float32, l.Scratch(7))
				l.Run(nil, dst, src, 7, scratch)
				back := make([]float32, len(weights))
				l.Weights(back)
				requireSame(t, weights, back)
			}
		}
	})
}

// TestLeanDoesNotAllocate runs a lean layer.
func TestLeanDoesNotAllocate(t *testing.T) {
	if race.Enabled {
		t.Skip("sync.Pool drops entries under the race detector")
	}
	rng := rand.New(rand.NewPCG(59, 60))
	p := workers.New(3)
	defer p.Close()
	c := same(130, 260, 3, 2, 16, 16)
	weights, bias, src := c.inputs(rng)
	conv, err := PackConv(c.ConvShape, weights, bias, Packing{Lean: true})
	require.NoError(t, err)
	dst, scratch := make([]float32, 2*130*256), make([]float32, conv.Scratch(2, 16, 16))
	run := func() { conv.Run(p, dst, src, 2, 16, 16, scratch) }
	for range 10 { // every thread has its workspace
		run()
	}
	require.Zero(t, testing.AllocsPerRun(100, run))
}
