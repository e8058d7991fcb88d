package model_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// TestConditionSampling: requests with texts, step counts and guidance of their own give
// the same bits in one batch as alone.
func TestConditionSampling(t *testing.T) {
	u, err := model.OpenUNetCondition("testdata/unet_sd15")
	require.NoError(t, err)
	pool := workers.New(2)
	defer pool.Close()
	betas, err := schedule.ScaledLinear(1000, 0.00085, 0.012)
	require.NoError(t, err)
	noise, err := schedule.New(betas)
	require.NoError(t, err)
	plan := func(steps int) *sampler.Plan {
		points, err := schedule.Grid{Noise: noise, Steps: steps, Spacing: schedule.Leading}.Points()
		require.NoError(t, err)
		p, err := sampler.New(sampler.DDIM{}, points, schedule.Epsilon)
		require.NoError(t, err)
		return p
	}
	empty := text(u, 1, 3)
	var reqs []sampler.Request
	for i, tokens := range []int{7, 3, 12} {
		conds, err := sampler.Guide(text(u, uint64(10+i), tokens), empty, 2+float64(i))
		require.NoError(t, err)
		reqs = append(reqs, sampler.Request{Plan: plan(2 + i), Conds: conds, Seed: uint64(i)})
	}
	reqs = append(reqs, sampler.Request{Plan: plan(3), Conds: []sampler.Weighted{{Weight: 1, Cond: empty}}, Seed: 9})
	sameAlone(t, reqs, func() (sampler.Model, error) { return u.Denoiser(0, 0, pool) })
}
