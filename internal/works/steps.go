package works

import (
	"fmt"

	"github.com/cudiffuse/cudiffuse/gpu"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

const (
	latent       = 4 * 64 * 64
	stepsOfAPlan = 999
	normalFLOPs  = 26 // half of a pair's: uniform 2, logarithm 28, root 2, sine and cosine 18, products 2
)

const (
	whyStep = whyRounded + "a group of elements stays in registers from its reads to its writes, which the second-level" +
		" cache takes; the copy has two streams, a step up to seven."
	whySDE   = "Two thirds of the time are the noise, whose arithmetic is below its own bound; the rest is as in the others."
	whyNoise = "A third of the time or more is Philox, whose integer products are not counted; the rest are products and" +
		" sums that are rounded one by one, with a root."
)

// steps are what lies between two evaluations of a network, with guidance, and noise.
func steps() []Work {
	var all []Work
	for _, s := range []struct {
		name, kind   string
		flops, bytes int64 // an element
		why          string
	}{
		// Guidance 3, the clean image 3, the update 3, the next input 1. Bytes as the update in package gpu has them.
		{"DDIM", "ddim", 10, 28, whyStep},
		{"DPM-Solver++ 2M", "dpmpp_2m", 12, 36, whyStep},
		{"SDE-DPM-Solver++ 2M", "dpmpp_2m_sde", 14 + normalFLOPs, 36, whySDE},
	} {
		all = append(all, Work{Name: "step " + s.name, Size: "1x4x64x64", Why: s.why, Most: stepsOfAPlan,
			Counted: 20, FLOPs: s.flops * latent, Bytes: s.bytes * latent, Open: step(s.kind)})
	}
	for _, n := range []struct{ elems, counted int }{{latent, 10}, {1 << 20, 0}} {
		all = append(all, Work{Name: "normals", Single: true, Size: fmt.Sprint(n.elems), Why: whyNoise, Counted: n.counted,
			FLOPs: normalFLOPs * int64(n.elems), Bytes: 4 * int64(n.elems), Open: normals(n.elems)})
	}
	return all
}

// normals opens draws of noise; they take one thread.
func normals(elems int) func(int) (*Run, error) {
	return func(int) (*Run, error) {
		dst, draw := make([]float32, elems), 0
		return &Run{Close: func() {}, Do: func() error {
			draw++
			gpu.Normals(dst, 1, draw, 0)
			return nil
		}}, nil
	}
}

// step opens guided steps of a sampler.
func step(name string) func(int) (*Run, error) {
	return func(threads int) (*Run, error) {
		p, err := Steps(threads, name, 1, latent, stepsOfAPlan)
		if err != nil {
			return nil, err
		}
		return &Run{Close: func() { _ = p.Close() }, Do: func() error {
			p.Next()
			return p.Step()
		}}, nil
	}
}

// Steps opens guided steps of a batch of requests; the network's outputs are noise that stays.
func Steps(threads int, name string, requests, elems, steps int) (sampler.Program, error) {
	betas, err := schedule.ScaledLinear(1000, 0.00085, 0.012)
	if err != nil {
		return nil, err
	}
	noise, err := schedule.New(betas)
	if err != nil {
		return nil, err
	}
	e, err := sampler.Lookup(name)
	if err != nil {
		return nil, err
	}
	plan, err := e.Plan(schedule.Grid{Noise: noise, Steps: steps}, schedule.Epsilon, sampler.Params{})
	if err != nil {
		return nil, err
	}
	conds, err := sampler.Guide(1, 0, sampler.DefaultScale)
	if err != nil {
		return nil, err
	}
	reqs := make([]sampler.Request, requests)
	for i := range reqs {
		reqs[i] = sampler.Request{Plan: plan, Conds: conds, Seed: uint64(i)}
	}
	p, err := gpu.NewCPU(threads).Program(elems, reqs)
	if err != nil {
		return nil, err
	}
	gpu.Normals(p.Next().Out.Host(), 5, 1, 0)
	return p, nil
}
