package pipeline_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/pipeline"
)

// TestCompose: prompts parted by AND add up as uncond + scale*(w1*(c1-uncond) + w2*(c2-uncond)).
func TestCompose(t *testing.T) {
	p := openText(t, "sd15", nil)
	draw := func(prompt string, scale float64) pipeline.TextResult {
		res, err := p.Generate(t.Context(), pipeline.TextRequest{Prompt: prompt, Negative: "blurry", Seed: 4, Steps: 5,
			Sampler: "euler", Guidance: scale, Syntax: pipeline.SyntaxA1111})
		require.NoError(t, err, prompt)
		return res
	}
	latent := func(prompt string, scale float64) []float32 { return draw(prompt, scale).Images[0].Latent }
	cat := latent("a cat", 5)
	assert.Less(t, largest(cat, latent("a cat:0.3 AND a cat :.7", 5)), 2e-5, "two halves are the whole")
	assert.Less(t, largest(cat, latent("a cat:2", 2.5)), 2e-5, "a weight is a part of the scale")
	assert.Less(t, largest(latent("a cat:2", 1), latent("a cat", 2)), 2e-5, "a weight guides where the scale does not")
	both := latent("a cat AND a dog", 5)
	assert.Greater(t, largest(cat, both), 1e-3)
	assert.Less(t, largest(both, latent("a dog AND a cat", 5)), 2e-5, "in any order")
	assert.Equal(t, 5*4, draw("a cat AND a dog AND fog:-.3", 5).Evaluations, "three parts and the negative prompt")

	_, err := p.Generate(t.Context(), pipeline.TextRequest{Prompt: "a AND b", Guidance: 3, Syntax: pipeline.SyntaxA1111,
		Guiding: pipeline.Guiding{Type: "apg"}})
	require.ErrorContains(t, err, "of two outputs")
	lcm := openText(t, "lcm", nil)
	_, err = lcm.Generate(t.Context(), pipeline.TextRequest{Prompt: "a AND b", Syntax: pipeline.SyntaxA1111})
	require.ErrorContains(t, err, "no AND")
}
