//go:build cuda

package device

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/cudiffuse/cudiffuse/gpu"
	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/model/lower"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// unsupported are the networks of testdata that a GPU refuses, by what the error says. Heads of published
// networks have 32 channels and more.
var unsupported = map[string]string{
	"unet2d_relu/float16":  "heads of 4 channels",
	"unet_inpaint/float16": "heads of 4 channels", // TestBeside has wider ones
	"unet_lcm/float16":     "heads of 4 channels",
	"unet_odd/float16":     "heads of 4 channels",
	"unet_sd15/float16":    "heads of 4 channels",
}

// testNetworks are the small networks of package model: every block, activation, embedding and change of
// size that it has.
func testNetworks(t *testing.T) []string {
	t.Helper()
	dirs, err := filepath.Glob("../testdata/unet*")
	require.NoError(t, err)
	var names []string
	for _, d := range dirs {
		if _, err := os.Stat(filepath.Join(d, "config.json")); err == nil {
			names = append(names, filepath.Base(d))
		}
	}
	require.GreaterOrEqual(t, len(names), 10)
	return names
}

// condition is a random one of the form that a network takes.
func condition(net model.Network, r *rand.Rand) sampler.Cond {
	random := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(r.NormFloat64())
		}
		return v
	}
	u, ok := net.(*model.UNetCondition)
	if !ok {
		if net.Classes() > 0 {
			return model.Class(r.IntN(net.Classes()))
		}
		return nil
	}
	const tokens = 5
	c := &model.TextEmbedding{Data: random(tokens * u.ContextDim()), Tokens: tokens}
	if u.Classes() > 0 {
		c.Class = model.Class(r.IntN(u.Classes()))
	}
	if n := lower.Beside(net); n > 0 {
		c.Beside = random(n * net.Height() * net.Width())
	}
	for _, in := range net.Graph().Inputs {
		switch in.Kind {
		case model.InputPooled:
			c.Pooled = random(in.Channels)
		case model.InputTimeIDs:
			c.TimeIDs = make([]float32, in.Channels)
			for i := range c.TimeIDs {
				c.TimeIDs[i] = float32(r.IntN(1024))
			}
		case model.InputTimestepCond:
			c.TimeCond = random(in.Channels)
		case model.InputControl:
			c.Control = random(in.Channels * net.Height() * net.Width() * in.Scale * in.Scale)
		case model.InputControlScale:
			c.ControlScale = model.ControlScales(in.Channels, 1, false)
		}
	}
	return c
}

func denoiser(net model.Network) (sampler.Model, error) {
	if u, ok := net.(*model.UNetCondition); ok {
		return u.Denoiser(0, 0, nil)
	}
	return net.(*model.UNet2D).Denoiser(0, 0, nil)
}

// TestNetworks runs every network of testdata for two steps, on the CPU and on the GPU. The networks are random:
// taken to predict the clean sample, they make no small number large.
func TestNetworks(t *testing.T) {
	for _, name := range testNetworks(t) {
		net, err := model.OpenNetwork("../testdata/" + name)
		require.NoError(t, err)
		if net.Height() == 0 {
			continue
		}
		_, text := net.(*model.UNetCondition)
		if slices.ContainsFunc(net.Graph().Inputs, func(in model.Input) bool {
			return in.Kind == model.InputClassEmbedding || in.Kind == model.InputClass && net.Classes() == 0 && !text
		}) {
			continue // no condition of a sampler has what it takes
		}
		cpu, err := denoiser(net)
		if err != nil {
			assert.NotEqual(t, net.Channels(), net.OutChannels(), "%s: %v", name, err)
			continue // not a network that samplers take
		}
		r := rand.New(rand.NewPCG(5, 6))
		var reqs []sampler.Request
		for i := range 2 {
			conds, err := sampler.Guide(condition(net, r), condition(net, r), 1.5)
			require.NoError(t, err)
			reqs = append(reqs, sampler.Request{Plan: planOf(t, "euler", 2, schedule.X0), Conds: conds, Seed: uint64(i)})
		}
		want, err := sampler.Run(context.Background(), gpu.NewCPU(1), cpu, reqs)
		require.NoError(t, err)
		for _, d := range []gpu.DType{gpu.Float32, gpu.Float16} {
			t.Run(fmt.Sprintf("%s/%v", name, d), func(t *testing.T) {
				dev := open(t, d, cuda.Options{})
				n, err := Load(context.Background(), dev, net, Options{Cache: t.TempDir()})
				if err != nil {
					var e *lower.Error
					require.ErrorAs(t, err, &e)
					require.NotEmpty(t, unsupported[name+"/"+d.String()], "%v", err)
					require.ErrorContains(t, err, unsupported[name+"/"+d.String()])
					return
				}
				defer n.Close()
				require.Empty(t, unsupported[name+"/"+d.String()])
				got, err := sampler.Run(context.Background(), dev, n, reqs)
				require.NoError(t, err)
				most := map[gpu.DType]float64{gpu.Float32: 1e-4, gpu.Float16: 2e-2}[d]
				for i := range want {
					assert.LessOrEqual(t, maxDiff(want[i], got[i])/scale(want[i]), most, "request %d", i)
				}
			})
		}
	}
}

// scale is the largest value, at least 1.
func scale(x []float32) float64 {
	most := 1.0
	for _, v := range x {
		most = max(most, math.Abs(float64(v)))
	}
	return most
}
