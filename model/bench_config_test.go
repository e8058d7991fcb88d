package model

import (
	"context"
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/internal/workers"
)

// BenchmarkConfig times forward passes of published networks with random weights. Stable Diffusion's takes
// some 4 GB and a minute.
func BenchmarkConfig(b *testing.B) {
	for _, c := range []struct {
		name string
		rows int
	}{{"ddpm_cifar10", 1}, {"ddpm_cifar10", 16}, {"sd15", 2}} {
		b.Run(c.name, func(b *testing.B) {
			config, err := os.ReadFile("lower/testdata/" + c.name + ".json")
			require.NoError(b, err)
			net, err := RandomNetwork(c.name, config, 1)
			require.NoError(b, err)
			pool := workers.New(0)
			defer pool.Close()
			e, err := NewExecutorAt(net.Graph(), net.Weights(), c.rows, Size{net.Height(), net.Width(), DefaultTokens}, pool)
			require.NoError(b, err)
			in := Inputs{Sample: make([]float32, c.rows*net.Channels()*net.Height()*net.Width()), Timestep: make([]float32, c.rows)}
			for i := range in.Sample {
				in.Sample[i] = float32(i%17)/8 - 1
			}
			if u, ok := net.(*UNetCondition); ok {
				in.Context = make([]float32, c.rows*DefaultTokens*u.ContextDim())
			}
			out := make([]float32, c.rows*e.OutShape().Len())
			require.NoError(b, e.Run(context.Background(), c.rows, in, out))
			b.ResetTimer()
			for range b.N {
				require.NoError(b, e.Run(context.Background(), c.rows, in, out))
			}
			b.ReportMetric(float64(e.FLOPs(c.rows))*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			b.ReportMetric(float64(m.HeapSys)/(1<<20), "MiB")
			b.ReportMetric(float64(net.Weights().Bytes())/(1<<20), "weights-MiB")
		})
	}
}
