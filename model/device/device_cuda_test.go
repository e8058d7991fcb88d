//go:build cuda

package device

import (
	"context"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/cudiffuse/cudiffuse/gpu"
	"github.com/cudiffuse/cudiffuse/internal/emu"
	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/model/bundled"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// open returns a GPU, or skips the test where there is none and none is required.
func open(t testing.TB, d gpu.DType, o cuda.Options) *gpu.CUDA {
	t.Helper()
	c, err := gpu.OpenCUDA(0, gpu.CUDAOptions{DType: d, Driver: o})
	if err != nil && os.Getenv("CUDA_REQUIRED") == "" && cuda.Unavailable(err) {
		t.Skip("no GPU: ", err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func fashion(t testing.TB) *model.UNet2D {
	t.Helper()
	u, err := model.OpenUNet2DFS(bundled.FS(), bundled.Fashion)
	require.NoError(t, err)
	return u
}

func load(t testing.TB, c *gpu.CUDA, net model.Network, o Options) *Network {
	t.Helper()
	if o.Cache == "" {
		o.Cache = t.TempDir()
	}
	n, err := Load(context.Background(), c, net, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	return n
}

// plan is a plan of a sampler on the schedule that the bundled model was trained with.
func plan(t testing.TB, name string, steps int) *sampler.Plan {
	return planOf(t, name, steps, schedule.Epsilon, sampler.WithClip(1))
}

func planOf(t testing.TB, name string, steps int, kind schedule.Kind, o ...sampler.Option) *sampler.Plan {
	t.Helper()
	betas, err := schedule.Linear(1000, 1e-4, 0.02)
	require.NoError(t, err)
	noise, err := schedule.New(betas)
	require.NoError(t, err)
	e, err := sampler.Lookup(name)
	require.NoError(t, err)
	p, err := e.Plan(schedule.Grid{Noise: noise, Steps: steps, Spacing: schedule.Trailing}, kind, sampler.Params{}, o...)
	require.NoError(t, err)
	return p
}

// requests are two images of two classes, with guidance, by two samplers.
func requests(t testing.TB, steps int) []sampler.Request {
	t.Helper()
	var reqs []sampler.Request
	for i, name := range []string{"ddim", "dpmpp_2m"} {
		conds, err := sampler.Guide(model.Class(3+i), model.Class(10), 2)
		require.NoError(t, err)
		reqs = append(reqs, sampler.Request{Plan: plan(t, name, steps), Conds: conds, Seed: uint64(7 + i)})
	}
	return reqs
}

// TestMatchesCPU samples the bundled model on the GPU, network and update in one graph a step, and on the
// CPU: the images agree, and a step is one call to the driver that reads nothing back.
func TestMatchesCPU(t *testing.T) {
	const steps = 20
	u := fashion(t)
	cpu, err := u.Denoiser(0, 0, nil)
	require.NoError(t, err)
	want, err := sampler.Run(context.Background(), gpu.NewCPU(0), cpu, requests(t, steps))
	require.NoError(t, err)
	for _, c := range []struct {
		dtype gpu.DType
		most  float64 // absolute, on images within -1..1
	}{{gpu.Float32, 1e-4}, {gpu.Float16, 2e-2}, {gpu.BFloat16, 0.15}} {
		t.Run(c.dtype.String(), func(t *testing.T) {
			dev := open(t, c.dtype, cuda.Options{})
			n := load(t, dev, u, Options{Rows: 4})
			reqs := requests(t, steps)
			prog, err := dev.Program(sampler.Elems(n.Shape()), reqs)
			require.NoError(t, err)
			defer prog.Close()
			require.NoError(t, n.Bind(context.Background(), prog))
			before, counted := emu.Counters()
			for e := prog.Next(); e != nil; e = prog.Next() {
				require.Empty(t, e.Active, "the graph evaluates the network")
				require.NoError(t, prog.Step())
			}
			if counted == nil {
				after, err := emu.Counters()
				require.NoError(t, err)
				assert.EqualValues(t, steps, after.GraphLaunches-before.GraphLaunches)
				assert.EqualValues(t, steps, after.Calls-before.Calls, "a step is one replay")
				assert.Zero(t, after.DeviceToHost-before.DeviceToHost)
				assert.Zero(t, after.Syncs+after.ImplicitSyncs-before.Syncs-before.ImplicitSyncs)
			}
			for i := range reqs {
				x := make([]float32, len(want[i]))
				require.NoError(t, prog.Read(i, x))
				assert.LessOrEqual(t, maxDiff(want[i], x), c.most, "request %d", i)
			}
		})
	}
}

func maxDiff(a, b []float32) float64 {
	var most float64
	for i := range a {
		d := math.Abs(float64(a[i]) - float64(b[i]))
		if math.IsNaN(d) {
			return math.Inf(1)
		}
		most = max(most, d)
	}
	return most
}

// TestCountersAreWhatIsExecuted: what package lower counts from shapes is what runs.
func TestCountersAreWhatIsExecuted(t *testing.T) {
	dev := open(t, gpu.Float16, cuda.Options{})
	n := load(t, dev, fashion(t), Options{Rows: 4})
	prog, err := dev.Program(sampler.Elems(n.Shape()), requests(t, 3))
	require.NoError(t, err)
	defer prog.Close()
	e := prog.Next()
	require.NoError(t, n.Forward(context.Background(), e)) // makes the run, and the steps of the conditions
	before, err := emu.Counters()
	if err != nil && os.Getenv("CUDIFFUSE_EMU") == "" {
		t.Skip("a real driver does not count: ", err)
	}
	require.NoError(t, err)
	require.NoError(t, n.Forward(context.Background(), e))
	require.NoError(t, dev.Driver().Do(func() error { return n.eager.stream.Sync(context.Background()) }))
	after, err := emu.Counters()
	require.NoError(t, err)
	want := n.eager.prog.Forward()
	assert.EqualValues(t, want.Launches, after.Launches-before.Launches)
	assert.EqualValues(t, want.Plans, after.Plans-before.Plans)
}

// TestRowsDoNotMeet: with the engines that cuDNN ranks first, a row's result does not depend on the
// other rows of the batch.
func TestRowsDoNotMeet(t *testing.T) {
	dev := open(t, gpu.Float16, cuda.Options{})
	n := load(t, dev, fashion(t), Options{})
	all := requests(t, 4)
	both, err := sampler.Run(context.Background(), dev, n, all)
	require.NoError(t, err)
	swapped, err := sampler.Run(context.Background(), dev, n, []sampler.Request{all[1], all[0]})
	require.NoError(t, err)
	assert.Equal(t, both[0], swapped[1])
	assert.Equal(t, both[1], swapped[0])
}

// TestOtherSizes: one network serves samples of many sizes, with one copy of the weights.
func TestOtherSizes(t *testing.T) {
	dev := open(t, gpu.Float32, cuda.Options{})
	u := fashion(t)
	n := load(t, dev, u, Options{})
	before, err := dev.Driver().Stats()
	require.NoError(t, err)
	for _, size := range [][2]int{{16, 24}, {32, 8}} {
		cpu, err := u.Denoiser(size[0], size[1], nil)
		require.NoError(t, err)
		want, err := sampler.Run(context.Background(), gpu.NewCPU(0), cpu, requests(t, 10))
		require.NoError(t, err)
		m := n.At(size[0], size[1])
		require.Equal(t, []int{1, size[0], size[1]}, m.Shape())
		got, err := sampler.Run(context.Background(), dev, m, requests(t, 10))
		require.NoError(t, err)
		for i := range want {
			assert.LessOrEqual(t, maxDiff(want[i], got[i]), 1e-4, "%v, request %d", size, i)
		}
	}
	after, err := dev.Driver().Stats()
	require.NoError(t, err)
	assert.Equal(t, before.Memory.InUse, after.Memory.InUse)
	_, err = sampler.Run(context.Background(), dev, n.At(27, 28), requests(t, 2))
	var e *model.ShapeError
	require.ErrorAs(t, err, &e)
}

// TestNoLeaks: programs and networks give back all that they took.
func TestNoLeaks(t *testing.T) {
	dev := open(t, gpu.Float16, cuda.Options{})
	var before cuda.Stats
	for round := range 2 { // the first makes what the device keeps for its own transfers
		n, err := Load(context.Background(), dev, fashion(t), Options{Cache: t.TempDir()})
		require.NoError(t, err)
		for range 3 {
			_, err := sampler.Run(context.Background(), dev, n, requests(t, 2))
			require.NoError(t, err)
		}
		require.NoError(t, n.Close())
		require.NoError(t, n.Close())
		after, err := dev.Driver().Stats()
		require.NoError(t, err)
		if round == 0 {
			before = after
		}
		assert.Equal(t, before.Memory.InUse, after.Memory.InUse)
		assert.Equal(t, before.Streams, after.Streams)
		assert.Equal(t, before.Graphs, after.Graphs)
		assert.Zero(t, after.Graphs)
	}
}

// TestPlansAreKept: the second load finds every plan in the cache; a damaged file is made again, and so is
// one of another graph.
func TestPlansAreKept(t *testing.T) {
	dev := open(t, gpu.Float16, cuda.Options{})
	u, o := fashion(t), Options{Cache: t.TempDir()}
	first := load(t, dev, u, o).PlanStats()
	assert.Zero(t, first.Cached)
	assert.Positive(t, first.Plans)
	assert.Greater(t, first.Graphs, first.Plans, "layers of the same shape share a plan")
	second := load(t, dev, u, o).PlanStats()
	assert.Equal(t, first.Plans, second.Cached)

	files := planFiles(t, o.Cache)
	require.Len(t, files, first.Plans)
	require.NoError(t, os.WriteFile(files[0], []byte("{"), 0o600))
	other, err := os.ReadFile(files[2])
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(files[1], other, 0o600))
	third := load(t, dev, u, o).PlanStats()
	assert.Equal(t, first.Plans-2, third.Cached)
	assert.Equal(t, first.Plans, load(t, dev, u, o).PlanStats().Cached, "what was damaged is whole again")
}

// TestTooLargeForTheDevice: the error comes before memory is taken, and says what would fit.
func TestTooLargeForTheDevice(t *testing.T) {
	dev := open(t, gpu.Float32, cuda.Options{MemoryLimit: 40 << 20})
	before, err := dev.Driver().Stats()
	require.NoError(t, err)
	_, err = Load(context.Background(), dev, fashion(t), Options{Rows: 512, Cache: t.TempDir()})
	var e *MemoryError
	require.ErrorAs(t, err, &e)
	assert.Equal(t, 512, e.Rows)
	assert.Positive(t, e.Fit)
	assert.Contains(t, err.Error(), "rows would fit")
	after, err := dev.Driver().Stats()
	require.NoError(t, err)
	assert.Equal(t, before.Memory.InUse, after.Memory.InUse)
	if _, err := emu.Counters(); err != nil {
		load(t, dev, fashion(t), Options{Rows: max(1, e.Fit/2)}) // real plans need scratch that only they know
		return
	}
	load(t, dev, fashion(t), Options{Rows: e.Fit})
	_, err = Load(context.Background(), dev, fashion(t), Options{Rows: e.Fit + 1, Cache: t.TempDir()})
	require.ErrorAs(t, err, &e)
}

func TestConditionsThatDoNotFit(t *testing.T) {
	dev := open(t, gpu.Float16, cuda.Options{})
	n := load(t, dev, fashion(t), Options{})
	for _, cond := range []sampler.Cond{nil, model.Class(11), model.Class(-1), "trousers", &model.TextEmbedding{}} {
		reqs := []sampler.Request{{Plan: plan(t, "ddim", 2), Conds: []sampler.Weighted{{Cond: cond, Weight: 1}}}}
		_, err := sampler.Run(context.Background(), dev, n, reqs)
		var e *ConditionError
		require.ErrorAs(t, err, &e, "%v", cond)
	}
}

func TestCanceledLoad(t *testing.T) {
	dev := open(t, gpu.Float16, cuda.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := Load(ctx, dev, fashion(t), Options{Cache: t.TempDir()})
	require.ErrorIs(t, err, context.Canceled)
}

// TestRefusesOtherMemory: buffers of the CPU are not this device's.
func TestRefusesOtherMemory(t *testing.T) {
	dev := open(t, gpu.Float16, cuda.Options{})
	n := load(t, dev, fashion(t), Options{})
	_, err := sampler.Run(context.Background(), gpu.NewCPU(1), n, requests(t, 2))
	var e *model.InputError
	require.ErrorAs(t, err, &e)
}
