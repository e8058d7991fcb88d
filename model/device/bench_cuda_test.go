//go:build cuda

package device

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/cudiffuse/cudiffuse/gpu"
	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// tried is how many plans of each layer are timed before the fastest is benchmarked, CUDIFFUSE_PLANS or 1.
var tried, _ = strconv.Atoi(cmp.Or(os.Getenv("CUDIFFUSE_PLANS"), "1"))

// BenchmarkForward times a step, network and update in one graph, of the networks that
// build/forward_torch.py times in PyTorch. Stable Diffusion's size has random weights. Plans stay in the user's cache:
// a second run finds them.
func BenchmarkForward(b *testing.B) {
	for _, name := range []string{"fashion", "ddpm_cifar10", "sd15"} {
		var net model.Network = fashion(b)
		if name != "fashion" {
			config, err := os.ReadFile("../lower/testdata/" + name + ".json")
			require.NoError(b, err)
			net, err = model.RandomNetwork(name, config, 1)
			require.NoError(b, err)
		}
		for _, d := range []gpu.DType{gpu.Float16, gpu.BFloat16} {
			for _, rows := range []int{2, 16} {
				b.Run(fmt.Sprintf("%s/%v/rows%d", name, d, rows), func(b *testing.B) { benchForward(b, net, d, rows) })
			}
		}
	}
}

func benchForward(b *testing.B, net model.Network, d gpu.DType, rows int) {
	dev := open(b, d, cuda.Options{})
	n, err := Load(context.Background(), dev, net, Options{Rows: rows, Autotune: tried})
	require.NoError(b, err)
	defer n.Close()
	var cond sampler.Cond
	switch u := net.(type) {
	case *model.UNetCondition:
		cond = &model.TextEmbedding{Data: make([]float32, model.DefaultTokens*u.ContextDim()), Tokens: model.DefaultTokens}
	case *model.UNet2D:
		if u.Classes() > 0 {
			cond = model.Class(0)
		}
	}
	var reqs []sampler.Request
	for i := range rows {
		reqs = append(reqs, sampler.Request{Plan: plan(b, "ddim", 1000), Seed: uint64(i),
			Conds: []sampler.Weighted{{Cond: cond, Weight: 1}}})
	}
	prog, err := dev.Program(sampler.Elems(n.Shape()), reqs)
	require.NoError(b, err)
	defer prog.Close()
	require.NoError(b, n.Bind(context.Background(), prog))
	x := make([]float32, sampler.Elems(n.Shape()))
	require.NoError(b, prog.Step())
	require.NoError(b, prog.Read(0, x)) // what comes before is done
	steps, start := 0, time.Now()
	for b.Loop() {
		if prog.Next() == nil {
			b.Fatal("the plan is too short: use -benchtime 900x at most")
		}
		require.NoError(b, prog.Step())
		steps++
	}
	require.NoError(b, prog.Read(0, x)) // waits for all steps, which the benchmark's own clock does not
	b.ReportMetric(time.Since(start).Seconds()*1e3/float64(steps), "ms/step")
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(n.planner.stats.Plans), "plans")
}
