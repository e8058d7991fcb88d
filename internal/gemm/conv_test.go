package gemm

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/stretchr/testify/require"
)

// convCase is a convolution and its input.
type convCase struct {
	ConvShape
	n, h, w int
}

// same returns a k x k convolution that keeps the image size.
func same(outC, inC, k, n, h, w int) convCase {
	p := k / 2
	return convCase{ConvShape{outC, inC, k, k, 1, p, p, p, p}, n, h, w}
}

func convCases() []convCase {
	cases := []convCase{
		same(1, 1, 1, 1, 1, 1),
		same(1, 1, 3, 1, 1, 1),
		same(7, 5, 3, 33, 1, 1), // every column another image
		same(13, 3, 3, 5, 7, 7),
		same(64, 40, 3, 2, 7, 7), // two K blocks, tiles across images
		same(6, 77, 3, 1, 14, 14),
		// Winograd: whole tiles, partial ones, several images in a group of lanes, one column.
		same(16, 16, 3, 1, 4, 4),
		same(20, 17, 3, 3, 28, 28),
		same(33, 16, 3, 5, 14, 14),
		same(16, 40, 3, 9, 7, 7),
		same(17, 51, 3, 2, 13, 17), // the nine weights of a channel in two K blocks
		same(17, 16, 3, 40, 3, 3),
		same(16, 16, 3, 2, 64, 3),
		same(30, 140, 3, 3, 5, 21),                           // several jobs of few columns
		{ConvShape{16, 16, 3, 3, 1, 0, 0, 0, 0}, 2, 30, 19},  // valid
		{ConvShape{16, 16, 3, 3, 1, 0, 2, 3, 0}, 2, 11, 150}, // asymmetric padding, wide
		{ConvShape{16, 16, 3, 3, 1, 7, 9, 8, 10}, 1, 3, 2},   // whole tiles of padding
		same(3, 64, 1, 3, 9, 5),
		same(12, 330, 1, 2, 4, 4), // two K blocks of a 1x1, read in place
		same(5, 2, 5, 2, 8, 6),
		same(2, 3, 7, 1, 3, 3),                                // kernel larger than the image
		{ConvShape{8, 4, 3, 3, 1, 0, 0, 0, 0}, 3, 8, 9},       // valid, read in place
		{ConvShape{8, 4, 3, 1, 1, 0, 0, 0, 0}, 3, 8, 9},       // 1 wide: rows join
		{ConvShape{8, 4, 1, 3, 1, 0, 1, 0, 1}, 3, 8, 9},       // 1 high
		{ConvShape{9, 5, 3, 3, 2, 1, 1, 1, 1}, 3, 28, 28},     // stride 2
		{ConvShape{9, 5, 3, 3, 2, 0, 0, 1, 1}, 3, 7, 7},       // stride 2, asymmetric padding
		{ConvShape{4, 3, 4, 4, 4, 0, 0, 0, 0}, 2, 32, 32},     // patches
		{ConvShape{4, 3, 2, 3, 3, 2, 0, 1, 3}, 2, 11, 10},     // stride 3
		{ConvShape{4, 3, 1, 1, 2, 0, 0, 0, 0}, 2, 5, 6},       // stride over a 1x1
		{ConvShape{2, 2, 3, 3, 1, 4, 5, 6, 7}, 2, 3, 3},       // more padding than image
		{ConvShape{5, 3, 3, 3, 1, 1, 1, 1, 1}, 64, 3, 2},      // large batch
		{ConvShape{17, 4, 3, 3, 1, 1, 1, 1, 1}, 1, 33, 64},    // more tiles than a job holds
		{ConvShape{2, 1 << 10, 1, 1, 1, 0, 0, 0, 0}, 1, 1, 1}, // long sum, one pixel
		{ConvShape{70, 2, 1, 1, 1, 1, 0, 0, 1}, 2, 4, 4},      // padded 1x1
	}
	for w := 1; w <= 33; w++ {
		cases = append(cases, same(16+w%9, 16+w%4, 3, 1+w%3, 1+w%7, w))
		cases = append(cases, same(1+w%9, 1+w%4, 3, 1+w%3, 1+w%5, w))
	}
	return cases
}

func (c convCase) String() string {
	return fmt.Sprintf("%+v", struct {
		ConvShape
		n, h, w int
	}(c))
}

// inputs are the weights, bias and source of a case.
func (c convCase) inputs(rng *rand.Rand) (weights, bias, src []float32) {
	return random(rng, c.OutC*c.k()), random(rng, c.OutC), random(rng, c.n*c.InC*c.h*c.w)
}

// runGuarded runs conv with guard words around everything that Run may write.
func runGuarded(t *testing.T, conv *Conv, p *workers.Pool, src []float32, n, h, w int) []float32 {
	t.Helper()
	return runGuardedFused(t, conv, p, src, n, h, w, Fused{})
}

