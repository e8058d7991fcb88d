//go:build cuda

package gpu

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/cudiffuse/cudiffuse/internal/emu"
	"github.com/cudiffuse/cudiffuse/internal/gputest"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/stretchr/testify/require"
)

// counters returns what the emulated driver has counted since the last reset, and skips the test on a
// real one. Where CUDIFFUSE_EMU configures the emulated driver, its absence is a failure.
func counters(t testing.TB) emu.CounterSet {
	t.Helper()
	c, err := emu.Counters()
	if err != nil && os.Getenv("CUDIFFUSE_EMU") != "" {
		t.Fatal(err)
	}
	if err != nil {
		t.Skip("a real driver does not count: ", err)
	}
	return c
}

// TestOneLaunchAStage counts, for every sampler and for plans that reduce: one launch a stage, two where one of them
// evaluates and reduces, three where one adds to its average, and no copy to the host and no waiting between the first
// step and the last.
func TestOneLaunchAStage(t *testing.T) {
	const elems = 784
	dev := openCUDA(t, gputest.Float16)
	for name, reqs := range map[string][]sampler.Request{
		"samplers": gputest.SamplerRequests(t, elems),
		"static":   gputest.Requests(elems)[:gputest.Static],
		"reducing": gputest.Requests(elems)[gputest.Static:gputest.Averaged],
		"momentum": gputest.Requests(elems)[gputest.Averaged:],
	} {
		p, err := dev.Program(elems, reqs)
		require.NoError(t, err)
		stages, steps, launches := 0, 0, 0
		for i := range reqs {
			stages = max(stages, len(reqs[i].Plan.Stages))
		}
		before := counters(t)
		for e := p.Next(); e != nil; e = p.Next() {
			launches += launchesOf(reqs, steps)
			require.NoError(t, p.Step())
			steps++
		}
		after := counters(t)
		require.Equal(t, stages, steps, name)
		require.EqualValues(t, launches, after.Launches-before.Launches, name)
		require.Zero(t, after.DeviceToHost-before.DeviceToHost, name)
		require.Zero(t, after.HostToDevice-before.HostToDevice, name)
		require.Zero(t, after.Syncs+after.ImplicitSyncs+after.Queries-before.Syncs-before.ImplicitSyncs-before.Queries, name)
		require.EqualValues(t, launches, after.Calls-before.Calls, "%s: a step is nothing but its launches", name)
		require.NoError(t, p.Close())
	}
}

// launchesOf is what the stages with this index need of a batch.
func launchesOf(reqs []sampler.Request, stage int) int {
	reduces, averages := 0, 0
	for _, r := range reqs {
		if stage >= len(r.Plan.Stages) || !r.Plan.Stages[stage].Eval {
			continue
		}
		if r.Plan.Reduces() {
			reduces = 1
		}
		if r.Plan.Averages() && r.Plan.Stages[stage].Guidance == sampler.GuideAll {
			averages = 1
		}
	}
	return 1 + reduces + averages
}

// TestCostIsTrue: a request alone takes the launches that its plan says.
func TestCostIsTrue(t *testing.T) {
	const elems = 64
	dev := openCUDA(t, gputest.BFloat16)
	three := 0
	for i, r := range gputest.Requests(elems) {
		p, err := dev.Program(elems, []sampler.Request{r})
		require.NoError(t, err)
		before := counters(t)
		for p.Next() != nil {
			require.NoError(t, p.Step())
		}
		after := counters(t)
		cost := r.Plan.Cost()
		require.EqualValues(t, cost.Launches, after.Launches-before.Launches, "request %d", i)
		if cost.Launches == 3*len(r.Plan.Stages) {
			three++
		}
		require.NoError(t, p.Close())
	}
	require.NotZero(t, three)
}

// copyNetwork is a network that runs on the device: its output is its input.
func copyNetwork(s *cuda.Stream, e *sampler.Eval) error {
	in, out := e.In.(*DeviceBuffer), e.Out.(*DeviceBuffer)
	return s.Copy(out.Memory(), 0, in.Memory(), 0, in.Memory().Size())
}

// fixed are the requests that need no variance of the network, which copyNetwork does not have.
func fixed(reqs []sampler.Request) []sampler.Request {
	return slices.DeleteFunc(reqs, func(r sampler.Request) bool { return r.Plan.LearnsVariance() })
}

// identity is the same network on the host.
func identity(_ sampler.Cond, _ float32, in, out []float32) { copy(out, in) }

// TestGraph captures the network and the update once and replays them: one call to the driver a step,
// and the results of steps that are enqueued one by one.
func TestGraph(t *testing.T) {
	for _, elems := range []int{784, 1025} {
		for _, dtype := range gputest.DTypes {
			dev := openCUDA(t, dtype)
			reqs := fixed(append(gputest.SamplerRequests(t, elems), gputest.Requests(elems)...))
			p, err := dev.Program(elems, reqs)
			require.NoError(t, err)
			require.NoError(t, p.(Capturer).Capture(copyNetwork))
			before, counted := emu.Counters()
			steps := 0
			for e := p.Next(); e != nil; e = p.Next() {
				require.Empty(t, e.Active, "the graph evaluates the network")
				require.NoError(t, p.Step())
				steps++
			}
			if counted == nil {
				after, err := emu.Counters()
				require.NoError(t, err)
				require.EqualValues(t, steps, after.GraphLaunches-before.GraphLaunches)
				require.EqualValues(t, steps, after.Calls-before.Calls)
				require.Zero(t, after.DeviceToHost-before.DeviceToHost)
				require.Zero(t, after.Syncs+after.ImplicitSyncs+after.Queries-before.Syncs-before.ImplicitSyncs-before.Queries)
			}
			for i := range reqs {
				want := gputest.Reference(elems, reqs[i], identity, Normals, dtype)
				x := make([]float32, elems)
				require.NoError(t, p.Read(i, x))
				require.Negative(t, gputest.Diff(want[len(want)-1].X, x), "request %d, %s", i, reqs[i].Plan.Sampler)
			}
			require.NoError(t, p.Close())
		}
	}
}

