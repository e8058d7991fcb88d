//go:build cuda

package gpu

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/cudiffuse/cudiffuse/internal/emu"
	"github.com/cudiffuse/cudiffuse/internal/gputest"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
	"github.com/stretchr/testify/require"
)

// BenchmarkLaunches counts what one step of a 4x64x64 latent with guidance costs: launches, calls to
// the driver and bytes that kernels move, beside what diffusers issues for the same step
// (docs/launches). For 32 requests diffusers issues its operations for each, because they have
// different samplers and steps.
func BenchmarkLaunches(b *testing.B) {
	const elems, at = 4 * 64 * 64, 5
	var peer struct {
		Elements int
		Samplers map[string]struct{ Launches, Bytes int }
	}
	text, err := os.ReadFile("../docs/launches/diffusers.json")
	require.NoError(b, err)
	require.NoError(b, json.Unmarshal(text, &peer))
	require.Equal(b, elems, peer.Elements)
	names := []string{"ddim", "dpmpp_2m", "dpmpp_2m_sde", "ddpm", "euler_ancestral"}
	for _, name := range names {
		b.Run(name, func(b *testing.B) {
			p := peer.Samplers[name]
			launches(b, elems, at, []string{name}, p.Launches, p.Bytes)
		})
	}
	b.Run("32_mixed", func(b *testing.B) {
		var mixed []string
		peerLaunches, peerBytes := 0, 0
		for i := range 32 {
			n := names[i%len(names)]
			mixed = append(mixed, n)
			peerLaunches += peer.Samplers[n].Launches
			peerBytes += peer.Samplers[n].Bytes
		}
		launches(b, elems, at, mixed, peerLaunches, peerBytes)
	})
}

func launches(b *testing.B, elems, at int, names []string, peerLaunches, peerBytes int) {
	betas, err := schedule.ScaledLinear(1000, 0.00085, 0.012)
	require.NoError(b, err)
	noise, err := schedule.New(betas)
	require.NoError(b, err)
	var reqs []sampler.Request
	for i, name := range names {
		e, err := sampler.Lookup(name)
		require.NoError(b, err)
		plan, err := e.Plan(schedule.Grid{Noise: noise, Steps: 10 + i}, schedule.Epsilon, sampler.Params{})
		require.NoError(b, err)
		conds, err := sampler.Guide(1, 0, 2+float64(i)/4)
		require.NoError(b, err)
		reqs = append(reqs, sampler.Request{Plan: plan, Conds: conds, Seed: uint64(i)})
	}
	dev := openCUDA(b, gputest.Float32)
	for b.Loop() {
		p, err := dev.Program(elems, reqs)
		require.NoError(b, err)
		require.NoError(b, p.Next().Out.(*DeviceBuffer).Upload(make([]float32, p.Next().Out.Len())))
		for range at {
			require.NoError(b, p.Step())
		}
		x := make([]float32, elems)
		require.NoError(b, p.Read(0, x))
		before, _ := emu.Counters()
		require.NoError(b, p.Step())
		enqueued, err := emu.Counters()
		if err != nil {
			b.Skip("a real driver does not count: ", err)
		}
		require.NoError(b, p.Read(0, x))
		after, err := emu.Counters()
		require.NoError(b, err)
		require.NoError(b, p.Close())
		report := func(v float64, unit string) { b.ReportMetric(v, unit) }
		report(0, "ns/op") // of an emulated GPU: nothing to know
		report(float64(enqueued.Launches-before.Launches), "launches")
		report(float64(enqueued.Calls-before.Calls), "calls")
		report(float64(after.LoadBytes-before.LoadBytes+after.StoreBytes-before.StoreBytes)/1e6, "MB")
		report(float64(peerLaunches), "diffusers-launches")
		report(float64(peerBytes)/1e6, "diffusers-MB")
	}
}

// BenchmarkCUDAStep times steps on a real GPU, and the bytes that they move.
func BenchmarkCUDAStep(b *testing.B) {
	dev := openCUDA(b, gputest.Float16)
	if _, err := emu.Counters(); err == nil {
		b.Skip("an emulated GPU has no speed")
	}
	for _, size := range []int{4 * 64 * 64, 16 * 4 * 128 * 128} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			p, err := dev.Program(size, []sampler.Request{{Plan: steps(1 << 20), Conds: gputest.Conds(0, 2)}})
			require.NoError(b, err)
			defer p.Close()
			n, start := 0, time.Now()
			for b.Loop() {
				if err := p.Step(); err != nil {
					b.Fatal(err)
				}
				n++
			}
			x := make([]float32, size)
			require.NoError(b, p.Read(0, x)) // waits for all steps, which the benchmark's own clock does not
			each := time.Since(start).Seconds() / float64(n)
			b.ReportMetric(each*1e6, "us/step")
			b.ReportMetric(float64(size)*(4*4+2*2*2+4)/each/1e9, "GB/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}
