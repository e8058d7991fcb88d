//go:build cuda

package device

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// TestPerturbedCondition: rows of another network are refused, not evaluated by this one.
func TestPerturbedCondition(t *testing.T) {
	u, err := model.OpenUNetCondition("../testdata/unet_sd15")
	require.NoError(t, err)
	c := model.TextEmbedding{Data: make([]float32, 7*u.ContextDim()), Tokens: 7}
	perturbed := c
	perturbed.Perturbed = true
	_, err = newConditions(u, []sampler.Cond{&c, &c})
	require.NoError(t, err)
	_, err = newConditions(u, []sampler.Cond{&c, &perturbed})
	var e *ConditionError
	require.ErrorAs(t, err, &e)
	require.Equal(t, 1, e.Row)
	require.Contains(t, e.Detail, "perturbed")
}
