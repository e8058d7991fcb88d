//go:build cuda

package device

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/cudiffuse/cudiffuse/gpu"
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
	_, err = newConditions(u, []sampler.Cond{&c, &c}, false)
	require.NoError(t, err)
	_, err = newConditions(u, []sampler.Cond{&c, &perturbed}, false)
	var e *ConditionError
	require.ErrorAs(t, err, &e)
	require.Equal(t, 1, e.Row)
	require.Contains(t, e.Detail, "perturbed")
}

// TestPerturbed samples with rows of which some are perturbed, next to each other and apart, in both ways, with a
// ControlNet before the network and without.
func TestPerturbed(t *testing.T) {
	for _, net := range []*model.UNetCondition{textNetwork(t, "unet_sd15"), controlled(t)} {
		reqs := guided(t, net, func(request, cond int, c *model.TextEmbedding) { c.Perturbed = request != cond })
		requireAsCPU(t, net, reqs, model.Perturbation{Identity: []string{"mid"}, Skip: []string{"down.block_0"}})
	}
}

// TestPerturbedRefuses: layers that the network has not, and networks that have none.
func TestPerturbedRefuses(t *testing.T) {
	dev := open(t, gpu.Float32, cuda.Options{})
	var e *model.InputError
	n := load(t, dev, textNetwork(t, "unet_sd15"), Options{})
	_, err := n.Perturbed(model.Perturbation{Identity: []string{"up_blocks.7"}})
	require.ErrorAs(t, err, &e)
	_, err = n.Perturbed(model.Perturbation{})
	require.ErrorAs(t, err, &e)
	_, err = load(t, dev, fashion(t), Options{}).Perturbed(model.Perturbation{Identity: []string{"mid"}})
	require.ErrorAs(t, err, &e)
}
