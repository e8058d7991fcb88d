package diffusers_test

import (
	"fmt"
	"strings"

	"github.com/cudiffuse/cudiffuse/sampler/diffusers"
)

// A scheduler_config.json becomes the same plan that the library would run.
func ExampleParse() {
	config := `{"_class_name": "DPMSolverMultistepScheduler", "beta_start": 0.00085, "beta_end": 0.012,
		"beta_schedule": "scaled_linear", "use_karras_sigmas": true}`
	s, err := diffusers.Parse(strings.NewReader(config))
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := s.Plan(diffusers.Options{Steps: 3})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, st := range p.Stages {
		fmt.Printf("t %.0f, sigma/alpha %.4f\n", st.At.T, st.At.Sigma/st.At.Alpha)
	}
	// Output:
	// t 999, sigma/alpha 14.6146
	// t 427, sigma/alpha 1.2741
	// t 0, sigma/alpha 0.0292
}
