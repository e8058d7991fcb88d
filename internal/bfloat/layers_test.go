package bfloat

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/internal/gemm"
	"github.com/cudiffuse/cudiffuse/internal/half"
	"github.com/cudiffuse/cudiffuse/internal/race"
	"github.com/cudiffuse/cudiffuse/internal/workers"
)

// contract is an output: the bias, then the sums of 32 products, those of even and odd places apart.
func contract(bias float32, a, b []float32) float32 {
	y := bias
	for at := 0; at < len(a); at += depth {
		var t [2]float32
		for k := at; k < min(at+depth, len(a)); k++ {
			x, w := widen(half.BFloat16(a[k])), widen(half.BFloat16(b[k]))
			t[k%2] = flush(t[k%2] + float32(x*w))
		}
		y = flush(flush(y) + flush(t[0]+t[1]))
	}
	return y
}

// patch is what the output pixel (oy, ox) of an image multiplies with the weights.
func patch(s gemm.ConvShape, image []float32, h, w, oy, ox int) (v []float32) {
	for ic := range s.InC {
		for kh := range s.KH {
			for kw := range s.KW {
				y, x := oy*s.Stride+kh-s.PadT, ox*s.Stride+kw-s.PadL
				if y < 0 || y >= h || x < 0 || x >= w {
					v = append(v, 0)
				} else {
					v = append(v, image[(ic*h+y)*w+x])
				}
			}
		}
	}
	return v
}

func naiveConv(s gemm.ConvShape, weights, bias, src []float32, n, h, w int) (out []float32) {
	oh, ow := s.OutSize(h, w)
	k, size := s.InC*s.KH*s.KW, s.InC*h*w
	out = make([]float32, n*s.OutC*oh*ow)
	for img := range n {
		for p := range oh * ow {
			v := patch(s, src[img*size:][:size], h, w, p/ow, p%ow)
			for o := range s.OutC {
				out[(img*s.OutC+o)*oh*ow+p] = contract(at(bias, o), weights[o*k:][:k], v)
			}
		}
	}
	return out
}

func at(bias []float32, i int) float32 {
	if bias == nil {
		return 0
	}
	return bias[i]
}

const margin = 40

// guarded is n values between others that nothing may write.
func guarded(n int) (all, inner []float32) {
	all = make([]float32, n+2*margin)
	for i := range all {
		all[i] = 4711
	}
	return all, all[margin:][:n:n]
}

func requireGuards(t *testing.T, all []float32) {
	t.Helper()
	for i := range margin {
		require.EqualValues(t, 4711, all[i])
		require.EqualValues(t, 4711, all[len(all)-1-i])
	}
}

func everyLevel(t *testing.T, f func(t *testing.T)) {
	before := simd
	defer func() { simd = before }()
	for _, simd = range levels {
		t.Run(Implementation(), f)
	}
}

type convCase struct {
	gemm.ConvShape
	n, h, w int
}

func same(outC, inC, k, n, h, w int) convCase {
	p := k / 2
	return convCase{gemm.ConvShape{OutC: outC, InC: inC, KH: k, KW: k, Stride: 1, PadT: p, PadL: p, PadB: p, PadR: p}, n, h, w}
}

