package pipeline

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/sampler/torchrand"
)

// TestLaterNoise: the draws of a plan are the next tensors of the stream, in the order that they are taken, again where a run
// is resumed and a draw is taken twice.
func TestLaterNoise(t *testing.T) {
	plan := &sampler.Plan{Stages: []sampler.Stage{{Draws: [2]int{5, 0}}, {}, {Draws: [2]int{2, 9}}, {Draws: [2]int{2, 0}}}}
	stream := make([]float32, 4*20)
	g := torchrand.NewCPU(3)
	for i := range 4 {
		g.Randn(stream[i*20:][:20])
	}
	for _, start := range []int{0, 1} {
		for _, order := range [][]int{{5, 2, 9, 2}, {9}, {2, 9, 2, 5}} {
			draw := laterNoise(3, start, plan)
			for _, id := range order {
				got := make([]float32, 20)
				draw(id, got)
				at := start + map[int]int{5: 0, 2: 1, 9: 2}[id]
				require.Equal(t, stream[at*20:][:20], got, "draw %d after %d tensors", id, start)
			}
		}
	}
}
