package pipeline_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/pipeline"
)

// draw returns the latent of a request of two steps.
func draw(t *testing.T, p *pipeline.TextToImage, r pipeline.TextRequest) []float32 {
	t.Helper()
	r.Steps = 2
	res, err := p.Generate(t.Context(), r)
	require.NoError(t, err)
	return res.Images[0].Latent
}

// TestTextSyntaxPlain: a short prompt without weights, and one whose weights are all 1, are what they are in
// plain syntax, bit for bit.
func TestTextSyntaxPlain(t *testing.T) {
	for _, folder := range textFolders {
		p := openText(t, folder, nil)
		r := pipeline.TextRequest{Prompt: prompt, Negative: "blurry, low quality"}
		if p.Info().Embedded {
			r.Negative = ""
		}
		want := draw(t, p, r)
		r.Syntax = pipeline.SyntaxA1111
		requireSame(t, want, draw(t, p, r))
		for _, text := range []string{"(" + prompt + ":1)", prompt + " BREAK", `\` + prompt} {
			r.Prompt = text
			requireSame(t, want, draw(t, p, r))
		}
	}
}

// TestTextSyntaxWeights: weights change the image, of the negative prompt too, and more weight more.
func TestTextSyntaxWeights(t *testing.T) {
	for _, folder := range textFolders {
		p := openText(t, folder, nil)
		at := func(text, negative string) []float32 {
			return draw(t, p, pipeline.TextRequest{Prompt: text, Negative: negative, Syntax: pipeline.SyntaxA1111})
		}
		plain, weak, strong := at("a photo of a cat", ""), at("a photo of a (cat:1.1)", ""), at("a photo of a (cat:1.5)", "")
		require.Greater(t, distance(t, plain, weak), 0.0, folder)
		require.Greater(t, distance(t, plain, strong), distance(t, plain, weak), folder)
		requireSame(t, weak, at("a photo of a (cat)", ""))
		if !p.Info().Embedded {
			require.Greater(t, distance(t, at("a cat", "a [dog]"), at("a cat", "a dog")), 0.0, folder)
		}
	}
}

// TestTextSyntaxLong: what is beyond the first chunk counts, in whichever of the prompts, and only so with the
// syntax that has chunks.
func TestTextSyntaxLong(t *testing.T) {
	long := strings.Repeat("a ", 100)
	for _, folder := range textFolders {
		p := openText(t, folder, nil)
		for _, syntax := range []string{"", pipeline.SyntaxA1111} {
			r := pipeline.TextRequest{Prompt: long + "cat", Syntax: syntax}
			a := draw(t, p, r)
			r.Prompt = long + "castle"
			b := draw(t, p, r)
			require.Equal(t, syntax == "", distance(t, a, b) == 0, "%s %q", folder, syntax)
			if p.Info().Embedded {
				continue
			}
			r.Negative, r.Prompt = long+"cat", "a cat"
			a = draw(t, p, r)
			r.Negative = long + "castle"
			require.Equal(t, syntax == "", distance(t, a, draw(t, p, r)) == 0, "%s %q", folder, syntax)
		}
	}
}

// TestTextSyntaxErrors: what is refused names the field, before anything runs.
func TestTextSyntaxErrors(t *testing.T) {
	p := openText(t, "sd15", nil)
	for _, r := range []pipeline.TextRequest{
		{Prompt: "a cat", Syntax: "compel"},
		{Prompt: "(a cat:1.2.3)", Syntax: pipeline.SyntaxA1111},
		{Negative: "(a cat:100000)", Syntax: pipeline.SyntaxA1111},
		{Prompt: strings.Repeat("(", 1000), Syntax: pipeline.SyntaxA1111},
		{Prompt: strings.Repeat("a ", 1<<16), Syntax: pipeline.SyntaxA1111},
	} {
		_, err := p.Generate(context.Background(), r)
		var e *pipeline.RequestError
		require.ErrorAs(t, err, &e, "%.40s", r.Prompt)
		require.Equal(t, "syntax", e.Field)
		require.Less(t, len(err.Error()), 300)
	}
}

// TestTextSyntaxParameters: the text of a result keeps the syntax.
func TestTextSyntaxParameters(t *testing.T) {
	p := openText(t, "sd15", nil)
	r := pipeline.TextRequest{Prompt: `a (cat:1.4)\(x\), BREAK [dog]`, Syntax: pipeline.SyntaxA1111, Steps: 2}
	want, err := p.Generate(t.Context(), r)
	require.NoError(t, err)
	text := want.Parameters.String()
	require.Contains(t, text, ", Prompt syntax: a1111, ")
	again, err := pipeline.ParseTextParameters(text)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"Version": "cudiffuse " + pipeline.Version}, again.Extra)
	got, err := p.Generate(t.Context(), again.TextRequest)
	require.NoError(t, err)
	requireSame(t, want.Images[0].Latent, got.Images[0].Latent)
	require.Equal(t, want.Parameters, got.Parameters)
}
