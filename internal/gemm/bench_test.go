package gemm

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cudiffuse/cudiffuse/internal/workers"
)

// benchCases are shapes that U-Nets are made of.
func benchCases() []convCase {
	return []convCase{
		same(64, 64, 3, 20, 28, 28), same(128, 128, 3, 20, 7, 7), same(128, 128, 3, 20, 14, 14),
		same(32, 32, 3, 20, 28, 28), same(128, 128, 3, 1, 7, 7), same(64, 64, 1, 20, 28, 28),
		same(128, 128, 1, 20, 7, 7), same(64, 1, 3, 20, 28, 28), same(1, 64, 3, 20, 28, 28),
		same(512, 512, 3, 1, 16, 16), same(16, 16, 3, 20, 28, 28),
		{ConvShape{64, 64, 3, 3, 2, 1, 1, 1, 1}, 20, 28, 28},
	}
}

// name tells a case from the others.
func (c convCase) name() string {
	return fmt.Sprintf("%dx%d/k%ds%d/%dx%dx%d", c.OutC, c.InC, c.KH, c.Stride, c.n, c.h, c.w)
}

// BenchmarkConv reports the arithmetic rate, products and sums counted as in the direct method.
func BenchmarkConv(b *testing.B) {
	for _, c := range benchCases() {
		for _, threads := range []int{1, 2} {
			name := fmt.Sprintf("%s/threads%d", c.name(), threads)
			b.Run(name, func(b *testing.B) { benchConv(b, c, threads) })
		}
	}
}

func benchConv(b *testing.B, c convCase, threads int) {
	p := workers.New(threads)
	defer p.Close()
	run := benchRun(b, c, p, simd, true)
	b.ReportAllocs()
	for b.Loop() {
		run()
	}
	reportRate(b, c.flops())
}

// flops is the arithmetic of the direct method.
func (c convCase) flops() int64 {
	return (&Conv{shape: c.ConvShape}).FLOPs(c.n, c.h, c.w)
}

// benchRun returns a convolution of normal values, by Winograd's method where it is used, or not.
func benchRun(b *testing.B, c convCase, p *workers.Pool, l level, winograd bool) func() {
	before := simd
	defer func() { simd = before }()
	simd = l
	weights, bias, src := c.inputs(rand.New(rand.NewPCG(33, 34)))
	conv, err := NewConv(c.ConvShape, weights, bias)
	if err != nil {
		b.Fatal(err)
	}
	if !winograd {
		conv = conv.Direct()
	}
	oh, ow := conv.OutSize(c.h, c.w)
	dst := make([]float32, c.n*c.OutC*oh*ow)
	scratch := make([]float32, conv.Scratch(c.n, c.h, c.w))
	return func() { conv.Run(p, dst, src, c.n, c.h, c.w, scratch) }
}

// BenchmarkMethods runs Winograd's method, the direct one and the direct one in AVX2 in turn, on
// one thread, and reports by how much the first is faster, by the medians; and its share of what
// the micro-kernel reaches between the runs, products and sums counted as in the direct method.
func BenchmarkMethods(b *testing.B) {
	if !slices.Contains(levels, avx2) {
		b.Skip("nothing to compare")
	}
	for _, c := range benchCases() {
		b.Run(c.name(), func(b *testing.B) {
			runs := []func(){
				benchRun(b, c, nil, simd, true), benchRun(b, c, nil, simd, false),
				benchRun(b, c, nil, avx2, false), peakRun(simd),
			}
			times := make([][]float64, len(runs))
			for b.Loop() {
				for i, run := range runs {
					start := time.Now()
					run()
					times[i] = append(times[i], time.Since(start).Seconds())
				}
			}
			for i := range times {
				slices.Sort(times[i])
			}
			median := func(i int) float64 { return times[i][len(times[i])/2] }
			rate := float64(c.flops()) / median(0)
			b.ReportMetric(median(1)/median(0), "x-direct")
			b.ReportMetric(median(2)/median(0), "x-avx2")
			b.ReportMetric(rate/1e9, "GFLOP/s")
			b.ReportMetric(100*rate*median(3)/peakFLOPs, "%peak")
		})
	}
}

// peakFLOPs is the arithmetic of a peakRun.
const peakFLOPs = 2 * maxTileM * maxTileN * 256 * 100

// peakRun returns a loop of the micro-kernel's largest tile, its operands in the first-level cache.
func peakRun(l level) func() {
	const k = 256
	t, rng := l.tiling(), rand.New(rand.NewPCG(35, 36))
	x, y, c := random(rng, t.m*k), random(rng, t.n*k), make([]float32, t.m*t.n)
	count := peakFLOPs / (2 * t.m * t.n * k)
	return func() {
		for range count {
			microKernel(l, t.m, t.n, k, x, y, c, t.n, false, nil)
		}
	}
}

// BenchmarkLinear is the same for linear layers.
func BenchmarkLinear(b *testing.B) {
	for _, d := range []struct{ outF, inF, rows int }{{512, 128, 20}, {512, 512, 1}, {512, 512, 64}, {1280, 320, 4096}} {
		b.Run(fmt.Sprintf("%dx%d/%d", d.outF, d.inF, d.rows), func(b *testing.B) {
			l, err := NewLinear(d.outF, d.inF, make([]float32, d.outF*d.inF), make([]float32, d.outF))
			if err != nil {
				b.Fatal(err)
			}
			src, dst := make([]float32, d.rows*d.inF), make([]float32, d.rows*d.outF)
			scratch := make([]float32, l.Scratch(d.rows))
			b.ReportAllocs()
			for b.Loop() {
				l.Run(nil, dst, src, d.rows, scratch)
			}
			reportRate(b, l.FLOPs(d.rows))
		})
	}
}

func reportRate(b *testing.B, flops int64) {
	b.ReportMetric(float64(flops)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}

// BenchmarkKernel is the ceiling: one panel and one tile that stay in the first-level cache.
func BenchmarkKernel(b *testing.B) {
	const k = 256
	rng, c := rand.New(rand.NewPCG(31, 32)), make([]float32, maxTileM*maxTileN)
	for _, l := range levels {
		t := l.tiling()
		for cols := lanes; cols <= t.n; cols += lanes {
			for _, rows := range []int{1, t.m / 2, t.m} {
				b.Run(fmt.Sprintf("%v/%dx%d", l, rows, cols), func(b *testing.B) {
					x, y := random(rng, rows*k), random(rng, cols*k)
					clear(c)
					for b.Loop() {
						microKernel(l, rows, cols, k, x, y, c, cols, false, nil)
					}
					reportRate(b, int64(2*rows*cols*k))
				})
			}
		}
	}
}
