package model

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/stretchr/testify/require"
)

// BenchmarkForward is one evaluation of the bundled model's network (28x28, 0.58
// GFLOP an image) with random weights.
func BenchmarkForward(b *testing.B) {
	u := randomUNet(b, "testdata/fashion_config/config.json")
	for _, n := range []int{1, 20, 40} {
		b.Run(fmt.Sprintf("batch=%d", n), func(b *testing.B) {
			pool := workers.New(2)
			defer pool.Close()
			ex, err := u.Compile(n, pool)
			require.NoError(b, err)
			in := randomInputs(u, n)
			out := make([]float32, n*ex.OutShape().Len())
			b.ReportAllocs()
			for b.Loop() {
				if err := ex.Run(context.Background(), n, in, out); err != nil {
					b.Fatal(err)
				}
			}
			seconds := b.Elapsed().Seconds() / float64(b.N)
			b.ReportMetric(float64(ex.FLOPs(n))/seconds/1e9, "GFLOP/s")
			b.ReportMetric(1e3*seconds/float64(n), "ms/image")
		})
	}
}

// BenchmarkShares says which kinds of operation the time of a forward goes to.
func BenchmarkShares(b *testing.B) {
	u := randomUNet(b, "testdata/fashion_config/config.json")
	for _, n := range []int{1, 20} {
		b.Run(fmt.Sprintf("batch=%d", n), func(b *testing.B) {
			pool := workers.New(2)
			defer pool.Close()
			ex, err := u.Compile(n, pool)
			require.NoError(b, err)
			in := randomInputs(u, n)
			require.NoError(b, ex.setInputs(n, in))
			ex.bufs[u.Graph().Outputs[0]] = make([]float32, n*ex.OutShape().Len())
			spent, total := map[string]time.Duration{}, time.Duration(0)
			for b.Loop() {
				for i, s := range ex.steps {
					start := time.Now()
					s.run(ex, n)
					d := time.Since(start)
					spent[ex.fused.Ops[i].Kind()] += d
					total += d
				}
			}
			for kind, d := range spent {
				b.ReportMetric(100*float64(d)/float64(total), "%"+kind)
			}
		})
	}
}
