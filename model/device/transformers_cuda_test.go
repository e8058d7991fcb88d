//go:build cuda

package device

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/cudiffuse/cudiffuse/gpu"
	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// transformer is a network of testdata, or one of random weights where changed gives its config.json other numbers.
func transformer(t *testing.T, name string, changed map[string]any) model.Network {
	t.Helper()
	dir := "../testdata/" + name
	if changed == nil {
		net, err := model.OpenNetwork(dir)
		require.NoError(t, err)
		return net
	}
	b, err := os.ReadFile(dir + "/config.json")
	require.NoError(t, err)
	config := map[string]any{}
	require.NoError(t, json.Unmarshal(b, &config))
	for k, v := range changed {
		config[k] = v
	}
	b, err = json.Marshal(config)
	require.NoError(t, err)
	net, err := model.RandomNetwork(name, b, 3)
	require.NoError(t, err)
	return net
}

// transformerModel is a network on the CPU for latents of a size, and a random condition for it.
func transformerModel(t *testing.T, net model.Network, h, w int, r *rand.Rand) (sampler.Model, func() sampler.Cond) {
	t.Helper()
	random := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(r.NormFloat64())
		}
		return v
	}
	const tokens = 5
	var m sampler.Model
	var err error
	switch n := net.(type) {
	case *model.DiT:
		m, err = n.Denoiser(h, w, nil)
		require.NoError(t, err)
		return m, func() sampler.Cond { return model.Class(r.IntN(n.Classes())) }
	case *model.PixArt:
		m, err = n.Denoiser(h, w, nil)
		require.NoError(t, err)
		return m, func() sampler.Cond {
			c := &model.TextEmbedding{Data: random(tokens * n.ContextDim()), Tokens: tokens}
			for range n.TimeIDs() {
				c.TimeIDs = append(c.TimeIDs, float32(r.IntN(1024)))
			}
			return c
		}
	case *model.SD3:
		m, err = n.Denoiser(h, w, nil)
		require.NoError(t, err)
		return m, func() sampler.Cond {
			return &model.TextEmbedding{Data: random(tokens * n.ContextDim()), Tokens: tokens, Pooled: random(n.PooledDim())}
		}
	case *model.Flux:
		m, err = n.Denoiser(h, w, nil)
		require.NoError(t, err)
		return m, func() sampler.Cond {
			c := &model.TextEmbedding{Data: random(tokens * n.ContextDim()), Tokens: tokens, Pooled: random(n.Config().PooledDim)}
			if n.Config().Guidance {
				c.TimeCond = []float32{3.5}
			}
			return c
		}
	}
	t.Fatalf("%T", net)
	return nil, nil
}

// TestTransformers runs transformers for two steps of two guided requests, on the CPU and on the GPU, those of testdata
// in float32 and random ones with heads that cuDNN's attention takes in both types, also of another size than they were
// made for.
func TestTransformers(t *testing.T) {
	for _, c := range []struct {
		name    string
		changed map[string]any
		h, w    int
		types   []gpu.DType
	}{
		{"dit", nil, 8, 8, []gpu.DType{gpu.Float32}}, {"dit_gelu", nil, 0, 0, []gpu.DType{gpu.Float32}},
		{"dit", map[string]any{"attention_head_dim": 16}, 6, 10, []gpu.DType{gpu.Float32, gpu.Float16}},
		{"pixart_alpha", nil, 8, 8, []gpu.DType{gpu.Float32}}, {"pixart_sigma", nil, 8, 8, []gpu.DType{gpu.Float32}},
		{"pixart_odd", nil, 12, 12, []gpu.DType{gpu.Float32}},
		{"pixart_alpha", map[string]any{"attention_head_dim": 24, "cross_attention_dim": 48}, 12, 6, []gpu.DType{gpu.Float32, gpu.Float16}},
		{"sd3", nil, 8, 8, []gpu.DType{gpu.Float32, gpu.Float16}}, {"sd3", nil, 12, 6, []gpu.DType{gpu.Float32}},
		{"sd35", nil, 8, 8, []gpu.DType{gpu.Float32}}, {"sd3_odd", map[string]any{"out_channels": 3}, 9, 12, []gpu.DType{gpu.Float32}},
		{"sd35", map[string]any{"attention_head_dim": 16, "caption_projection_dim": 48, "num_attention_heads": 3}, 6, 10, []gpu.DType{gpu.Float32, gpu.Float16}},
		{"flux_dev", nil, 8, 6, []gpu.DType{gpu.Float32, gpu.Float16}}, {"flux_schnell", nil, 4, 10, []gpu.DType{gpu.Float32}},
	} {
		net := transformer(t, c.name, c.changed)
		if c.h == 0 {
			c.h, c.w = net.Height(), net.Width()
		}
		r := rand.New(rand.NewPCG(5, 6))
		cpu, condition := transformerModel(t, net, c.h, c.w, r)
		var reqs []sampler.Request
		for i := range 2 {
			conds, err := sampler.Guide(condition(), condition(), 1.5)
			require.NoError(t, err)
			reqs = append(reqs, sampler.Request{Plan: planOf(t, "euler", 2, schedule.X0), Conds: conds, Seed: uint64(i)})
		}
		want, err := sampler.Run(context.Background(), gpu.NewCPU(1), cpu, reqs)
		require.NoError(t, err)
		for _, d := range c.types {
			t.Run(fmt.Sprintf("%s/%dx%d/%v", c.name, c.h, c.w, d), func(t *testing.T) {
				dev := open(t, d, cuda.Options{})
				n, err := Load(context.Background(), dev, net, Options{Cache: t.TempDir(), Height: c.h, Width: c.w})
				require.NoError(t, err)
				defer n.Close()
				got, err := sampler.Run(context.Background(), dev, n.At(c.h, c.w), reqs)
				require.NoError(t, err)
				most := map[gpu.DType]float64{gpu.Float32: 1e-4, gpu.Float16: 2e-2}[d]
				for i := range want {
					off := maxDiff(want[i], got[i]) / scale(want[i])
					t.Logf("request %d: %.2g of %.3g", i, off, scale(want[i]))
					assert.LessOrEqual(t, off, most, "request %d", i)
				}
			})
		}
	}
}
