package model_test

import (
	"context"
	"fmt"
	"log"

	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/cudiffuse/cudiffuse/model"
)

func ExampleMixture() {
	g, err := model.NewMixture(
		model.Component{Weight: 1, Mean: []float64{-1, 0}, Std: 0.5},
		model.Component{Weight: 3, Mean: []float64{+1, 0}, Std: 0.5},
	)
	if err != nil {
		log.Fatal(err)
	}
	x := []float64{0, 1} // as far from one mean as from the other
	x0 := make([]float64, 2)
	if err := g.X0(x0, x, 0.6, 0.8); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.4f\n", x0)
	// Output: [0.4384 0.2055]
}

func ExampleOpenUNetCondition() {
	u, err := model.OpenUNetCondition("testdata/unet_sd15")
	if err != nil {
		log.Fatal(err)
	}
	const tokens = 7
	ex, err := u.CompileSize(1, model.Size{H: 8, W: 12, Tokens: tokens}, nil)
	if err != nil {
		log.Fatal(err)
	}
	in := model.Inputs{
		Sample:   make([]float32, u.Channels()*8*12),
		Timestep: []float32{500},
		Context:  make([]float32, tokens*u.ContextDim()), // what a text encoder made of a prompt
	}
	out := make([]float32, ex.OutShape().Len())
	if err := ex.Run(context.Background(), 1, in, out); err != nil {
		log.Fatal(err)
	}
	fmt.Println(u.Params(), "parameters,", u.ContextDim(), "features a token, result", ex.OutShape())
	// Output:
	// 201924 parameters, 24 features a token, result 4x8x12
}

func ExampleOpenUNet2D() {
	u, err := model.OpenUNet2D("testdata/unet2d_class")
	if err != nil {
		log.Fatal(err)
	}
	pool := workers.New(2)
	defer pool.Close()
	ex, err := u.Compile(4, pool) // buffers for up to 4 images
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(u.Params(), "parameters,", u.Classes(), "classes, image", u.Channels(), u.Height(), u.Width())

	in := model.Inputs{
		Sample:   make([]float32, 2*u.Channels()*u.Height()*u.Width()),
		Timestep: []float32{500, 20},
		Class:    []int64{3, 10},
	}
	out := make([]float32, len(in.Sample))
	if err := ex.Run(context.Background(), 2, in, out); err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(out), "numbers")
	// Output:
	// 358009 parameters, 11 classes, image 1 12 12
	// 288 numbers
}
