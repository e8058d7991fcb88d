package gpu

import (
	"slices"
	"testing"

	"github.com/cudiffuse/cudiffuse/internal/gputest"
	"github.com/cudiffuse/cudiffuse/sampler"
)

func BenchmarkNormals(b *testing.B) {
	dst := make([]float32, 4096)
	for i := 0; b.Loop(); i++ {
		Normals(dst, 1, i, 0)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(dst)), "ns/normal")
}

// BenchmarkStep is a guided step of four latents of 4x64x64, with and without noise. Copy is what
// the same bytes cost when nothing is computed.
func BenchmarkStep(b *testing.B) {
	const elems, requests, conds = 4 * 64 * 64, 4, 2
	const bytes = 4 * elems * requests * (2*conds + 3) // reads x and out, writes x, d and in
	for name, row := range map[string]sampler.Row{
		"ddim":      {X: 0.5, D: 0.5},
		"ancestral": {X: 0.5, D: 0.5, N: [2]float64{0.1}},
	} {
		b.Run(name, func(b *testing.B) {
			st := steps(1).Stages[0]
			st.X, st.Push = row, nil
			plan := &sampler.Plan{Sampler: name, Init: 1, Stages: slices.Repeat([]sampler.Stage{st}, 1000)}
			reqs := make([]sampler.Request, requests)
			for i := range reqs {
				reqs[i] = sampler.Request{Plan: plan, Conds: gputest.Conds(0, conds)}
			}
			p := program(b, 1, elems, reqs...)
			b.SetBytes(bytes)
			b.ReportAllocs()
			for b.Loop() {
				if p.Next() == nil {
					b.StopTimer()
					p = program(b, 1, elems, reqs...)
					b.StartTimer()
				}
				if err := p.Step(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(elems*requests), "ns/element")
		})
	}
	b.Run("copy", func(b *testing.B) {
		src, dst := make([]byte, bytes/2), make([]byte, bytes/2)
		b.SetBytes(bytes)
		for b.Loop() {
			copy(dst, src)
		}
	})
}
