package gpu

import (
	"fmt"

	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// FillNoise enqueues on s the noise of elements first, first+1, ... of a draw, times scale, for the
// first n float32 of dst: what [Normals] makes, bit for bit.
func (c *CUDA) FillNoise(s *cuda.Stream, dst *cuda.Buffer, n int, seed uint64, draw, first int, scale float32) error {
	if n < 1 || int64(n) > dst.Size()/4 || first < 0 || draw < 0 || int64(draw) >= 1<<32 {
		return &sampler.RequestError{Row: -1, Field: "noise", Detail: fmt.Sprintf("%d elements from %d of draw %d: "+
			"want 1 to %d, and no negative numbers", n, first, draw, dst.Size()/4)}
	}
	blocks := min((n/4+stepThreads)/stepThreads, 8*c.dev.Info().SMs)
	return c.dev.Do(func() error {
		return c.launch(s, "fill_noise", cuda.Geometry{Grid: cuda.Dim{X: blocks}, Block: cuda.Dim{X: stepThreads}},
			dst.Ptr(), uint64(n), seed, uint64(draw), uint64(first), cuda.F32(scale))
	})
}
