package model_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/gpu"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// sameAlone samples requests in one batch and each alone, with a fresh denoiser every time: the bits are the same, and those of
// the first two are not.
func sameAlone(t *testing.T, reqs []sampler.Request, open func() (sampler.Model, error)) {
	t.Helper()
	sample := func(reqs ...sampler.Request) [][]float32 {
		m, err := open()
		require.NoError(t, err)
		out, err := sampler.Run(t.Context(), gpu.NewCPU(2), m, reqs)
		require.NoError(t, err)
		return out
	}
	all := sample(reqs...)
	for i, r := range reqs {
		require.Equal(t, all[i], sample(r)[0], "request %d alone", i)
	}
	require.NotEqual(t, all[0], all[1])
}
