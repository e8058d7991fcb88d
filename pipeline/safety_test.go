package pipeline_test

import (
	"errors"
	"image"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/pipeline"
)

// TestSafety: every finished image of a text is shown to the function, whose error ends the job, however the image is
// asked for; previews of earlier steps are not shown to it.
func TestSafety(t *testing.T) {
	refused := errors.New("not this one")
	var seen []image.Image
	refuse := -1
	o := pipeline.Options{Threads: 2, Safety: func(img image.Image) error {
		seen = append(seen, img)
		if len(seen)-1 == refuse {
			return refused
		}
		return nil
	}}
	p, err := pipeline.OpenText("testdata/sd15", o)
	require.NoError(t, err)
	defer p.Close()
	r := pipeline.TextRequest{Prompt: prompt, Steps: 2, N: 3, Seed: 40}
	res, err := p.Generate(t.Context(), r)
	require.NoError(t, err)
	require.Len(t, seen, 3)
	for i, img := range res.Images {
		require.Equal(t, img.Image, seen[i])
	}
	seen, refuse = nil, 1
	res, err = p.Generate(t.Context(), r)
	var e *pipeline.SafetyError
	require.ErrorAs(t, err, &e)
	require.ErrorIs(t, err, refused)
	require.Equal(t, pipeline.SafetyError{Image: 1, Seed: 41, Err: refused}, *e)
	require.Empty(t, res.Images)
	require.Len(t, seen, 2)

	seen, refuse = nil, 0
	for s, err := range p.Steps(t.Context(), r) {
		require.NoError(t, err)
		img, err := s.Preview(t.Context(), 2)
		if s.Stage < s.Stages {
			require.NoError(t, err)
			continue
		}
		require.ErrorAs(t, err, &e)
		require.Nil(t, img)
		seen = nil
		img, err = s.QuickPreview(t.Context(), 2)
		require.ErrorAs(t, err, &e)
		require.Nil(t, img)
		seen = nil
		img, err = s.Image(t.Context(), 2)
		require.ErrorAs(t, err, &e)
		require.EqualValues(t, 42, e.Seed)
		require.Nil(t, img)
	}
}

// TestSafetyOfClasses: so it is with models without texts.
func TestSafetyOfClasses(t *testing.T) {
	n := 0
	p, err := pipeline.Bundled(pipeline.Options{Safety: func(image.Image) error {
		if n++; n > 2 {
			return errors.New("enough")
		}
		return nil
	}})
	require.NoError(t, err)
	defer p.Close()
	r := pipeline.Request{Classes: []int{7}, N: 2, Seed: 5, Steps: 2}
	_, err = p.Generate(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	_, err = p.Generate(t.Context(), r)
	var e *pipeline.SafetyError
	require.ErrorAs(t, err, &e)
	require.EqualValues(t, 5, e.Seed)
	for s, err := range p.Steps(t.Context(), r) {
		require.NoError(t, err)
		_, err := s.Preview(1)
		require.Equal(t, s.Stage == s.Stages, err != nil)
	}
}