// runGuardedFused is runGuarded with what is fused.
func runGuardedFused(t *testing.T, conv *Conv, p *workers.Pool, src []float32, n, h, w int, f Fused) []float32 {
	t.Helper()
	oh, ow := conv.OutSize(h, w)
	allDst, dst := guarded(n * conv.shape.OutC * oh * ow)
	allScratch, scratch := guarded(conv.Scratch(n, h, w))
	conv.RunFused(p, dst, src, n, h, w, scratch, f)
	requireGuards(t, allDst, len(dst))
	requireGuards(t, allScratch, len(scratch))
	return dst
}

func TestConvEqualsNaive(t *testing.T) {
	forEachImplementation(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 2))
		for i, c := range convCases() {
			weights, bias, src := c.inputs(rng)
			if i%3 == 0 {
				bias = nil
			}
			if i%4 == 3 {
				special(rng, weights, 50)
				special(rng, src, 50)
			}
			conv, err := NewConv(c.ConvShape, weights, bias)
			require.NoError(t, err)
			want := wanted(conv, weights, bias, src, c.n, c.h, c.w)
			for threads := 1; threads <= 4; threads++ {
				t.Run(fmt.Sprintf("%v/threads%d", c, threads), func(t *testing.T) {
					p := workers.New(threads)
					defer p.Close()
					requireSame(t, want, runGuarded(t, conv, p, src, c.n, c.h, c.w))
				})
			}
		}
	})
}

// TestConvRandomShapes draws shapes nobody thought of.
func TestConvRandomShapes(t *testing.T) {
	count := 400
	if testing.Short() {
		count = 80
	}
	forEachImplementation(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(3, 4))
		p := workers.New(2)
		defer p.Close()
		for i := range count {
			c := convCase{ConvShape{
				1 + rng.IntN(20), 1 + rng.IntN(50), 1 + rng.IntN(4), 1 + rng.IntN(4), 1 + rng.IntN(3),
				rng.IntN(3), rng.IntN(3), rng.IntN(3), rng.IntN(3),
			}, 1 + rng.IntN(5), 1 + rng.IntN(12), 1 + rng.IntN(20)}
			if i%4 == 0 { // for Winograd
				c.KH, c.KW, c.Stride = 3, 3, 1
				c.OutC, c.InC, c.h, c.w = c.OutC+15, c.InC+15, c.h+2, c.w+2
			}
			weights, bias, src := c.inputs(rng)
			conv, err := NewConv(c.ConvShape, weights, bias)
			require.NoError(t, err)
			want := wanted(conv, weights, bias, src, c.n, c.h, c.w)
			requireSame(t, want, runGuarded(t, conv, p, src, c.n, c.h, c.w))
		}
	})
}

// TestConvBatchInvariant runs the images of a batch together and alone.
func TestConvBatchInvariant(t *testing.T) {
	forEachImplementation(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(5, 6))
		for _, c := range []convCase{
			same(20, 40, 3, 7, 7, 7), same(9, 8, 1, 5, 5, 5), same(9, 8, 3, 5, 7, 7),
		} {
			weights, bias, src := c.inputs(rng)
			conv, err := NewConv(c.ConvShape, weights, bias)
			require.NoError(t, err)
			batch := runGuarded(t, conv, nil, src, c.n, c.h, c.w)
			in, out := len(src)/c.n, len(batch)/c.n
			for i := range c.n {
				one := runGuarded(t, conv, nil, src[i*in:(i+1)*in], 1, c.h, c.w)
				requireSame(t, batch[i*out:(i+1)*out], one)
			}
		}
	})
}

// TestConvInfinityOverPadding checks the one visible effect of padding being part of the sum.
func TestConvInfinityOverPadding(t *testing.T) {
	forEachImplementation(t, func(t *testing.T) {
		inf := float32(1)
		inf /= 0 * inf
		weights := []float32{inf, 1, 1}
		conv, err := NewConv(ConvShape{1, 1, 1, 3, 1, 0, 1, 0, 1}, weights, nil)
		require.NoError(t, err)
		got := runGuarded(t, conv, nil, []float32{1, 2, 3}, 1, 1, 3)
		require.NotEqual(t, got[0], got[0], "infinity times padding is NaN")
		require.Equal(t, []float32{inf, inf}, got[1:])
	})
}

// TestConvChangesSize runs one Conv on images whose height and width change in turn.
func TestConvChangesSize(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 16))
	s := same(4, 3, 3, 1, 1, 1).ConvShape
	weights := random(rng, s.OutC*s.k())
	conv, err := NewConv(s, weights, nil)
	require.NoError(t, err)
	for _, hw := range [][2]int{{5, 6}, {5, 9}, {6, 9}, {9, 6}, {5, 6}} {
		h, w := hw[0], hw[1]
		src := random(rng, s.InC*h*w)
		want := wanted(conv, weights, nil, src, 1, h, w)
		requireSame(t, want, runGuarded(t, conv, nil, src, 1, h, w))
	}
}

