package diffusers_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/sampler/diffusers"
)

// TestEDMStandsStill: with final_sigmas_type sigma_min the last step goes from the lowest level to itself:
// it keeps the sample or, with churn, comes back from the level that the noise raised it to.
func TestEDMStandsStill(t *testing.T) {
	s, err := diffusers.Parse(strings.NewReader(
		`{"_class_name": "EDMEulerScheduler", "final_sigmas_type": "sigma_min", "sigma_max": 1}`))
	require.NoError(t, err)
	p, err := s.Plan(diffusers.Options{Steps: 4})
	require.NoError(t, err)
	require.Equal(t, math.Sqrt2, p.Init, "sqrt(sigma_max^2 + 1)")
	last := p.Stages[3]
	require.InDelta(t, 0.002, last.At.Sigma, 1e-12)
	require.InDelta(t, math.Log(0.002)/4, last.At.T, 1e-12)
	require.InDelta(t, 1, last.X.X, 1e-9)
	require.InDelta(t, 0, last.X.D, 1e-9)

	p, err = s.Plan(diffusers.Options{Steps: 4, SChurn: 1})
	require.NoError(t, err)
	last = p.Stages[3]
	const hat = 0.002 * 1.25 // gamma is s_churn/steps
	skip := 0.25 / (0.25 + hat*hat)
	require.InDelta(t, 0.8, last.X.X, 1e-9)
	require.InDelta(t, 0.2, last.X.D, 1e-9)
	require.InDelta(t, skip, last.From.Skip, 1e-12)
	require.InDelta(t, math.Sqrt(hat*hat-0.002*0.002)*(0.8+0.2*skip), last.X.N[0], 1e-9)
}
