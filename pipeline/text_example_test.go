package pipeline_test

import (
	"context"
	"fmt"
	"log"

	"github.com/cudiffuse/cudiffuse/pipeline"
)

// The folder is a tiny one of the tests; those of published models are opened in the same way.
func ExampleOpenText() {
	p, err := pipeline.OpenText("testdata/sd15", pipeline.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()
	res, err := p.GenerateFunc(context.Background(), pipeline.TextRequest{
		Prompt: "a photo of a cat", Negative: "blurry", Sampler: "dpmpp_2m", Steps: 2, Width: 32, Seed: 42,
	}, func(s pipeline.TextStep) error {
		fmt.Println("step", s.Stage, "of", s.Stages)
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(res.Images[0].Bounds().Size())
	// Output:
	// step 1 of 2
	// step 2 of 2
	// (32,16)
}
