package pipeline_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/pipeline"
)

// TestJointSyntax: a prompt without brackets is what it is without a syntax, bit for bit; brackets, a second chunk of
// CLIP and AND change what is drawn, and with another prompt in the batch too. The numbers of weights are held against
// diffusers in TestJointGolden.
func TestJointSyntax(t *testing.T) {
	for _, folder := range []string{"sd3", "flux", "schnell"} {
		p := openJoint(t, folder, nil)
		draw := func(text, syntax string) []float32 {
			res, err := p.Generate(t.Context(), pipeline.TextRequest{Prompt: text, Syntax: syntax, Steps: 2, Seed: 3, Height: 16, Width: 16})
			require.NoError(t, err, text)
			return res.Images[0].Latent
		}
		plain := draw(prompt, "")
		requireSame(t, plain, draw(prompt, pipeline.SyntaxA1111), folder)
		requireSame(t, plain, draw("("+prompt+":1)", pipeline.SyntaxA1111), folder)
		require.Greater(t, distance(t, plain, draw("("+prompt+":1.3)", pipeline.SyntaxA1111)), 1e-4, folder)
		long := strings.Repeat("a cat, ", 40)
		if folder == "sd3" { // CLIP reads its end too
			require.Greater(t, distance(t, draw(long+"dog", pipeline.SyntaxA1111), draw(long+"house", pipeline.SyntaxA1111)), 1e-4)
			require.Greater(t, distance(t, plain, draw(prompt+" AND a dog:0.5", pipeline.SyntaxA1111)), 1e-4)
			continue
		}
		require.NotPanics(t, func() { draw(long, pipeline.SyntaxA1111) })
	}
}

// TestJointTrueGuidance: the parameters repeat an image, and the empty negative prompt is one.
func TestJointTrueGuidance(t *testing.T) {
	p := openJoint(t, "flux", nil)
	r := pipeline.TextRequest{Prompt: prompt, Steps: 2, Seed: 3, Height: 16, Width: 16, TrueGuidance: 2}
	res, err := p.Generate(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, 4, res.Evaluations)
	require.Contains(t, res.Parameters.String(), "CFG scale: 3.5, True CFG scale: 2")
	back, err := pipeline.ParseTextParameters(res.Parameters.String())
	require.NoError(t, err)
	again, err := p.Generate(t.Context(), back.TextRequest)
	require.NoError(t, err)
	requireSame(t, res.Images[0].Latent, again.Images[0].Latent)
	r.Negative = "a dog"
	other, err := p.Generate(t.Context(), r)
	require.NoError(t, err)
	require.NotEqual(t, res.Images[0].Latent, other.Images[0].Latent)
}
