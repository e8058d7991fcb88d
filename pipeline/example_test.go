package pipeline_test

import (
	"bytes"
	"context"
	"fmt"

	"github.com/cudiffuse/cudiffuse/pipeline"
)

// An image of each of two classes from the bundled model, in few steps. The parameters in a PNG repeat it.
func ExamplePipeline_Generate() {
	p, err := pipeline.Bundled(pipeline.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	boot, err := p.ClassLabel("ankle boot")
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := p.Generate(context.Background(), pipeline.Request{Classes: []int{boot, 8}, Steps: 2, Seed: 7})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, img := range res.Images {
		fmt.Println(p.ClassName(img.Class), img.Seed, img.Bounds().Size())
	}
	fmt.Println(res.Evaluations, "network evaluations") // images, times 2 for guidance, times steps

	var file bytes.Buffer
	if err := pipeline.WritePNG(&file, res.Images[0], res.Parameters.String()); err != nil {
		fmt.Println(err)
		return
	}
	text, err := pipeline.ReadParameters(&file)
	if err != nil {
		fmt.Println(err)
		return
	}
	like, err := pipeline.ParseParameters(text)
	fmt.Println(like.Sampler, like.Steps, "steps, guidance", like.Guidance, err)
	// Output:
	// Ankle boot 7 (28,28)
	// Bag 8 (28,28)
	// 8 network evaluations
	// dpmpp_2m 2 steps, guidance 2 <nil>
}

// The steps of a run, with what the network predicts at each.
func ExamplePipeline_Steps() {
	p, err := pipeline.Bundled(pipeline.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	for s, err := range p.Steps(context.Background(), pipeline.Request{Classes: []int{0}, Steps: 3}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		preview, err := s.Preview(0)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%d of %d: %v\n", s.Stage, s.Stages, preview.Bounds().Size())
	}
	// Output:
	// 1 of 3: (28,28)
	// 2 of 3: (28,28)
	// 3 of 3: (28,28)
}
