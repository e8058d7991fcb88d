package schedule

import "fmt"

// AYSTable is a table of Sabour et al. 2024, "Align Your Steps: Optimizing Sampling Schedules in Diffusion
// Models", arXiv:2404.14507: noise levels that were optimised for one model and ten steps.
type AYSTable int

// The tables.
const (
	AYSStableDiffusion   AYSTable = iota // Stable Diffusion 1.5
	AYSStableDiffusionXL                 // Stable Diffusion XL
	AYSVideo                             // Stable Video Diffusion
)

// The authors publish these on research.nvidia.com/labs/toronto-ai/AlignYourSteps/howto.html; A1111 and, but for
// the last, diffusers' AysSchedules have the same. ComfyUI has more decimals of them.
var aysTables = [...][11]float64{
	AYSStableDiffusion:   {14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029},
	AYSStableDiffusionXL: {14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029},
	AYSVideo:             {700.00, 54.5, 15.886, 7.977, 4.248, 1.789, 0.981, 0.403, 0.173, 0.034, 0.002},
}

// AlignYourSteps returns n levels of a table without its lowest, in whose place samplers have the final level (0 in
// ComfyUI and diffusers). Other numbers of steps than 10 interpolate ln(s) linearly, as the authors do.
func AlignYourSteps(n int, table AYSTable) ([]float64, error) {
	if table < 0 || int(table) >= len(aysTables) {
		return nil, &Error{Field: "align-your-steps table", Value: int(table), Want: "one of the constants"}
	}
	if n < 1 || n > MaxTimesteps {
		return nil, &Error{Field: "steps", Value: n, Want: fmt.Sprintf("1 to %d", MaxTimesteps)}
	}
	v := spreadTable(aysTables[table][:], n)
	return v, checkFalling(v)
}

// within refuses a table that starts above the noise that the network was trained for, by more than rounding.
func within(top, hi float64) error {
	if top > 1.001*hi {
		return &Error{Field: "sigma max", Value: hi, Want: fmt.Sprintf("at least %v for this schedule type", top)}
	}
	return nil
}
