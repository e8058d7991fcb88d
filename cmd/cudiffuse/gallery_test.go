package main

import (
	"bytes"
	"encoding/json"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/sampler/diffusers"
)

const galleryDir = "../../docs/samplers"

// TestGalleryPage: the committed page has every sampler of the registry, once, and is what its generator writes now.
func TestGalleryPage(t *testing.T) {
	var named []string
	for _, n := range allNotes() {
		named = append(named, n.name)
	}
	slices.Sort(named)
	require.Equal(t, sampler.Names(), named, "gallery_notes.go: a sampler has no note, or two")

	page, err := os.ReadFile(filepath.Join(galleryDir, "README.md"))
	require.NoError(t, err)
	var sections []string
	for line := range strings.Lines(string(page)) {
		if name, ok := strings.CutPrefix(line, "### "); ok {
			sections = append(sections, strings.TrimSpace(name))
		}
	}
	slices.Sort(sections)
	require.Equal(t, sampler.Names(), sections, "docs/samplers/README.md: run make samplers-docs")

	m, err := readFigures(galleryDir)
	require.NoError(t, err)
	want, err := galleryPage(m)
	require.NoError(t, err)
	require.Equal(t, want, string(page), "docs/samplers/README.md: run make samplers-docs")
}

// TestGalleryNames: what the page calls a sampler in other programs finds it here.
func TestGalleryNames(t *testing.T) {
	for _, n := range allNotes() {
		require.NotEmpty(t, n.use, n.name)
		for _, written := range []string{n.a1111, n.comfyUI} {
			if written == "" {
				continue
			}
			e, err := sampler.Lookup(written)
			require.NoError(t, err)
			require.Equal(t, n.name, e.Name, written)
		}
	}
}

// TestGalleryConfigs: the middle steps of diffusers' class with the settings that the page names are those of the
// sampler.
func TestGalleryConfigs(t *testing.T) {
	const steps, first, last = 20, 6, 15 // after the start, and before the order falls
	for _, n := range allNotes() {
		if n.config == "" {
			continue
		}
		words := strings.Fields(n.config)
		settings := map[string]any{"_class_name": words[0], "timestep_spacing": "trailing"}
		for _, w := range words[1:] {
			key, text, _ := strings.Cut(w, "=")
			var value any
			if json.Unmarshal([]byte(text), &value) != nil {
				value = text
			}
			settings[key] = value
		}
		data, err := json.Marshal(settings)
		require.NoError(t, err)
		s, err := diffusers.Parse(bytes.NewReader(data))
		require.NoError(t, err, n.config)
		require.Empty(t, s.Unknown, n.config)
		theirs, err := s.Plan(diffusers.Options{Steps: steps})
		require.NoError(t, err, n.config)
		e, err := sampler.Lookup(n.name)
		require.NoError(t, err)
		var timesteps []float64 // theirs: the singlestep class does not know every spacing
		for _, st := range theirs.Stages {
			if len(timesteps) == 0 || st.At.T < timesteps[len(timesteps)-1] {
				timesteps = append(timesteps, st.At.T)
			}
		}
		ours, err := galleryPlan(e, steps, timesteps...)
		require.NoError(t, err)
		for i := first; i < last; i++ {
			want, got := theirs.Stages[i].X.Coefficients(), ours.Stages[i].X.Coefficients()
			require.InDeltaSlice(t, want[:], got[:], 1e-9, "%s: %s, stage %d", n.name, n.config, i)
		}
	}
}

// TestGalleryFiles: the folder holds the page's pictures and nothing else, of the right size, in few bytes.
func TestGalleryFiles(t *testing.T) {
	want := []string{"README.md", "quality.json", "quality.png"}
	for _, n := range allNotes() {
		if n.picture == "" {
			want = append(want, n.name+".png")
		}
	}
	slices.Sort(want)
	require.Equal(t, want, listing(t, galleryDir))
	total := 0
	for _, name := range want {
		data, err := os.ReadFile(filepath.Join(galleryDir, name))
		require.NoError(t, err)
		total += len(data)
		if !strings.HasSuffix(name, ".png") || name == "quality.png" {
			continue
		}
		c, err := png.DecodeConfig(bytes.NewReader(data))
		require.NoError(t, err, name)
		require.Equal(t, 4*4*28*galleryZoom+3*galleryGap, c.Width, name)
		require.Equal(t, 28*galleryZoom, c.Height, name)
	}
	require.Less(t, total, 3<<19, "more than 1.5 MiB")
}

// TestGalleryPicture: a committed picture is what is drawn now, so the pictures are not of an older sampler.
func TestGalleryPicture(t *testing.T) {
	dir := t.TempDir()
	good(t, "gallery --only lcm --out "+dir)
	require.Equal(t, []string{"lcm.png"}, listing(t, dir))
	want, got := greys(t, filepath.Join(galleryDir, "lcm.png")), greys(t, filepath.Join(dir, "lcm.png"))
	require.Len(t, got, len(want))
	for i := range want {
		require.InDelta(t, want[i], got[i], 1, "pixel %d; 1 is what another processor's arithmetic may round", i)
	}
}

func greys(t *testing.T, path string) []uint8 {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	img, err := png.Decode(bytes.NewReader(data))
	require.NoError(t, err)
	require.IsType(t, &image.Gray{}, img)
	return img.(*image.Gray).Pix
}

// TestEvaluationFormula: the counts of samplers that are known by their papers.
func TestEvaluationFormula(t *testing.T) {
	for name, want := range map[string]string{
		"ddim": "N", "heun": "2N - 1", "plms": "N + 1", "pndm": "N + 9", "dpmpp_sde": "2N - 1", "dpmpp_2s": "N",
		"lcm": "N",
	} {
		e, err := sampler.Lookup(name)
		require.NoError(t, err)
		got, err := evaluations(e, gallerySteps)
		require.NoError(t, err)
		require.Equal(t, want, got, name)
	}
	for name, want := range map[string]string{
		"ddim": "with `eta`", "ddpm": "in each step", "euler": "with `s-churn`", "heun": "with `s-churn`", "lcm": "in each step",
		"euler_ancestral": "in each step", "sa_solver": "in each step", "unipc_bh2": "none",
	} {
		e, err := sampler.Lookup(name)
		require.NoError(t, err)
		got, err := stochastic(e)
		require.NoError(t, err)
		require.Equal(t, want, got, name)
	}
}

// TestGalleryRefuses: bad input ends before anything is drawn.
func TestGalleryRefuses(t *testing.T) {
	dir := t.TempDir()
	for args, want := range map[string]string{
		"--out " + filepath.Join(dir, "no"):     "want a folder that exists",
		"--only nope --out " + dir:              `unknown sampler "nope"`,
		"--only flow_euler --out " + dir:        "flow_euler is not drawn. No picture: the sampler is for rectified-flow",
		"--only ddim --threads -1 --out " + dir: "--threads -1: want 0 for all",
		"--page --out " + dir:                   "quality.json",
		"--page --only ddim --out " + dir:       "--page and --only: want one of them",
	} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), append([]string{"gallery"}, strings.Fields(args)...), &stdout, &stderr)
		require.Equal(t, exitUsage, code, args)
		require.Contains(t, stderr.String(), want)
		require.Empty(t, stdout.String())
	}
	require.Empty(t, listing(t, dir))
}