func convCases() []convCase {
	cases := []convCase{
		same(1, 1, 1, 1, 1, 1),
		same(16, 32, 1, 1, 4, 8),
		same(33, 17, 3, 2, 28, 28),
		same(64, 40, 3, 3, 7, 7),
		same(7, 5, 3, 33, 1, 1), // every column another image
		same(5, 3, 3, 64, 3, 2),
		same(2, 3, 7, 1, 3, 3), // a kernel larger than the image
		same(40, 70, 1, 2, 5, 9),
		{gemm.ConvShape{OutC: 9, InC: 5, KH: 3, KW: 3, Stride: 2, PadT: 1, PadL: 1, PadB: 1, PadR: 1}, 3, 28, 28},
		{gemm.ConvShape{OutC: 9, InC: 5, KH: 3, KW: 3, Stride: 2, PadB: 1, PadR: 1}, 3, 7, 7},
		{gemm.ConvShape{OutC: 4, InC: 3, KH: 4, KW: 4, Stride: 4}, 2, 32, 32},
		{gemm.ConvShape{OutC: 4, InC: 3, KH: 2, KW: 3, Stride: 3, PadT: 2, PadB: 1, PadR: 3}, 2, 11, 10},
		{gemm.ConvShape{OutC: 4, InC: 3, KH: 1, KW: 1, Stride: 2}, 2, 5, 6},
		{gemm.ConvShape{OutC: 2, InC: 2, KH: 3, KW: 3, Stride: 1, PadT: 4, PadL: 5, PadB: 6, PadR: 7}, 2, 3, 3},
		{gemm.ConvShape{OutC: 8, InC: 4, KH: 3, KW: 1, Stride: 1}, 3, 8, 9},
		{gemm.ConvShape{OutC: 8, InC: 4, KH: 1, KW: 3, Stride: 1, PadL: 1, PadR: 1}, 3, 8, 9},
	}
	for w := 1; w <= 33; w++ {
		cases = append(cases, same(1+w%9, 1+w%4, 3, 1+w%3, 1+w%5, w))
	}
	return cases
}

// TestConvKeepsTheContract compares every level with plain loops, with guard words around what is written.
func TestConvKeepsTheContract(t *testing.T) {
	for i, c := range convCases() {
		rng := rand.New(rand.NewPCG(uint64(i), 2))
		kind := kinds[i%len(kinds)]
		k := c.InC * c.KH * c.KW
		weights, src, bias := values(rng, kind, c.OutC*k), values(rng, kind, c.n*c.InC*c.h*c.w), values(rng, "ordinary", c.OutC)
		if i%4 == 0 {
			bias = nil
		}
		want := naiveConv(c.ConvShape, weights, bias, src, c.n, c.h, c.w)
		conv, err := NewConv(c.ConvShape, weights, bias)
		require.NoError(t, err)
		everyLevel(t, func(t *testing.T) {
			for _, threads := range []int{1, 3} {
				p := workers.New(threads)
				allDst, dst := guarded(len(want))
				allScratch, scratch := guarded(conv.Scratch(c.n, c.h, c.w))
				conv.Run(p, dst, src, c.n, c.h, c.w, scratch)
				p.Close()
				requireGuards(t, allDst)
				requireGuards(t, allScratch)
				sameBits(t, want, dst, fmt.Sprintf("%+v, %d threads, %s", c, threads, kind))
			}
		})
		back := make([]float32, len(weights))
		conv.Weights(back)
		for j, v := range weights {
			require.Equal(t, math.IsNaN(float64(v)), math.IsNaN(float64(back[j])))
			if v == v {
				require.Equal(t, half.BFloat16ToFloat32(half.BFloat16(v)), back[j])
			}
		}
	}
}

// TestLinearKeepsTheContract compares every level with plain loops, with guard words around what is written.
func TestLinearKeepsTheContract(t *testing.T) {
	for i, c := range [][3]int{{1, 1, 1}, {1, 70, 33}, {16, 32, 32}, {17, 16, 31}, {40, 33, 64}, {33, 100, 65}, {100, 7, 200}, {64, 64, 96}} {
		rows, outF, inF := c[0], c[1], c[2]
		rng := rand.New(rand.NewPCG(uint64(i), 3))
		kind := kinds[i%len(kinds)]
		weights, src, bias := values(rng, kind, outF*inF), values(rng, kind, rows*inF), values(rng, "ordinary", outF)
		if i%3 == 0 {
			bias = nil
		}
		want := make([]float32, 0, rows*outF)
		for r := range rows {
			for o := range outF {
				want = append(want, contract(at(bias, o), weights[o*inF:][:inF], src[r*inF:][:inF]))
			}
		}
		l, err := NewLinear(outF, inF, weights, bias)
		require.NoError(t, err)
		everyLevel(t, func(t *testing.T) {
			for _, threads := range []int{1, 3} {
				p := workers.New(threads)
				allDst, dst := guarded(len(want))
				allScratch, scratch := guarded(l.Scratch(rows))
				l.Run(p, dst, src, rows, scratch)
				p.Close()
				requireGuards(t, allDst)
				requireGuards(t, allScratch)
				sameBits(t, want, dst, c, threads, kind)
			}
		})
		back := make([]float32, len(weights))
		l.Weights(back)
		sameBits(t, widened(weights), back)
	}
}

