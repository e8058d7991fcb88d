package pipeline_test

import (
	"image"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/pipeline"
)

// jointFolders are those of make_joint.py.
var jointFolders = []string{"sd3", "flux", "sd35", "schnell"}

// TestJointImageBatch: an image of several is the one of its seed, with a mask or without, the default strength is
// diffusers', and the folder's scheduler draws what flow_euler does.
func TestJointImageBatch(t *testing.T) {
	for _, folder := range jointFolders {
		p := openJoint(t, folder, nil)
		for _, mask := range []image.Image{nil, window(24, 16, image.Rect(4, 6, 12, 16))} {
			r := pipeline.TextRequest{Prompt: prompt, Steps: 4, Seed: 6, N: 2, Image: ramp(24, 16), Mask: mask}
			res, err := p.Generate(t.Context(), r)
			require.NoError(t, err)
			want := pipeline.DefaultFlowStrength
			if mask != nil {
				want = 1
			}
			require.EqualValues(t, want, res.Parameters.Strength)
			require.NotEqual(t, res.Images[0].Latent, res.Images[1].Latent)
			r.N, r.Seed, r.Sampler = 1, 7, "flow_euler"
			one, err := p.Generate(t.Context(), r)
			require.NoError(t, err)
			requireSame(t, one.Images[0].Latent, res.Images[1].Latent)
		}
	}
}

// TestJointExactSteps: at every strength all steps run, before the shift from the strength on; strength 1 is the plan and
// the image of a run without.
func TestJointExactSteps(t *testing.T) {
	for folder, shift := range map[string]float64{"sd3": 3, "schnell": 1} {
		p := openJoint(t, folder, nil)
		for _, name := range []string{"", "flow_euler", "flow_heun"} {
			r := pipeline.TextRequest{Prompt: prompt, Steps: 4, Sampler: name, Seed: 6, Image: ramp(16, 16), Strength: 1}
			plain, err := p.Generate(t.Context(), r)
			require.NoError(t, err)
			r.ExactSteps = true
			for _, r.Strength = range []float64{0.01, 0.37, 0.9, 1} {
				res, err := p.Generate(t.Context(), r)
				require.NoError(t, err)
				require.Equal(t, 4, res.Plan.Steps())
				require.InDelta(t, shift*r.Strength/(1+(shift-1)*r.Strength), res.Plan.Stages[0].At.Sigma, 1e-12, "%s %q", folder, name)
			}
			res, err := p.Generate(t.Context(), r)
			require.NoError(t, err)
			require.Equal(t, plain.Plan.Stages, res.Plan.Stages)
			requireSame(t, plain.Images[0].Latent, res.Images[0].Latent)
		}
	}
}

// TestJointInpaintKeeps: every sampler gives exactly the image's latents where the mask is black, the same ones, and draws
// the rest.
func TestJointInpaintKeeps(t *testing.T) {
	for _, folder := range []string{"sd3", "flux"} {
		p := openJoint(t, folder, nil)
		r := pipeline.TextRequest{Prompt: prompt, Steps: 4, Seed: 6, Image: ramp(16, 16), Mask: window(16, 16, image.Rect(4, 6, 12, 16))}
		inside := func(i int) bool { x, y := i%8, i/8%8; return x >= 2 && x < 6 && y >= 3 }
		var first []float32
		for _, name := range []string{"", "flow_heun", "flow_lcm"} {
			r.Sampler = name
			res, err := p.Generate(t.Context(), r)
			require.NoError(t, err, name)
			z := res.Images[0].Latent
			if first == nil {
				first = z
				continue
			}
			for i, v := range z {
				if inside(i) {
					require.NotEqual(t, first[i], v, "%s: element %d is drawn", name, i)
				} else {
					require.Equal(t, first[i], v, "%s: element %d stays", name, i)
				}
			}
		}
	}
}
