package sampler_test

import (
	"context"
	"fmt"
	"slices"

	"github.com/cudiffuse/cudiffuse/gpu"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// A run is saved after two of its four steps and goes on in a new program, which may be another process on
// another device, to the same bits.
func ExampleState() {
	if err := interrupted(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// saved after 2 of 4 stages
	// the same bits: true
}

func interrupted(ctx context.Context) error {
	betas, err := schedule.Linear(1000, 1e-4, 0.02)
	if err != nil {
		return err
	}
	noise, err := schedule.New(betas)
	if err != nil {
		return err
	}
	entry, err := sampler.Lookup("dpmpp_2m_sde")
	if err != nil {
		return err
	}
	plan, err := entry.Plan(schedule.Grid{Noise: noise, Steps: 4}, schedule.Epsilon, sampler.Params{})
	if err != nil {
		return err
	}
	dev, network := gpu.NewCPU(1), newFake()
	defer dev.Close()
	reqs := []sampler.Request{{Plan: plan, Conds: []sampler.Weighted{{Weight: 1, Cond: scale(1)}}, Seed: 42}}
	whole, err := sampler.Run(ctx, dev, network, reqs)
	if err != nil {
		return err
	}

	var file []byte
	for s, err := range sampler.Steps(ctx, dev, network, reqs) {
		if err != nil {
			return err
		}
		if s.Stage == 2 {
			state, err := s.Save(0)
			if err != nil {
				return err
			}
			if file, err = state.MarshalBinary(); err != nil {
				return err
			}
			break
		}
	}

	var state sampler.State
	if err := state.UnmarshalBinary(file); err != nil {
		return err
	}
	fmt.Println("saved after", state.Stage, "of", len(state.Plan.Stages), "stages")
	rest, err := state.Request(scale(1))
	if err != nil {
		return err
	}
	out, err := sampler.Run(ctx, dev, network, []sampler.Request{rest})
	if err != nil {
		return err
	}
	fmt.Println("the same bits:", slices.Equal(out[0], whole[0]))
	return nil
}
