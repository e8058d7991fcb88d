package model

import (
	"context"
	"fmt"
	"testing"

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
