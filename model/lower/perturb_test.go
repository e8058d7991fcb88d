package lower

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/cuda/cudnn"
	"github.com/cudiffuse/cudiffuse/model"
)

// TestPerturbed: perturbed rows cost a launch for each layer and each run of rows beside each other, and no plan.
func TestPerturbed(t *testing.T) {
	u := published(t, "sd15", "unet/config.json").(*model.UNetCondition)
	for _, x := range []struct {
		p        model.Perturbation
		rows     []int
		launches int
	}{
		{model.Perturbation{Identity: []string{"mid"}}, nil, 0},
		{model.Perturbation{Identity: []string{"mid"}}, []int{1}, 1},
		{model.Perturbation{Identity: []string{"mid"}}, []int{1, 4}, 2},
		{model.Perturbation{Identity: []string{"mid"}}, []int{1, 2, 5}, 2},
		{model.Perturbation{Identity: []string{"mid"}, Skip: []string{"mid", "down.block_0"}}, []int{0}, 4},
	} {
		replace, err := u.Replacements(x.p)
		require.NoError(t, err)
		for _, ty := range types {
			o := Options{Rows: 6, Size: model.Size{H: 64, W: 64, Tokens: 77}, Type: ty}
			plain, err := Lower(u.Graph(), o)
			require.NoError(t, err)
			o.Perturbed, o.Replace = x.rows, replace
			p, err := Lower(u.Graph(), o)
			require.NoError(t, err)
			a, b := plain.Forward(), p.Forward()
			require.Equal(t, []int{a.Plans, a.Launches + x.launches, plain.Prologue}, []int{b.Plans, b.Launches, p.Prologue}, "%v %+v", ty, x)
			require.Equal(t, plain.WeightBytes, p.WeightBytes, "the weights are those of the network that was loaded")
			requireOnce(t, p)
		}
	}
}

// TestPerturbedRefuses: rows and tensors that cannot be right.
func TestPerturbedRefuses(t *testing.T) {
	u := published(t, "sd15", "unet/config.json").(*model.UNetCondition)
	good, err := u.Replacements(model.Perturbation{Identity: []string{"mid"}})
	require.NoError(t, err)
	sample := u.Graph().Inputs[0].Tensor
	for name, x := range map[string]struct {
		rows    []int
		replace []model.Replacement
	}{
		"row":     {[]int{2}, good},
		"order":   {[]int{1, 0}, good},
		"twice":   {[]int{1, 1}, good},
		"below":   {[]int{-1}, good},
		"tensor":  {[]int{0}, []model.Replacement{{Y: -1, X: 0}}},
		"shape":   {[]int{0}, []model.Replacement{{Y: good[0].Y, X: sample}}},
		"written": {[]int{0}, []model.Replacement{{Y: sample, X: sample}}},
	} {
		_, err := Lower(u.Graph(), Options{Rows: 2, Size: model.Size{H: 64, W: 64, Tokens: 77}, Type: cudnn.Float16,
			Perturbed: x.rows, Replace: x.replace})
		var e *Error
		require.ErrorAs(t, err, &e, name)
	}
}
