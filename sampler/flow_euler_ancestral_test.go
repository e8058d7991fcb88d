package sampler_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// TestFlowEulerAncestral: eta 0 is Euler, a step from pure noise has finite numbers, and no step adds more noise than
// its end has.
func TestFlowEulerAncestral(t *testing.T) {
	pts := []schedule.Point{schedule.Flow(1000, 1), schedule.Flow(700, 0.7), schedule.Flow(200, 0.2), schedule.Flow(0, 0)}
	plain, err := sampler.New(sampler.FlowEuler{}, pts, schedule.Velocity)
	require.NoError(t, err)
	p, err := sampler.New(sampler.FlowEulerAncestral{Eta: new(float64)}, pts, schedule.Velocity)
	require.NoError(t, err)
	for i := range plain.Stages {
		want, got := plain.Stages[i].X.Coefficients(), p.Stages[i].X.Coefficients()
		require.InDeltaSlice(t, want[:], got[:], 1e-12)
	}
	require.Zero(t, p.Draws())

	p, err = sampler.New(sampler.FlowEulerAncestral{}, pts, schedule.Velocity)
	require.NoError(t, err)
	require.Equal(t, 2, p.Draws(), "none in the last step")
	for i, st := range p.Stages {
		// A sample (1-tau)*D + tau*epsilon keeps its law: the parts of D and of the noise are those of the end.
		tau := pts[i].Sigma
		require.InDelta(t, 1-pts[i+1].Sigma, st.X.X*(1-tau)+st.X.D, 1e-12)
		require.InDelta(t, pts[i+1].Sigma, math.Hypot(st.X.X*tau, st.X.N[0]), 1e-12)
	}

	negative, two := -1.0, 2.0
	_, err = sampler.New(sampler.FlowEulerAncestral{Noise: &negative}, pts, schedule.Velocity)
	require.ErrorContains(t, err, "noise scale -1: want a finite number")
	_, err = sampler.New(sampler.FlowEulerAncestral{Eta: &two}, pts, schedule.Velocity)
	require.ErrorContains(t, err, "eta 2: want 0 to 1")
}

// TestReverseDiffusion: where alpha is 1 it is DDPM with the larger variance, but for the noise of the last step.
func TestReverseDiffusion(t *testing.T) {
	pts := []schedule.Point{schedule.VE(9, 14), schedule.VE(5, 3), schedule.VE(1, 0.4), schedule.VE(0, 0)}
	p, err := sampler.New(sampler.ReverseDiffusion{}, pts, schedule.Epsilon)
	require.NoError(t, err)
	want, err := sampler.New(sampler.DDPM{Variance: sampler.FixedLarge}, pts, schedule.Epsilon)
	require.NoError(t, err)
	for i := range p.Stages {
		a, b := want.Stages[i].X, p.Stages[i].X
		if i == len(p.Stages)-1 {
			a.N[0] = 0
		}
		ca, cb := a.Coefficients(), b.Coefficients()
		require.InDeltaSlice(t, ca[:], cb[:], 1e-12)
	}
	require.Equal(t, 2, p.Draws())
}
