package pipeline_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/pipeline"
)

// TestJointSyntax: a prompt without brackets is what it is without a syntax, bit for bit; brackets change what is drawn, of
// the negative prompt too, and so does AND. The numbers of weights are held against diffusers in TestJointGolden.
func TestJointSyntax(t *testing.T) {
	for _, folder := range []string{"sd3", "flux", "schnell"} {
		p := openJoint(t, folder, nil)
		draw := func(text, negative, syntax string) []float32 {
			return drawJoint(t, p, pipeline.TextRequest{Prompt: text, Negative: negative, Syntax: syntax})
		}
		plain := draw(prompt, "", "")
		requireSame(t, plain, draw(prompt, "", pipeline.SyntaxA1111), folder)
		requireSame(t, plain, draw("("+prompt+":1)", "", pipeline.SyntaxA1111), folder)
		require.Greater(t, distance(t, plain, draw("("+prompt+":1.3)", "", pipeline.SyntaxA1111)), 1e-4, folder)
		if folder != "sd3" {
			continue
		}
		require.Greater(t, distance(t, plain, draw(prompt+" AND a dog:0.5", "", pipeline.SyntaxA1111)), 1e-4)
		negative := draw(prompt, "a dog", "")
		requireSame(t, negative, draw(prompt, "(a dog:1)", pipeline.SyntaxA1111))
		require.Greater(t, distance(t, negative, draw(prompt, "(a dog:1.3)", pipeline.SyntaxA1111)), 1e-5)
	}
}

// TestJointSyntaxLong: without T5, what is beyond the first chunk of CLIP counts with the syntax alone, in whichever of
// the prompts. FLUX.1 takes of CLIP the first chunk's pooled vector and of T5 all tokens, with the syntax or without.
func TestJointSyntaxLong(t *testing.T) {
	long := strings.Repeat("a ", 100)
	p, flux := openText(t, "sd3", noT5(t)), openText(t, "flux", nil)
	for _, syntax := range []string{"", pipeline.SyntaxA1111} {
		cat := drawJoint(t, p, pipeline.TextRequest{Prompt: long + "cat", Syntax: syntax})
		dog := drawJoint(t, p, pipeline.TextRequest{Prompt: long + "dog", Syntax: syntax})
		require.Equal(t, syntax == "", distance(t, cat, dog) == 0, "prompt, syntax %q", syntax)
		cat = drawJoint(t, p, pipeline.TextRequest{Prompt: "a cat", Negative: long + "cat", Syntax: syntax})
		dog = drawJoint(t, p, pipeline.TextRequest{Prompt: "a cat", Negative: long + "dog", Syntax: syntax})
		require.Equal(t, syntax == "", distance(t, cat, dog) == 0, "negative prompt, syntax %q", syntax)
	}
	cat := drawJoint(t, flux, pipeline.TextRequest{Prompt: long + "cat"})
	requireSame(t, cat, drawJoint(t, flux, pipeline.TextRequest{Prompt: long + "cat", Syntax: pipeline.SyntaxA1111}))
	dog := drawJoint(t, flux, pipeline.TextRequest{Prompt: long + "dog", Syntax: pipeline.SyntaxA1111})
	require.NotZero(t, distance(t, cat, dog))
}

// drawJoint returns the latent of a request of two steps.
func drawJoint(t *testing.T, p *pipeline.TextToImage, r pipeline.TextRequest) []float32 {
	t.Helper()
	r.Height, r.Width, r.Seed = 16, 16, 3
	return draw(t, p, r)
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

// TestJointTrueGuidanceOptions: weights of the negative prompt are those of the prompt, the weight of the prompt is one of
// the scale, and other kinds of guidance are made of the two outputs.
func TestJointTrueGuidanceOptions(t *testing.T) {
	p := openJoint(t, "flux", nil)
	at := func(text, negative string, scale float64, g pipeline.Guiding) []float32 {
		return drawJoint(t, p, pipeline.TextRequest{Prompt: text, Negative: negative, TrueGuidance: scale, Syntax: pipeline.SyntaxA1111, Guiding: g})
	}
	cfg := pipeline.Guiding{}
	weighted := at("a (cat:1.4)", "", 0, cfg)
	require.Less(t, distance(t, weighted, at("a (cat:1.4)", "a (cat:1.4)", 2.5, cfg)), 1e-5, "no way from a text to itself")
	require.Greater(t, distance(t, weighted, at("a (cat:1.4)", "a cat", 2.5, cfg)), 1e-4)

	guided := at("a cat", "a dog", 3, cfg)
	require.Less(t, distance(t, guided, at("a cat:2", "a dog", 1.5, cfg)), 1e-5, "a weight is a part of the scale")
	require.Greater(t, distance(t, guided, at("a cat:0.5", "a dog", 3, cfg)), 1e-5)
	require.Less(t, distance(t, guided, at("a cat", "a dog", 3, pipeline.Guiding{Type: "apg", Eta: 1})), 1e-5, "the whole difference")
	require.Greater(t, distance(t, guided, at("a cat", "a dog", 3, pipeline.Guiding{Type: "apg"})), 1e-5)
}

// TestJointTrueGuidanceSaved: a run with both scales goes on with the bits it would have had, and with no other scale.
func TestJointTrueGuidanceSaved(t *testing.T) {
	p := openJoint(t, "flux", nil)
	r := pipeline.TextRequest{Prompt: prompt, Negative: "a (dog:1.2)", Syntax: pipeline.SyntaxA1111, Steps: 3, Seed: 3, Height: 16, Width: 16, TrueGuidance: 2}
	want, err := p.Generate(t.Context(), r)
	require.NoError(t, err)
	r.Resume = saveTextRun(t, p, r, 1)
	got, err := openJoint(t, "flux", nil).Generate(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, textPNGs(t, want), textPNGs(t, got))
	require.Equal(t, 2*2, got.Evaluations)
	refused := func(r pipeline.TextRequest, message string) {
		_, err := p.Generate(t.Context(), r)
		var request *pipeline.RequestError
		require.ErrorAs(t, err, &request)
		require.ErrorContains(t, err, message)
	}
	r.TrueGuidance = 3
	refused(r, `resume: true cfg scale "3": want "2", with which the run was saved`)
	r.TrueGuidance, r.Negative, r.Resume = 2, "", nil
	r.Resume = saveTextRun(t, p, r, 1)
	r.TrueGuidance = 0
	refused(r, `resume: true cfg scale none: want "2", with which the run was saved`)
}