func widened(v []float32) []float32 {
	out := make([]float32, len(v))
	for i := range v {
		out[i] = half.BFloat16ToFloat32(half.BFloat16(v[i]))
	}
	return out
}

// TestRunAllocatesNothing, once warm.
func TestRunAllocatesNothing(t *testing.T) {
	if race.Enabled {
		t.Skip("sync.Pool drops entries under the race detector")
	}
	p := workers.New(2)
	defer p.Close()
	c := same(32, 32, 3, 2, 14, 14)
	conv, err := NewConv(c.ConvShape, make([]float32, 32*32*9), nil)
	require.NoError(t, err)
	l, err := NewLinear(64, 64, make([]float32, 64*64), nil)
	require.NoError(t, err)
	src, dst, scratch := make([]float32, 1<<15), make([]float32, 1<<15), make([]float32, 1<<16)
	run := func() {
		conv.Run(p, dst, src, c.n, c.h, c.w, scratch)
		l.Run(p, dst, src, 64, scratch)
	}
	run()
	require.LessOrEqual(t, testing.AllocsPerRun(50, run), 0.1)
}

var benchmarks = []convCase{same(64, 64, 3, 1, 28, 28), same(64, 64, 3, 16, 28, 28), same(320, 320, 3, 1, 64, 64), same(320, 320, 1, 1, 64, 64), same(1280, 1280, 3, 1, 8, 8)}

func BenchmarkConv(b *testing.B) {
	for _, c := range benchmarks {
		weights, src := make([]float32, c.OutC*c.InC*c.KH*c.KW), make([]float32, c.n*c.InC*c.h*c.w)
		dst := make([]float32, c.n*c.OutC*c.h*c.w)
		ours, err := NewConv(c.ConvShape, weights, nil)
		require.NoError(b, err)
		single, err := gemm.NewConv(c.ConvShape, weights, nil)
		require.NoError(b, err)
		scratch := make([]float32, max(ours.Scratch(c.n, c.h, c.w), single.Scratch(c.n, c.h, c.w)))
		name := fmt.Sprintf("%dx%d/k%d/%dx%dx%d/", c.OutC, c.InC, c.KH, c.n, c.h, c.w)
		flops := float64(c.FLOPs(c.n, c.h, c.w))
		for what, run := range map[string]func(){
			"bfloat16": func() { ours.Run(nil, dst, src, c.n, c.h, c.w, scratch) },
			"float32":  func() { single.Run(nil, dst, src, c.n, c.h, c.w, scratch) },
		} {
			b.Run(name+what, func(b *testing.B) {
				for range b.N {
					run()
				}
				b.ReportMetric(flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}

func BenchmarkLinear(b *testing.B) {
	for _, c := range [][3]int{{1, 512, 512}, {512, 512, 512}, {4096, 320, 1280}, {4096, 2560, 320}, {1024, 640, 640}} {
		rows, outF, inF := c[0], c[1], c[2]
		weights, src, dst := make([]float32, outF*inF), make([]float32, rows*inF), make([]float32, rows*outF)
		ours, err := NewLinear(outF, inF, weights, nil)
		require.NoError(b, err)
		single, err := gemm.NewLinear(outF, inF, weights, nil)
		require.NoError(b, err)
		scratch := make([]float32, max(ours.Scratch(rows), single.Scratch(rows)))
		for what, run := range map[string]func(){
			"bfloat16": func() { ours.Run(nil, dst, src, rows, scratch) },
			"float32":  func() { single.Run(nil, dst, src, rows, scratch) },
		} {
			b.Run(fmt.Sprintf("%dx%dx%d/%s", rows, outF, inF, what), func(b *testing.B) {
				for range b.N {
					run()
				}
				b.ReportMetric(2*float64(rows*outF*inF)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}
