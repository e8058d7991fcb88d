package sampler_test

import (
	"context"
	"fmt"

	"github.com/cudiffuse/cudiffuse/gpu"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// examplePlan is DDIM in two steps for a network that predicts the clean sample.
func examplePlan(opts ...sampler.Option) *sampler.Plan {
	points := []schedule.Point{
		{T: 9, Alpha: 0.6, Sigma: 0.8, In: 1},
		{T: 4, Alpha: 0.8, Sigma: 0.6, In: 1},
		{Alpha: 1, In: 1}}
	plan, err := sampler.New(sampler.DDIM{}, points, schedule.X0, opts...)
	if err != nil {
		fmt.Println(err)
	}
	return plan
}

// echo is a network that predicts numbers far outside [-1, 1], whatever it is given.
type echo struct{}

func (echo) Shape() []int { return []int{4} }

func (echo) Forward(_ context.Context, e *sampler.Eval) error {
	for _, row := range e.Active {
		copy(e.Out.Host()[row*e.Elems:], []float32{1, -2, 3, -4})
	}
	return nil
}

func sample(plan *sampler.Plan, part *sampler.Inpaint) {
	dev := gpu.NewCPU(1)
	defer dev.Close()
	out, err := sampler.Run(context.Background(), dev, echo{}, []sampler.Request{
		{Plan: plan, Conds: []sampler.Weighted{{Weight: 1}}, Inpaint: part}})
	fmt.Println(out, err)
}

// A static clip cuts off what is outside [-1, 1]; a dynamic one scales it to fit.
func ExampleWithThreshold() {
	sample(examplePlan(sampler.WithClip(1)), nil)
	sample(examplePlan(sampler.WithThreshold(sampler.Threshold{Quantile: 1, Max: 100})), nil)
	// Output:
	// [[1 -1 1 -1]] <nil>
	// [[0.25 -0.5 0.75 -1]] <nil>
}

// Guidance rescale needs the standard deviations of whole samples: a second launch each stage.
func ExampleWithRescale() {
	fmt.Println(examplePlan().Cost())
	fmt.Println(examplePlan(sampler.WithRescale(0.7)).Cost())
	// Output:
	// {2 2}
	// {2 4}
}

// The first and third element are known and the fourth is half known.
func ExampleInpaint() {
	sample(examplePlan(), &sampler.Inpaint{Known: []float32{10, 0, 30, 40}, Mask: []float32{0, 1, 0, 0.5}})
	// Output:
	// [[10 -2 30 18]] <nil>
}
