package works

import (
	"context"
	"fmt"

	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/model/bundled"
)

const whyForward = "Transforms, norms, activations, gathering and copies are beside the products; at batch 1 the weights" +
	" of the smallest images, of 7x7 pixels, are transformed for four tiles, which takes as long as the products."

// What the network costs for an image, as its test takes it from the graph: arithmetic by the direct method, and by the
// methods that it takes.
const (
	bundledDirect = 581718016
	bundledFLOPs  = 216985600
	bundledBytes  = 10945412 // weights
)

// forwards are evaluations of the bundled network.
func forwards() []Work {
	var all []Work
	for _, c := range []struct{ rows, counted int }{{1, 1}, {16, 0}} {
		all = append(all, Work{Name: "bundled network", Size: fmt.Sprintf("batch %d", c.rows), Why: whyForward,
			Counted: c.counted, FLOPs: bundledFLOPs * int64(c.rows), Direct: bundledDirect * int64(c.rows),
			Bytes: bundledBytes + int64(8*c.rows*28*28), Open: forward(c.rows)})
	}
	return all
}

func forward(rows int) func(int) (*Run, error) {
	return func(threads int) (*Run, error) {
		net, err := model.OpenUNet2DFS(bundled.FS(), bundled.Fashion)
		if err != nil {
			return nil, err
		}
		p := workers.New(threads)
		e, err := net.Compile(rows, p)
		if err != nil {
			p.Close()
			return nil, err
		}
		in := model.Inputs{Sample: values(rows * net.Channels() * net.Height() * net.Width()),
			Timestep: make([]float32, rows), Class: make([]int64, rows)}
		for i := range in.Timestep {
			in.Timestep[i] = 500
		}
		out := make([]float32, rows*e.OutShape().Len())
		return &Run{Close: p.Close, Do: func() error { return e.Run(context.Background(), rows, in, out) }}, nil
	}
}
