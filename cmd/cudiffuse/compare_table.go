package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/cudiffuse/cudiffuse/internal/gemm"
)

// arithmetic names the convolution kernels that ran.
func (m *meter) arithmetic() string { return gemm.Implementation() }

// writeTables writes the comparison as Markdown.
func writeTables(w io.Writer, c comparison) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Bundled model `%s`, %d images a run (seed %d), %d CPU threads, %s kernels.\n\n",
		c.Model, c.Images, c.Seed, c.Threads, c.CPU)
	fmt.Fprintf(&b, "Accuracy: how often a classifier sees the class that was asked for. Fréchet distance: of its "+
		"features from 10,000 held-out real images, lower is better; %d real images have %.2f and an accuracy of "+
		"%.1f %%. Diversity: mean feature distance within a class; real images have %.2f.\n\n",
		c.Images, c.Real.Frechet, 100*c.Real.Accuracy, c.Real.Diversity)
	b.WriteString("### Samplers\n\n")
	table(&b, "sampler", c.Samplers)
	b.WriteString("\n### DDIM, 20 steps, guidance 2: three forms of the clip\n\n")
	table(&b, "form", c.Clips)
	b.WriteString("\n### Guidance: DPM-Solver++ 2M, 20 steps\n\n")
	table(&b, "guidance", c.Scales)
	_, err := io.WriteString(w, b.String())
	return err
}

func table(b *strings.Builder, first string, rows []measured) {
	fmt.Fprintf(b, "| %s | steps | evaluations an image | s an image | accuracy | Fréchet | diversity | |\n", first)
	b.WriteString("|---|---:|---:|---:|---:|---:|---:|---|\n")
	for _, r := range rows {
		fmt.Fprintf(b, "| %s | %d | %d | %.3f | %.1f %% | %.2f | %.2f | %s |\n", r.Label, r.Steps, r.Evaluations,
			r.Seconds, 100*r.Quality.Accuracy, r.Quality.Frechet, r.Quality.Diversity, r.Note)
	}
}
