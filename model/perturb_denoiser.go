package model

import (
	"context"

	"github.com/cudiffuse/cudiffuse/sampler"
)

// perturbedRows are the rows of a [ConditionDenoiser] that another network of the same weights evaluates.
type perturbedRows struct {
	unet  *UNetCondition // nil for none
	texts textRunners
	part  sampler.Eval // the rows of one of both
	rows  []int
}

// SetPerturbed has net evaluate the rows whose condition is TextEmbedding.Perturbed; nil for none. net is what
// [UNetCondition.Perturb] made of the denoiser's network, any other gives an [*InputError].
func (d *ConditionDenoiser) SetPerturbed(net *UNetCondition) error {
	if net != nil && (net.weights == nil || net.weights.whole != d.unet.weights) {
		return &InputError{"network", "is not one that Perturb made of the denoiser's"}
	}
	d.perturbed = perturbedRows{unet: net}
	return nil
}

// alike is how many rows the network that row takes may have to evaluate.
func alike(e *sampler.Eval, row int) int {
	n, want := 0, e.Conds[row].(*TextEmbedding).Perturbed
	for _, c := range e.Conds {
		if t, ok := c.(*TextEmbedding); ok && t != nil && t.Perturbed == want {
			n++
		}
	}
	return n
}

// forwardAll evaluates the plain rows and then the perturbed ones.
func (d *ConditionDenoiser) forwardAll(ctx context.Context, e *sampler.Eval) error {
	p := &d.perturbed
	for _, x := range []struct {
		perturbed bool
		unet      *UNetCondition
		texts     *textRunners
	}{{false, d.unet, &d.texts}, {true, p.unet, &p.texts}} {
		p.rows = p.rows[:0]
		for _, row := range e.Active {
			if e.Conds[row].(*TextEmbedding).Perturbed == x.perturbed {
				p.rows = append(p.rows, row)
			}
		}
		p.part = *e
		p.part.Active = p.rows
		err := x.texts.each(&p.part, func(r *textRunner, rows []int) error {
			return d.evaluate(ctx, e, r, rows, alike(e, rows[0]), x.unet, d.inputs)
		})
		p.part = sampler.Eval{}
		if err != nil {
			return err
		}
	}
	return nil
}
