package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"github.com/cudiffuse/cudiffuse/internal/quality"
)

// galleryPoint is a sampler's quality at one number of evaluations.
type galleryPoint struct {
	Sampler     string  `json:"sampler"`
	Steps       int     `json:"steps"`
	Evaluations int     `json:"evaluations_per_image"`
	Accuracy    float64 `json:"accuracy"`
	Frechet     float64 `json:"frechet"`
}

// galleryFigures is what was measured.
type galleryFigures struct {
	Images int            `json:"images_per_point"`
	Seed   uint64         `json:"seed"`
	Real   realImages     `json:"real_images"`
	Points []galleryPoint `json:"points"`
}

// measure puts figures on the plot's samplers.
func (g *gallery) measure(bar *progress) (galleryFigures, error) {
	defer bar.done()
	const each = 4 // images of a class
	real, err := quality.Reference()
	if err != nil {
		return galleryFigures{}, err
	}
	images := each * quality.Classes
	m := galleryFigures{Images: images, Seed: gallerySeed,
		Real: realImages{real.Accuracy, real.FloorAt(images), real.Diversity}}
	lines := plotted()
	for i, s := range lines {
		for _, steps := range s.steps {
			r := s.request()
			r.Steps, r.Seed, r.N = steps, gallerySeed, each
			res, err := g.generate(s.note, r)
			if err != nil {
				return m, fmt.Errorf("%s: %w", s.name, err)
			}
			var samples []float32
			var classes []int
			for _, img := range res.Images {
				samples, classes = append(samples, img.Sample...), append(classes, img.Class)
			}
			q, err := quality.Measure(g.pool, samples, classes)
			if err != nil {
				return m, err
			}
			m.Points = append(m.Points, galleryPoint{s.name, steps, res.Evaluations / images, q.Accuracy, round4(q.Frechet)})
		}
		bar.step(i+1, len(lines))
	}
	m.Real.Frechet = round4(m.Real.Frechet)
	return m, nil
}

// round4 drops the digits that another processor's arithmetic may change.
func round4(v float64) float64 { return math.Round(v*1e4) / 1e4 }

// readFigures reads the figures that an earlier run wrote.
func readFigures(dir string) (m galleryFigures, err error) {
	data, err := os.ReadFile(filepath.Join(dir, "quality.json"))
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return m, fmt.Errorf("quality.json: %w", err)
	}
	return m, nil
}

// write writes the figures, the plot and the page.
func (m galleryFigures) write(dir string) error {
	page, err := galleryPage(m)
	if err != nil {
		return err
	}
	for name, write := range map[string]func(io.Writer) error{
		"README.md":   func(w io.Writer) error { _, err := io.WriteString(w, page); return err },
		"quality.png": m.plot,
		"quality.json": func(w io.Writer) error {
			enc := json.NewEncoder(w)
			enc.SetIndent("", " ")
			return enc.Encode(m)
		},
	} {
		if err := writeFile(filepath.Join(dir, name), write); err != nil {
			return err
		}
	}
	return nil
}
