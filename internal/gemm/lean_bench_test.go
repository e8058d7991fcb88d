package gemm

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cudiffuse/cudiffuse/internal/workers"
)

// BenchmarkLean runs layers of Stable Diffusion 1.5 and DDPM's CIFAR-10 network with weights that are
// transformed in every run, that are kept, and by the direct method, in turn, and reports how many times
// as long as the first the others take, by the medians.
func BenchmarkLean(b *testing.B) {
	for _, c := range []convCase{
		same(320, 320, 3, 2, 64, 64), same(640, 640, 3, 2, 32, 32), same(1280, 1280, 3, 2, 16, 16), same(1280, 1280, 3, 1, 16, 16),
		same(128, 128, 3, 1, 32, 32), same(256, 256, 3, 1, 16, 16), same(256, 256, 3, 16, 16, 16), same(256, 256, 3, 1, 8, 8),
	} {
		b.Run(c.name(), func(b *testing.B) {
			p := workers.New(2)
			defer p.Close()
			weights, bias, src := c.inputs(rand.New(rand.NewPCG(61, 62)))
			lean, err := NewConv(c.ConvShape, weights, bias)
			if err != nil {
				b.Fatal(err)
			}
			kept := &Conv{shape: c.ConvShape, tiling: lean.tiling, weights: lean.weights, bias: lean.bias}
			kept.wino = newWinograd(lean.tiling.level, &lean.weights)
			lean.wino = nil
			direct := lean.Direct()
			var times [3][]float64
			dst := make([]float32, c.n*c.OutC*c.h*c.w)
			layers := []*Conv{lean, kept, direct}
			for _, l := range layers {
				l.runs.New = func() any { return &convRun{conv: l} }
			}
			for b.Loop() {
				for i, l := range layers {
					scratch := make([]float32, l.Scratch(c.n, c.h, c.w))
					start := time.Now()
					l.Run(p, dst, src, c.n, c.h, c.w, scratch)
					times[i] = append(times[i], time.Since(start).Seconds())
				}
			}
			for i := range times {
				slices.Sort(times[i])
			}
			median := func(i int) float64 { return times[i][len(times[i])/2] }
			b.ReportMetric(median(1)/median(0), "x-kept")
			b.ReportMetric(median(2)/median(0), "x-direct")
			b.ReportMetric(1000*median(0), "ms")
		})
	}
}
