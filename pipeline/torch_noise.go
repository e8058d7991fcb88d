package pipeline

import (
	"fmt"
	"slices"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/sampler/torchrand"
)

// diffusersRNG is the generator that draws everything as diffusers does from torch.Generator().manual_seed(seed): the
// start, and after it a tensor for each draw of the plan.
const diffusersRNG = "diffusers"

// torchNoise is what a run draws after its start from torch's stream of a seed, whose first tensors, of its start, are
// left out.
type torchNoise struct {
	seed  uint64
	start int   // tensors of the start
	draws []int // of the plan, in the order they are taken
	g     *torchrand.CPU
	next  int // tensors that were taken of g
}

// laterNoise returns the function for a request of the plan, see [sampler.Request].
func laterNoise(seed uint64, start int, plan *sampler.Plan) func(draw int, dst []float32) {
	n := torchNoise{seed: seed, start: start}
	for i := range plan.Stages {
		for _, id := range plan.Stages[i].Draws {
			if id != 0 && !slices.Contains(n.draws, id) {
				n.draws = append(n.draws, id)
			}
		}
	}
	return n.draw
}

// draw goes on in the stream, or begins it again for a draw that was taken before.
func (n *torchNoise) draw(draw int, dst []float32) {
	at := n.start + slices.Index(n.draws, draw)
	if n.g == nil || at < n.next {
		n.g, n.next = torchrand.NewCPU(n.seed), 0
	}
	for ; n.next <= at; n.next++ {
		n.g.Randn(dst)
	}
}

// checkRNG refuses generators that nobody knows, and diffusers' where it cannot draw the later noise: on a GPU, in Brownian
// increments, and for some other reason, "" for none.
func (pl *place) checkRNG(rng string, brownian bool, other string) error {
	if !slices.Contains([]string{"", diffusersRNG, "torch-cpu", "torch-cuda"}, rng) {
		return &RequestError{Field: "rng", Value: fmt.Sprintf("%.80q", rng), Want: "diffusers, torch-cpu or torch-cuda, or nothing"}
	}
	switch {
	case rng != diffusersRNG:
		return nil
	case pl.dev.Name() != "cpu":
		other = "on a GPU, whose later noise is its own"
	case brownian:
		other = "with Brownian noise"
	case other == "":
		return nil
	}
	return &RequestError{Field: "rng", Value: fmt.Sprintf("%.80q", rng), Want: "torch-cpu " + other}
}
