//go:build cuda

package cudnn

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// architectures are all that this package describes.
var architectures = []int{75, 80, 86, 89, 90, 100, 120}

// cases are graphs, with what the pinned cuDNN does with each.
var cases = []struct {
	name  string
	graph *Graph
	from  int // the first architecture that has a plan, 0 for none
}{
	{"conv", convGraph(Float16, 2, 320, 320, 64, 3, 1), 75},
	{"conv 1x1", convGraph(Float16, 2, 320, 320, 64, 1, 1), 75},
	{"conv step 2", convGraph(Float16, 2, 320, 320, 64, 3, 2), 75},
	{"conv from 4 channels", convGraph(Float16, 2, 4, 320, 64, 3, 1), 75},
	{"conv to 4 channels", convGraph(Float16, 2, 320, 4, 64, 3, 1), 75},
	{"conv from 1 channel", convGraph(Float16, 2, 1, 32, 28, 3, 1), 75},
	{"conv of odd channels", convGraph(Float16, 2, 20, 12, 7, 3, 1), 75},
	{"conv float32", convGraph(Float32, 2, 320, 320, 64, 3, 1), 75},
	{"conv bfloat16", convGraph(BFloat16, 2, 320, 320, 64, 3, 1), 80},
	{"conv, bias, ReLU", convBias(Float16, Float32, false, PointwiseReLU), 75},
	{"conv, bias, SiLU", convBias(Float16, Float32, false, PointwiseSiLU), 75},
	{"conv, bias, residual, SiLU", convBias(Float16, Float32, true, PointwiseSiLU), 75},
	{"matmul", matmulGraph(Float16, 1, 4096, 320, 1280), 75},
	{"matmul float32", matmulGraph(Float32, 1, 4096, 320, 1280), 80},
	{"matmul of 77 columns", matmulGraph(Float16, 16, 4096, 64, 77), 80},
	{"matmul batched", matmulGraph(Float16, 16, 4096, 64, 80), 75},
	{"matmul of one row", matmulGraph(Float16, 1, 1, 320, 1280), 75},
	{"matmul, bias, GELU", matmulGELU(), 75},
	{"bias, SiLU", addSiLU(), 75},
	{"layer norm", layerNormGraph(8192, 320), 75},
	{"group norm as layer norm", layerNormGraph(64, 40960), 75},
	{"attention", sdpaGraph(Float16, 8, 4096, 4096, 64), 80},
	{"attention to 77 tokens", sdpaGraph(Float16, 8, 4096, 77, 64), 80},
	{"attention dim 40", sdpaGraph(Float16, 8, 4096, 4096, 40), 80},
	{"attention dim 80", sdpaGraph(Float16, 8, 4096, 4096, 80), 80},
	{"attention dim 128", sdpaGraph(Float16, 8, 4096, 4096, 128), 80},
	{"attention dim 160", sdpaGraph(Float16, 8, 4096, 4096, 160), 80},
	{"attention dim 512", sdpaGraph(Float16, 1, 4096, 4096, 512), 80},
	{"attention bfloat16", sdpaGraph(BFloat16, 8, 4096, 4096, 64), 80},
	{"attention of 49 tokens, dim 32", sdpaGraph(Float16, 3, 49, 49, 32), 80},
	{"attention float32", sdpaGraph(Float32, 8, 4096, 4096, 64), 0},
	{"attention by parts", attentionByParts(), 0},
	{"average of 2x2", resampleGraph(ResampleAverage, Float16, 2, 32, 64, 2), 75},
	{"average of 2x2 float32", resampleGraph(ResampleAverage, Float32, 2, 32, 64, 2), 75},
	{"nearest neighbour", resampleGraph(ResampleNearest, Float16, 2, 32, 64, 2), 0},
	{"matmul, max", matmulMax(), 75},
	{"sum alone", reductionGraph(), 0},
}

func TestCases(t *testing.T) {
	lib := real(t)
	for _, arch := range architectures {
		for _, c := range cases {
			t.Run(fmt.Sprintf("sm_%d/%s", arch, c.name), func(t *testing.T) {
				plans, err := lib.Candidates(c.graph, target(t, arch), 1)
				closePlans(t, plans)
				if c.from == 0 || arch < c.from {
					var none *NoPlanError
					require.ErrorAs(t, err, &none)
					return
				}
				require.NoError(t, err)
				require.Len(t, plans, 1)
				require.GreaterOrEqual(t, plans[0].Workspace(), int64(0))
			})
		}
	}
}
