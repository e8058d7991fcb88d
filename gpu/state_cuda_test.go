//go:build cuda

package gpu

import (
	"fmt"
	"testing"

	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/cudiffuse/cudiffuse/internal/emu"
	"github.com/cudiffuse/cudiffuse/internal/gputest"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/stretchr/testify/require"
)

// identityReferences are those of a network that copies.
func identityReferences(elems int, reqs []sampler.Request) [][]gputest.Stage {
	want := make([][]gputest.Stage, len(reqs))
	for i := range reqs {
		want[i] = gputest.Reference(elems, reqs[i], identity, Normals, gputest.Float32)
	}
	return want
}

// TestStateGraph goes on with a run, captures the network and the update there, and saves between replays.
func TestStateGraph(t *testing.T) {
	const elems = 260
	dev := openCUDA(t, gputest.Float32)
	reqs := fixed(stateRequests(t, elems))
	want := identityReferences(elems, reqs)
	for range mostStages(reqs) + 1 {
		p, err := dev.Program(elems, reqs)
		require.NoError(t, err)
		require.NoError(t, p.(Capturer).Capture(copyNetwork))
		if p.Next() != nil {
			require.NoError(t, p.Step())
		}
		for i := range reqs {
			requireStage(t, p, i, elems, want[i])
			reqs[i].Resume = save(t, p, i)
		}
		require.NoError(t, p.Close())
	}
	for i := range reqs {
		require.Equal(t, len(reqs[i].Plan.Stages), reqs[i].Resume.Stage)
	}
}

// relay does one stage, saves all requests and goes on with them in a new program, both closed at the end.
func relay(dev *CUDA, elems int, reqs []sampler.Request) (err error) {
	closing := func(p sampler.Program) {
		if e := p.Close(); err == nil {
			err = e
		}
	}
	p, err := dev.Program(elems, reqs)
	if err != nil {
		return err
	}
	defer closing(p)
	p.Next()
	if err := p.Step(); err != nil {
		return err
	}
	resumed := make([]sampler.Request, len(reqs))
	for i := range reqs {
		resumed[i] = reqs[i]
		if resumed[i].Resume, err = p.(sampler.Saver).Save(i); err != nil {
			return err
		}
	}
	q, err := dev.Program(elems, resumed)
	if err != nil {
		return err
	}
	closing(q)
	return err
}

// TestStateCallsMayFail makes each call to the driver of saving and going on fail in turn: no failure is
// overlooked, and each error is of the driver layer.
func TestStateCallsMayFail(t *testing.T) {
	const elems = 64
	counters(t)
	dev := openCUDA(t, gputest.Float32)
	reqs := stateRequests(t, elems)
	reqs = reqs[len(reqs)-9:]
	require.NoError(t, relay(dev, elems, reqs)) // kernels are looked up once
	script(t, "")
	require.NoError(t, relay(dev, elems, reqs))
	total := int(counters(t).Calls)
	require.Greater(t, total, 60)
	for k := 1; k <= 2*total; k++ {
		code := []cuda.Code{cuda.OutOfMemory, cuda.InvalidValue}[k%2]
		call := (k + 1) / 2
		require.NoError(t, emu.Faults(fmt.Sprintf("call@%d=%d", call, int(code))))
		err := relay(dev, elems, reqs)
		if err == nil && code == cuda.OutOfMemory {
			continue // the cache gave memory back and asked once more
		}
		var e *cuda.Error
		require.ErrorAs(t, err, &e, "call %d of %d", call, total)
	}
}
