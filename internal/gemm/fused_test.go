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

// fusedCases go every way: direct in one and two K blocks, tiles across images, few outputs, strides, Winograd's with
// weights that are kept and made, for few tiles and many.
func fusedCases() []convCase {
	return append(leanCases(),
		same(7, 5, 3, 33, 2, 2), same(13, 3, 3, 5, 6, 8), same(64, 48, 3, 2, 2, 2), same(3, 20, 3, 3, 6, 10),
		same(16, 16, 3, 1, 4, 4), same(20, 17, 3, 3, 28, 28), same(16, 40, 3, 9, 6, 6), same(33, 16, 3, 5, 14, 14),
		same(30, 70, 3, 2, 8, 8), same(19, 16, 3, 1, 18, 66),
		convCase{ConvShape{20, 9, 1, 1, 1, 0, 0, 0, 0}, 3, 6, 8},
		convCase{ConvShape{20, 9, 3, 3, 2, 0, 0, 1, 1}, 3, 6, 8},
		convCase{ConvShape{18, 16, 3, 3, 1, 2, 0, 1, 3}, 2, 12, 20},
		convCase{ConvShape{5, 4, 2, 3, 1, 0, 1, 0, 0}, 3, 4, 6},
	)
}

// TestFusedEqualsSeparate holds what is fused to the bits of an enlarged input, a convolution and two sums, on all
// levels and numbers of threads, with guard words, and with what is not finite.
func TestFusedEqualsSeparate(t *testing.T) {
	forEachImplementation(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(63, 64))
		for i, c := range fusedCases() {
			weights, bias, src := c.inputs(rng)
			if i%3 == 1 {
				bias = nil
			}
			conv, err := NewConv(c.ConvShape, weights, bias)
			require.NoError(t, err)
			lean, err := PackConv(c.ConvShape, weights, bias, Packing{Lean: true})
			require.NoError(t, err)
			oh, ow := conv.OutSize(c.h, c.w)
			row, residual := random(rng, c.n*c.OutC), random(rng, c.n*c.OutC*oh*ow)
			special(rng, residual, 50)
			special(rng, row, 10)
			for kind := range 8 {
				f := Fused{Up: kind&1 != 0}
				if f.Up && (!c.CanUp() || c.h%2 != 0 || c.w%2 != 0) {
					continue
				}
				whole, small := src, src
				if f.Up {
					small = src[:len(src)/4]
					whole = enlarged(small, c.w/2)
				}
				want := slices.Clone(runGuarded(t, conv, nil, whole, c.n, c.h, c.w))
				if kind&2 != 0 {
					f.Row = row
					for j := range want {
						want[j] += row[j/(oh*ow)]
					}
				}
				if kind&4 != 0 {
					f.Residual = residual
					for j := range want {
						want[j] += residual[j]
					}
				}
				if simd == generic && testing.Short() && kind%3 != 0 {
					continue
				}
				for threads := 1; threads <= 3; threads++ {
					for name, l := range map[string]*Conv{"kept": conv, "lean": lean} {
						t.Run(fmt.Sprintf("%v/%s/threads%d/kind%d", c, name, threads, kind), func(t *testing.T) {
							p := workers.New(threads)
							defer p.Close()
							requireSame(t, want, runGuardedFused(t, l, p, small, c.n, c.h, c.w, f))
						})
					}
				}
			}
		}
	})
}

// enlarged has each pixel of rows of w four times.
func enlarged(src []float32, w int) []float32 {
	out := make([]float32, 4*len(src))
	for i, v := range src {
		at := i/w*4*w + i%w*2
		out[at], out[at+1], out[at+2*w], out[at+2*w+1] = v, v, v, v
	}
	return out
}

// TestFusedRefuses: operands that do not fit are a programmer's error, found before anything is written.
func TestFusedRefuses(t *testing.T) {
	rng := rand.New(rand.NewPCG(65, 66))
	c := same(4, 3, 3, 2, 6, 6)
	weights, bias, src := c.inputs(rng)
	conv, err := NewConv(c.ConvShape, weights, bias)
	require.NoError(t, err)
	dst, scratch := make([]float32, 2*4*36), make([]float32, conv.Scratch(2, 6, 6))
	for name, f := range map[string]Fused{
		"short row": {Row: make([]float32, 7)}, "short residual": {Residual: make([]float32, 2*4*36-1)},
	} {
		require.Panics(t, func() { conv.RunFused(nil, dst, src, 2, 6, 6, scratch, f) }, name)
	}
	require.Panics(t, func() { conv.RunFused(nil, dst, src, 2, 5, 6, scratch, Fused{Up: true}) }, "an odd height")
	plain, err := NewConv(ConvShape{4, 3, 1, 1, 1, 0, 0, 0, 0}, weights[:12], bias)
	require.NoError(t, err)
	require.Panics(t, func() { plain.RunFused(nil, dst, src, 2, 6, 6, nil, Fused{Up: true}) }, "no padding")
	require.Equal(t, make([]float32, len(dst)), dst)
	conv.Run(nil, dst, src, 2, 6, 6, scratch) // works on
}

// TestFusedDoesNotAllocate runs everything that is fused.
func TestFusedDoesNotAllocate(t *testing.T) {
	if race.Enabled {
		t.Skip("sync.Pool drops entries under the race detector")
	}
	rng := rand.New(rand.NewPCG(67, 68))
	p := workers.New(2)
	defer p.Close()
	c := same(20, 40, 3, 3, 28, 28)
	weights, bias, src := c.inputs(rng)
	conv, err := NewConv(c.ConvShape, weights, bias)
	require.NoError(t, err)
	dst, scratch := make([]float32, 3*20*784), make([]float32, conv.Scratch(3, 28, 28))
	f := Fused{Up: true, Row: random(rng, 60), Residual: random(rng, len(dst))}
	run := func() { conv.RunFused(p, dst, src, 3, 28, 28, scratch, f) }
	for range 10 {
		run()
	}
	require.Zero(t, testing.AllocsPerRun(100, run))
}
