//go:build cuda

package gpu

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/cudiffuse/cudiffuse/internal/emu"
	"github.com/cudiffuse/cudiffuse/internal/gputest"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/stretchr/testify/require"
)

// script makes driver calls fail from now on, until the test ends; it skips on a real driver.
func script(t testing.TB, faults string) {
	t.Helper()
	counters(t)
	require.NoError(t, emu.Reset())
	require.NoError(t, emu.Faults(faults))
	t.Cleanup(func() { require.NoError(t, emu.Reset()) })
}

// session opens a device, runs a mixed batch with a network of the host, once eagerly and once with a
// captured network, and closes everything.
func session(reqs []sampler.Request, elems int) (samples [][]float32, err error) {
	dev, err := OpenCUDA(0, CUDAOptions{DType: Float16, Driver: cuda.Options{SyncTimeout: 5 * time.Second}})
	if err != nil {
		return nil, err
	}
	defer func() {
		if e := dev.Close(); err == nil {
			err = e
		}
	}()
	if samples, err = sampler.Run(context.Background(), dev, OnHost(latticeModel(elems)), reqs); err != nil {
		return nil, err
	}
	p, err := dev.Program(elems, reqs)
	if err != nil {
		return nil, err
	}
	defer func() {
		if e := p.Close(); err == nil {
			err = e
		}
	}()
	if err := p.(Capturer).Capture(copyNetwork); err != nil {
		return nil, err
	}
	for e := p.Next(); e != nil; e = p.Next() {
		if err := p.Step(); err != nil {
			return nil, err
		}
	}
	for i := range reqs {
		x := make([]float32, elems)
		if err := p.Read(i, x); err != nil {
			return nil, err
		}
		samples = append(samples, x)
	}
	return samples, nil
}

// TestEveryCallMayFail makes each of the first 500 calls to the driver fail in turn: the error is of
// the driver layer, nothing is left allocated, and the next run has the bits of the first.
func TestEveryCallMayFail(t *testing.T) {
	const elems = 64
	calls := 500
	counters(t)
	if testing.Short() {
		calls = 60
	}
	reqs := append(gputest.SamplerRequests(t, elems)[:6], gputest.Requests(elems)[8:14]...)
	require.NoError(t, emu.Reset())
	want, err := session(reqs, elems)
	require.NoError(t, err)
	total := int(counters(t).Calls)
	t.Logf("a session makes %d calls", total)
	codes := []cuda.Code{cuda.OutOfMemory, cuda.IllegalAddress, cuda.InvalidValue, cuda.LaunchFailed, cuda.NotSupported}
	failed := 0
	for k := 1; k <= calls; k++ {
		code := codes[k%len(codes)]
		name := fmt.Sprintf("call %d, %v", k, code)
		require.NoError(t, emu.Reset())
		require.NoError(t, emu.Faults(fmt.Sprintf("call@%d=%d", k, int(code))))
		_, err := session(reqs, elems)
		if k <= total && err != nil {
			failed++
			require.True(t, cuda.Failed(err), "%s: %v", name, err)
		}
		leaks, e := emu.Leaks()
		require.NoError(t, e)
		require.Zero(t, leaks, name)
		if k%50 == 0 {
			require.NoError(t, emu.Reset())
			got, err := session(reqs, elems)
			require.NoError(t, err)
			require.True(t, equalAll(want, got), "after call %d failed", k)
		}
	}
	require.Greater(t, failed, min(total, calls)/2)
}

// TestLostMidRun: a device that fails in the middle of a run fails every later call, and a new one works.
func TestLostMidRun(t *testing.T) {
	const elems = 64
	reqs := gputest.SamplerRequests(t, elems)[:3]
	script(t, "launch@3=lost")
	dev, err := OpenCUDA(0, CUDAOptions{})
	require.NoError(t, err)
	_, err = sampler.Run(context.Background(), dev, OnHost(latticeModel(elems)), reqs)
	require.ErrorIs(t, err, cuda.ErrContextLost)
	require.ErrorContains(t, err, "fused_step")
	_, err = dev.Program(elems, reqs)
	require.ErrorIs(t, err, cuda.ErrContextLost)
	require.NoError(t, dev.Close())
	require.NoError(t, run(openCUDA(t, gputest.Float32), elems, reqs))
}

// TestOutOfMemory: a batch that does not fit fails with the sizes, and a smaller one works.
func TestOutOfMemory(t *testing.T) {
	dev, err := OpenCUDA(0, CUDAOptions{Driver: cuda.Options{MemoryLimit: 4 << 20}})
	if err != nil {
		openCUDA(t, gputest.Float32)
	}
	defer func() { require.NoError(t, dev.Close()) }()
	reqs := gputest.SamplerRequests(t, 1<<16)
	_, err = dev.Program(1<<16, reqs)
	require.ErrorIs(t, err, cuda.OutOfMemory)
	var m *cuda.MemoryError
	require.ErrorAs(t, err, &m)
	require.NoError(t, run(dev, 784, gputest.SamplerRequests(t, 784)))
	st, err := dev.Driver().Stats()
	require.NoError(t, err)
	require.Zero(t, st.Memory.Live)
	require.Zero(t, st.Streams+st.Graphs-1, "the stream of copies stays")
}

// TestNaNIsCaught shows that the comparison with the reference notices one wrong value of one launch.
func TestNaNIsCaught(t *testing.T) {
	const elems = 256
	req := gputest.SamplerRequests(t, elems)[2]
	dev := openCUDA(t, gputest.Float32)
	want := gputest.Reference(elems, req, gputest.Lattice, Normals, gputest.Float32)
	script(t, "launch@2=nan")
	got := gputest.Execute(t, dev, elems, []sampler.Request{req}, gputest.Lattice)
	require.False(t, gputest.Equal(want, got[0]))
}
