package sampler_test

import (
	"fmt"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// A sampler compiles to a table of coefficients: DDIM in two steps for a network that predicts epsilon.
func ExampleNew() {
	betas, err := schedule.Linear(1000, 1e-4, 0.02)
	if err != nil {
		fmt.Println(err)
		return
	}
	noise, err := schedule.New(betas)
	if err != nil {
		fmt.Println(err)
		return
	}
	points, err := schedule.Grid{Noise: noise, Steps: 2, Spacing: schedule.Trailing}.Points()
	if err != nil {
		fmt.Println(err)
		return
	}
	plan, err := sampler.New(sampler.DDIM{}, points, schedule.Epsilon)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, st := range plan.Stages {
		fmt.Printf("t %.0f: d = %.4f*x %+.4f*out; x' = %.4f*x %+.4f*d\n",
			st.At.T, st.From.Skip, st.From.Out, st.X.X, st.X.D)
	}
	// Output:
	// t 999: d = 157.4105*x -157.4073*out; x' = 0.9599*x +0.2742*d
	// t 499: d = 3.5672*x -3.4241*out; x' = 0.0000*x +1.0000*d
}

// Lookup finds samplers by the names that other programs use.
func ExampleLookup() {
	e, err := sampler.Lookup("Euler a")
	fmt.Println(e.Name, e.Title, err)
	_, err = sampler.Lookup("euler b")
	fmt.Println(err != nil)
	// Output:
	// euler_ancestral Euler ancestral <nil>
	// true
}
