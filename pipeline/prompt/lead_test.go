package prompt_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/pipeline/prompt"
)

// TestLead: weights lead away from the empty text, 0 to it, and 1 changes no bit.
func TestLead(t *testing.T) {
	nan := float32(math.NaN())
	z, empty := []float32{1, 2, 3, 4, 5, 6, 7, 8}, []float32{nan, nan, 2, 2, 9, 9, 1, 1}
	prompt.Lead(z, empty, []float32{1, 1.5, 0, -1})
	require.Equal(t, []float32{1, 2, 3.5, 5, 9, 9, -5, -6}, z)
	prompt.Lead(nil, nil, nil)
	require.True(t, prompt.Plain([]float32{1, 1}))
	require.True(t, prompt.Plain(nil))
	require.False(t, prompt.Plain([]float32{1, 0.5}))
}