// TestConvConcurrentRuns shares one Conv and one pool among goroutines with different sizes.
func TestConvConcurrentRuns(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	c := same(10, 9, 3, 2, 10, 10)
	weights, bias, src := c.inputs(rng)
	conv, err := NewConv(c.ConvShape, weights, bias)
	require.NoError(t, err)
	p := workers.New(3)
	defer p.Close()
	var wg sync.WaitGroup
	for h := 1; h <= 10; h++ {
		want := wanted(conv, weights, bias, src, 2, h, 10)
		wg.Go(func() {
			for range 5 {
				dst, scratch := make([]float32, len(want)), make([]float32, conv.Scratch(2, h, 10))
				conv.Run(p, dst, src, 2, h, 10, scratch)
				requireSame(t, want, dst)
			}
		})
	}
	wg.Wait()
}

func TestConvSizes(t *testing.T) {
	conv, err := NewConv(ConvShape{2, 3, 3, 3, 2, 1, 1, 1, 1}, make([]float32, 54), nil)
	require.NoError(t, err)
	oh, ow := conv.OutSize(28, 7)
	require.Equal(t, [2]int{14, 4}, [2]int{oh, ow})
	require.EqualValues(t, 2*5*14*4*54, conv.FLOPs(5, 28, 7))
	padded := ConvShape{32, 16, 3, 3, 1, 1, 1, 1, 1}
	require.EqualValues(t, 2*5*7*2*36*32*16, padded.MethodFLOPs(5, 28, 7), "7x2 tiles an image")
	require.Equal(t, padded.FLOPs(5, 5, 5), padded.MethodFLOPs(5, 5, 5), "2x2 tiles would be too empty")
	require.EqualValues(t, 2*5*14*4*54, ConvShape{2, 3, 3, 3, 2, 1, 1, 1, 1}.MethodFLOPs(5, 28, 7))
	for _, hw := range [][2]int{{0, 4}, {4, 0}, {-1, 3}} {
		oh, ow = conv.OutSize(hw[0], hw[1])
		require.Equal(t, [2]int{0, 0}, [2]int{oh, ow})
	}
	valid, err := NewConv(ConvShape{1, 1, 3, 3, 1, 0, 0, 0, 0}, make([]float32, 9), nil)
	require.NoError(t, err)
	oh, ow = valid.OutSize(2, 5) // the kernel does not fit: nothing to do
	require.Equal(t, [2]int{0, 0}, [2]int{oh, ow})
	valid.Run(nil, nil, make([]float32, 10), 1, 2, 5, nil)
	require.Zero(t, valid.Scratch(1, 9, 9))
}

func TestBadShapes(t *testing.T) {
	good := ConvShape{2, 3, 3, 3, 1, 1, 1, 1, 1}
	bad := func(change func(*ConvShape)) ConvShape { s := good; change(&s); return s }
	for name, s := range map[string]ConvShape{
		"OutC":      bad(func(s *ConvShape) { s.OutC = 0 }),
		"InC":       bad(func(s *ConvShape) { s.InC = -1 }),
		"KH":        bad(func(s *ConvShape) { s.KH = 0 }),
		"KW":        bad(func(s *ConvShape) { s.KW = 1 << 40 }),
		"Stride":    bad(func(s *ConvShape) { s.Stride = 0 }),
		"PadT":      bad(func(s *ConvShape) { s.PadT = -1 }),
		"PadR":      bad(func(s *ConvShape) { s.PadR = -1 }),
		"too large": bad(func(s *ConvShape) { s.OutC, s.InC = 1<<20, 1<<20 }),
	} {
		_, err := NewConv(s, make([]float32, 54), nil)
		var se *ShapeError
		require.True(t, errors.As(err, &se), name)
	}
	var se *ShapeError
	_, err := NewConv(good, make([]float32, 53), nil)
	require.ErrorAs(t, err, &se)
	_, err = NewConv(good, make([]float32, 54), make([]float32, 3))
	require.ErrorAs(t, err, &se)
	_, err = NewLinear(2, 3, make([]float32, 5), nil)
	require.ErrorAs(t, err, &se)
	require.Equal(t, "gemm: linear: 5 weights, want 6 for [2 3]", err.Error())
	_, err = NewLinear(0, 3, nil, nil)
	require.ErrorAs(t, err, &se)
	_, err = NewLinear(2, 3, make([]float32, 6), make([]float32, 1))
	require.ErrorAs(t, err, &se)
}
