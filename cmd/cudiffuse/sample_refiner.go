package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/cudiffuse/cudiffuse/model/safetensors"
	"github.com/cudiffuse/cudiffuse/pipeline"
)

// refinerFlags are those of a second model that goes on where the first ends.
type refinerFlags struct {
	Refiner           string  `help:"Folder of a model that goes on where --model leaves off, such as the refiner of Stable Diffusion XL." placeholder:"DIR"`
	RefinerSwitch     float64 `help:"Share of the noise levels after which it does; 0 means 0.8."`
	DenoisingEnd      float64 `help:"End after this share of the noise levels, for another run to go on; want --latents-out."`
	DenoisingStart    float64 `help:"Begin after this share of the noise levels, from --latents-in."`
	LatentsOut        string  `help:"File to write the latents with their noise to (safetensors)." placeholder:"FILE"`
	LatentsIn         string  `help:"File of --latents-out to go on from." placeholder:"FILE"`
	Aesthetic         float64 `name:"aesthetic-score" help:"Score of the prompt for a refiner, about 1 to 10; 0 means 6."`
	NegativeAesthetic float64 `name:"negative-aesthetic-score" help:"Score of the negative prompt for a refiner; 0 means 2.5."`
}

// given are the flags that were given.
func (f refinerFlags) given() []given {
	return []given{{"--refiner", f.Refiner != ""}, {"--refiner-switch", f.RefinerSwitch != 0}, {"--denoising-end", f.DenoisingEnd != 0},
		{"--denoising-start", f.DenoisingStart != 0}, {"--latents-out", f.LatentsOut != ""}, {"--latents-in", f.LatentsIn != ""},
		{"--aesthetic-score", f.Aesthetic != 0}, {"--negative-aesthetic-score", f.NegativeAesthetic != 0}}
}

// refine sets what the flags say of a request.
func (f refinerFlags) refine(r *pipeline.TextRequest) (err error) {
	switch {
	case f.Refiner == "" && f.RefinerSwitch != 0:
		return errors.New("--refiner-switch: want --refiner with it")
	case (f.DenoisingEnd != 0) != (f.LatentsOut != ""):
		return errors.New("--denoising-end and --latents-out: want both or none")
	case (f.DenoisingStart != 0) != (f.LatentsIn != ""):
		return errors.New("--denoising-start and --latents-in: want both or none")
	}
	if err := checkOptionalOutput("--latents-out", f.LatentsOut); err != nil {
		return err
	}
	r.RefinerSwitch, r.DenoisingEnd, r.DenoisingStart = f.RefinerSwitch, f.DenoisingEnd, f.DenoisingStart
	r.Aesthetic, r.NegativeAesthetic = f.Aesthetic, f.NegativeAesthetic
	if f.LatentsIn != "" {
		r.Latents, err = readLatents(f.LatentsIn)
	}
	return err
}

// checkOptionalOutput is checkOutput for a file that need not be given.
func checkOptionalOutput(flag, file string) error {
	if file == "" {
		return nil
	}
	return checkOutput(flag, file)
}

// latentsTensor is the name of the latents in a file; alpha and sigma are in its metadata.
const latentsTensor = "latents"

// writeLatents writes the latents of a result, of which there is one.
func (f refinerFlags) writeLatents(results []pipeline.TextResult) error {
	if f.LatentsOut == "" {
		return nil
	}
	l := results[0].Latents
	var all []float32
	for _, x := range l.Samples {
		all = append(all, x...)
	}
	channels := len(l.Samples[0]) / (l.Height * l.Width)
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	return safetensors.WriteFile(f.LatentsOut, []safetensors.Data{{Name: latentsTensor, F32: all,
		Shape: []int{len(l.Samples), channels, l.Height, l.Width}}},
		map[string]string{"alpha": number(l.Alpha), "sigma": number(l.Sigma), "parameters": results[0].Parameters.String()})
}

// readLatents reads a file of writeLatents.
func readLatents(name string) (*pipeline.NoisyLatents, error) {
	fail := func(format string, a ...any) (*pipeline.NoisyLatents, error) {
		return nil, fmt.Errorf("--latents-in %s: %w", name, fmt.Errorf(format, a...))
	}
	file, err := safetensors.Open(name)
	if err != nil {
		return nil, fmt.Errorf("--latents-in: %w", err)
	}
	defer file.Close()
	t, ok := file.Tensor(latentsTensor)
	if !ok || len(t.Shape) != 4 || t.Shape[0] < 1 || t.Shape[2] < 1 || t.Shape[3] < 1 {
		return fail("want a tensor %q of images, channels, height and width", latentsTensor)
	}
	x, err := file.Float32s(latentsTensor)
	if err != nil {
		return fail("%w", err)
	}
	l := &pipeline.NoisyLatents{Height: t.Shape[2], Width: t.Shape[3]}
	for key, v := range map[string]*float64{"alpha": &l.Alpha, "sigma": &l.Sigma} {
		text := file.Metadata()[key]
		if *v, err = strconv.ParseFloat(text, 64); err != nil || math.IsNaN(*v) {
			return fail("%s %.40q in the metadata: want a number", key, text)
		}
	}
	n := len(x) / t.Shape[0]
	for i := range t.Shape[0] {
		l.Samples = append(l.Samples, x[i*n:][:n])
	}
	return l, nil
}
