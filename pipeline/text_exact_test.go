package pipeline_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/pipeline"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// TestTextExactSteps: at every strength all steps run, from the timestep of the strength; strength 1 is the plan
// and the image of a run without, bit for bit.
func TestTextExactSteps(t *testing.T) {
	p := openText(t, "sd15", nil)
	for _, name := range []string{"dpmpp_2m", "euler_ancestral", "ddim", "unipc_bh2"} {
		for _, curve := range []schedule.Curve{schedule.ByTimestep, schedule.KarrasCurve, schedule.SGMUniformCurve} {
			r := pipeline.TextRequest{Prompt: prompt, Steps: 4, Sampler: name, Schedule: curve, Seed: 6}
			plain, err := p.Generate(t.Context(), r)
			require.NoError(t, err)
			r.Image, r.Strength = ramp(16, 16), 1
			cut, err := p.Generate(t.Context(), r)
			require.NoError(t, err)
			r.ExactSteps = true
			for _, r.Strength = range []float64{0.01, 0.1, 0.37, 0.9, 1} {
				res, err := p.Generate(t.Context(), r)
				require.NoError(t, err)
				require.Equal(t, 4, res.Plan.Steps())
				require.Equal(t, 2*4, res.Evaluations)
				require.InDelta(t, r.Strength*plain.Plan.Stages[0].At.T, res.Plan.Stages[0].At.T, 1e-9, "%s %v", name, curve)
				if r.Strength == 1 {
					require.Equal(t, plain.Plan.Stages, res.Plan.Stages)
					requireSame(t, cut.Images[0].Latent, res.Images[0].Latent)
				}
				back, err := pipeline.ParseTextParameters(res.Parameters.String())
				require.NoError(t, err)
				require.True(t, back.ExactSteps)
				require.Equal(t, r.Strength, back.Strength)
			}
		}
	}
}

// TestTextExactScheduler: LCM takes the strength itself, others say which sampler would.
func TestTextExactScheduler(t *testing.T) {
	lcm := openText(t, "sd15", schedulerFile(`{"_class_name": "LCMScheduler", "beta_schedule": "scaled_linear"}`))
	r := pipeline.TextRequest{Prompt: prompt, Steps: 4, Image: ramp(16, 16), Strength: 0.5, ExactSteps: true}
	res, err := lcm.Generate(t.Context(), r)
	require.NoError(t, err)
	var ts []float64
	for _, st := range res.Plan.Stages {
		ts = append(ts, st.At.T)
	}
	require.Equal(t, []float64{499, 379, 259, 139}, ts) // LCMScheduler.set_timesteps(4, strength=0.5) of diffusers

	p := openText(t, "sd15", schedulerFile(`{"_class_name": "UniPCMultistepScheduler", "beta_schedule": "scaled_linear"}`))
	_, err = p.Generate(t.Context(), r)
	var e *pipeline.RequestError
	require.ErrorAs(t, err, &e)
	require.Equal(t, "exact steps", e.Field)
	require.ErrorContains(t, err, "such as unipc_bh2")
	r.Strength = 1
	_, err = p.Generate(t.Context(), r)
	require.NoError(t, err, "nothing is left out")
	_, err = p.Generate(t.Context(), pipeline.TextRequest{Prompt: prompt, ExactSteps: true})
	require.ErrorAs(t, err, &e, "without an image")
	require.Equal(t, "exact steps", e.Field)
}
