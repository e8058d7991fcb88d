//go:build cuda

package device

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/cudiffuse/cudiffuse/gpu"
	"github.com/cudiffuse/cudiffuse/internal/emu"
	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// wideHeads is the folder of a network of testdata whose heads have 8 channels and more in place of 4, with the same
// weights: cuDNN's attention in 16 bits takes no fewer.
func wideHeads(t *testing.T, name string) fstest.MapFS {
	t.Helper()
	fsys := fstest.MapFS{}
	for _, file := range []string{"config.json", "diffusion_pytorch_model.safetensors"} {
		b, err := os.ReadFile("../testdata/" + name + "/" + file)
		require.NoError(t, err)
		old := []byte(`"attention_head_dim": 4`)
		if file == "config.json" {
			require.Equal(t, 1, bytes.Count(b, old))
			b = bytes.Replace(b, old, []byte(`"attention_head_dim": 2`), 1)
		}
		fsys[name+"/"+file] = &fstest.MapFile{Data: b}
	}
	return fsys
}

// textNetwork opens one of those, for latents of 8x8.
func textNetwork(t *testing.T, name string) *model.UNetCondition {
	t.Helper()
	u, err := model.OpenUNetConditionFS(wideHeads(t, name), name)
	require.NoError(t, err)
	return u
}

// guided are two requests with guidance, whose conditions change makes different.
func guided(t *testing.T, net model.Network, change func(request, cond int, c *model.TextEmbedding)) []sampler.Request {
	t.Helper()
	r := rand.New(rand.NewPCG(5, 6))
	var reqs []sampler.Request
	for i := range 2 {
		var both [2]*model.TextEmbedding
		for k := range both {
			both[k] = condition(net, r).(*model.TextEmbedding)
			change(i, k, both[k])
		}
		conds, err := sampler.Guide(both[0], both[1], 1.5)
		require.NoError(t, err)
		reqs = append(reqs, sampler.Request{Plan: planOf(t, "euler", 3, schedule.X0), Conds: conds, Seed: uint64(i)})
	}
	return reqs
}

// requireAsCPU samples reqs on the CPU and on GPUs of two types, where a step must be one replay of a graph that
// reads nothing back, and compares the samples.
func requireAsCPU(t *testing.T, net *model.UNetCondition, reqs []sampler.Request, perturb ...model.Perturbation) {
	t.Helper()
	cpu, err := net.Denoiser(8, 8, nil)
	require.NoError(t, err)
	for _, p := range perturb {
		other, err := net.Perturb(p)
		require.NoError(t, err)
		require.NoError(t, cpu.SetPerturbed(other))
	}
	want, err := sampler.Run(context.Background(), gpu.NewCPU(1), cpu, reqs)
	require.NoError(t, err)
	for d, most := range map[gpu.DType]float64{gpu.Float32: 1e-4, gpu.Float16: 2e-2} {
		dev := open(t, d, cuda.Options{})
		n := load(t, dev, net, Options{Rows: 4, Height: 8, Width: 8}).Sized
		for _, p := range perturb {
			n, err = n.Perturbed(p)
			require.NoError(t, err)
		}
		require.Equal(t, []int{net.OutChannels(), 8, 8}, n.Shape())
		prog, err := dev.Program(sampler.Elems(n.Shape()), reqs)
		require.NoError(t, err)
		require.NoError(t, n.Bind(context.Background(), prog))
		before, counted := emu.Counters()
		steps := 0
		for e := prog.Next(); e != nil; e = prog.Next() {
			require.NoError(t, prog.Step())
			steps++
		}
		if counted == nil {
			after, err := emu.Counters()
			require.NoError(t, err)
			assert.EqualValues(t, steps, after.Calls-before.Calls, "a step is one replay")
			assert.Zero(t, after.DeviceToHost-before.DeviceToHost)
		}
		for i := range reqs {
			x := make([]float32, len(want[i]))
			require.NoError(t, prog.Read(i, x))
			diff := maxDiff(want[i], x) / scale(want[i])
			t.Logf("%v, request %d: %.1e", d, i, diff)
			assert.LessOrEqual(t, diff, most, "%v, request %d", d, i)
		}
		require.NoError(t, prog.Close())
	}
}

// TestBeside samples a network that was made for in-painting, whose rows have masks and images of their own.
func TestBeside(t *testing.T) {
	net := textNetwork(t, "unet_inpaint")
	requireAsCPU(t, net, guided(t, net, func(int, int, *model.TextEmbedding) {}))
}

// TestBesideRefuses: masks of another size, none, and those that a network does not take.
func TestBesideRefuses(t *testing.T) {
	dev := open(t, gpu.Float32, cuda.Options{})
	for _, x := range []struct {
		name   string
		beside []float32
		detail string
	}{
		{"unet_inpaint", nil, "Beside has 0 elements, want 320"},
		{"unet_inpaint", make([]float32, 319), "Beside has 319 elements, want 320"},
		{"unet_sd15", make([]float32, 320), "does not take"},
	} {
		net := textNetwork(t, x.name)
		n := load(t, dev, net, Options{})
		reqs := guided(t, net, func(request, cond int, c *model.TextEmbedding) {
			if request == 1 && cond == 0 {
				c.Beside = x.beside
			}
		})
		_, err := sampler.Run(context.Background(), dev, n, reqs)
		var e *ConditionError
		require.ErrorAs(t, err, &e)
		require.Equal(t, 2, e.Row)
		require.Contains(t, e.Detail, x.detail)
	}
}
