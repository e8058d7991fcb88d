//go:build cuda

package gpu

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/internal/gputest"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// TestRequestNoiseOnGPU: refused by name, since the kernels draw by themselves.
func TestRequestNoiseOnGPU(t *testing.T) {
	dev, err := OpenCUDA(0, CUDAOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, dev.Close()) })
	reqs := gputest.Requests(64)[:1]
	reqs[0].Noise = func(int, []float32) {}
	_, err = dev.Program(64, reqs)
	var wrong *sampler.RequestError
	require.ErrorAs(t, err, &wrong)
	require.Equal(t, "noise", wrong.Field)
}