// TestEnqueueDoesNotAllocate: steps, by launches and by graphs.
func TestEnqueueDoesNotAllocate(t *testing.T) {
	const runs = 100
	dev := openCUDA(t, gputest.Float32)
	for _, captured := range []bool{false, true} {
		p, err := dev.Program(784, []sampler.Request{{Plan: steps(2 * runs), Conds: gputest.Conds(0, 2)}})
		require.NoError(t, err)
		if captured {
			require.NoError(t, p.(Capturer).Capture(copyNetwork))
		}
		require.Zero(t, testing.AllocsPerRun(runs, func() {
			if p.Next() == nil || p.Step() != nil {
				panic("ended too early")
			}
		}), "captured: %v", captured)
		require.NoError(t, p.Close())
	}
}

// TestEveryVariantRuns makes sure that the comparisons with the reference reach every kernel.
func TestEveryVariantRuns(t *testing.T) {
	for _, dtype := range gputest.DTypes {
		dev := openCUDA(t, dtype)
		before := counters(t)
		for _, elems := range []int{255, 256} {
			for conds := 1; conds <= 3; conds++ {
				for _, r := range gputest.EpsilonRequests(t, conds) {
					require.NoError(t, run(dev, elems, []sampler.Request{r}))
				}
			}
		}
		after := counters(t)
		names := []string{"general", "general_any"}
		for _, v := range variants {
			names = append(names, v.name+"1", v.name+"2")
		}
		for _, n := range names {
			k := "fused_step_" + n + "_" + dtypeSuffixes[dtypeOf[dtype]]
			require.Greater(t, after.Kernels[k].Launches, before.Kernels[k].Launches, k)
		}
	}
}

// run runs requests with the network that copies, without looking at the results.
func run(dev *CUDA, elems int, reqs []sampler.Request) (err error) {
	_, err = sampler.Run(context.Background(), dev, deviceModel{elems}, reqs)
	return err
}

// deviceModel is the network that copies as a sampler.Model.
type deviceModel struct{ elems int }

func (m deviceModel) Shape() []int { return []int{m.elems} }

func (m deviceModel) Forward(_ context.Context, e *sampler.Eval) error {
	in := e.In.(*DeviceBuffer)
	return in.c.dev.Do(func() error { return copyNetwork(in.Stream(), e) })
}

// TestBytesPerElement compares what the special variants move with what cuda/update.cuh states: 8 for
// x, 4 for d, T for each input and output, 4 for each history slot that is read and 4 for the one that
// is written; a first stage reads history that is not there yet, and skips it.
func TestBytesPerElement(t *testing.T) {
	const elems = 4096
	for _, dtype := range gputest.DTypes {
		dev := openCUDA(t, dtype)
		size := dtypeOf[dtype].Size()
		reached := map[string]bool{}
		reqs := append(gputest.EpsilonRequests(t, 1), gputest.EpsilonRequests(t, 2)...)
		for i, r := range reqs {
			b, err := newBatch(elems, []sampler.Request{r})
			require.NoError(t, err)
			name := b.kernel()
			if strings.HasPrefix(name, "general") {
				continue
			}
			reached[name] = true
			conds := int(name[len(name)-1] - '0')
			reads, writes := 4+size*conds, 8
			for _, v := range variants {
				if v.name+string(rune('0'+conds)) == name && v.push != 0 {
					reads += 8
				}
			}
			before := counters(t)
			p, err := dev.Program(elems, []sampler.Request{r})
			require.NoError(t, err)
			entries := b.table
			var want emu.Kernel
			for s := range entries {
				want.LoadBytes += uint64(reads * elems)
				want.StoreBytes += uint64(writes * elems)
				if entries[s].has(flagPush) {
					want.StoreBytes += 4 * elems
				}
				if entries[s].has(flagNext) {
					want.StoreBytes += uint64(size * conds * elems)
				}
				require.NoError(t, p.Step())
			}
			x := make([]float32, elems)
			require.NoError(t, p.Read(0, x))
			require.NoError(t, p.Close())
			k := "fused_step_" + name + "_" + dtypeSuffixes[dtypeOf[dtype]]
			was, is := before.Kernels[k], counters(t).Kernels[k]
			message := fmt.Sprintf("sampler %d, %s", i, k)
			// The tables are read by every thread as well, the state and the timesteps written by one.
			tables := uint64(0x200 * elems / 4 * len(entries))
			require.GreaterOrEqual(t, is.LoadBytes-was.LoadBytes, want.LoadBytes, message)
			require.LessOrEqual(t, is.LoadBytes-was.LoadBytes, want.LoadBytes+tables, message)
			extra := is.StoreBytes - was.StoreBytes - want.StoreBytes
			require.LessOrEqual(t, extra, uint64(len(entries)*(16*parts(elems, 1, dev.dev.Info().SMs)+4*conds)), message)
		}
		require.Len(t, reached, 2*len(variants), "every special variant")
	}
}
