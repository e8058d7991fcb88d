package gemm

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cudiffuse/cudiffuse/internal/workers"
)

// BenchmarkConv reports the arithmetic rate of shapes that U-Nets are made of.
func BenchmarkConv(b *testing.B) {
	for _, c := range []convCase{
		same(64, 64, 3, 20, 28, 28), same(128, 128, 3, 20, 7, 7), same(128, 128, 3, 20, 14, 14),
		same(32, 32, 3, 20, 28, 28), same(128, 128, 3, 1, 7, 7), same(64, 64, 1, 20, 28, 28),
		same(64, 1, 3, 20, 28, 28), same(1, 64, 3, 20, 28, 28), same(512, 512, 3, 1, 16, 16),
		{ConvShape{64, 64, 3, 3, 2, 1, 1, 1, 1}, 20, 28, 28},
	} {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%dx%d/k%ds%d/%dx%dx%d/threads%d", c.OutC, c.InC, c.KH, c.Stride,
				c.n, c.h, c.w, threads), func(b *testing.B) { benchConv(b, c, threads) })
		}
	}
}

func benchConv(b *testing.B, c convCase, threads int) {
	p := workers.New(threads)
	defer p.Close()
	conv, err := NewConv(c.ConvShape, make([]float32, c.OutC*c.k()), make([]float32, c.OutC))
	if err != nil {
		b.Fatal(err)
	}
	oh, ow := conv.OutSize(c.h, c.w)
	src, dst := make([]float32, c.n*c.InC*c.h*c.w), make([]float32, c.n*c.OutC*oh*ow)
	scratch := make([]float32, conv.Scratch(c.n, c.h, c.w))
	b.ReportAllocs()
	for b.Loop() {
		conv.Run(p, dst, src, c.n, c.h, c.w, scratch)
	}
	reportRate(b, conv.FLOPs(c.n, c.h, c.w))
}

// BenchmarkLinear is the same for linear layers.
func BenchmarkLinear(b *testing.B) {
	for _, d := range []struct{ outF, inF, rows int }{{512, 128, 20}, {512, 512, 1}, {512, 512, 64}} {
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
	for l := generic; l <= best; l++ {
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
