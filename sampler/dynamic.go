package sampler

import (
	"fmt"
	"math"
)

// Threshold is dynamic thresholding, Saharia et al., "Photorealistic Text-to-Image Diffusion Models with
// Deep Language Understanding" (2022), arXiv:2205.11487, section 2.3: each request and stage has its own
// limit for the predicted clean sample, which is divided by it,
//
//	s = quantile(|raw|, Quantile), at least 1 and at most Max
//	d = clip(raw, -s, s)/s
//
// so that guidance at a high scale does not saturate. For pixels in [-1, 1], not for latents.
type Threshold struct {
	Quantile float64 // share of the elements below s, more than 0 and at most 1
	Max      float64 // largest limit, at least 1; 1 is the static clip to [-1, 1]
}

// DefaultQuantile is the share that the paper and diffusers (dynamic_thresholding_ratio) use.
const DefaultQuantile = 0.995

// WithThreshold sets dynamic thresholding; the zero Threshold turns it off. It takes the place of the clip
// and costs a second launch a stage. In diffusers' scheduler configs, t.Quantile is
// dynamic_thresholding_ratio and t.Max is sample_max_value.
func WithThreshold(t Threshold) Option {
	return func(p *Plan) {
		p.Threshold = nil
		if t != (Threshold{}) {
			p.Threshold = &t
		}
	}
}

// WithRescale sets guidance rescale, Lin et al., "Common Diffusion Noise Schedules and Sample Steps are
// Flawed" (2023), arXiv:2305.08891, section 3.4: the guided output m is pulled back to the standard
// deviation that the first condition's output has,
//
//	m = factor*m,  factor = phi*std(out[0])/std(m) + (1-phi)
//
// which keeps high scales from over-exposing. phi is 0 (off) to 1; the paper uses 0.7. It is diffusers'
// guidance_rescale, and costs a second launch a stage. unc, the prediction of the last condition alone, is
// made without the factor.
func WithRescale(phi float64) Option {
	return func(p *Plan) { p.Rescale = phi }
}

// check returns what is wrong with t, or "".
func (t *Threshold) check() string {
	if t == nil {
		return ""
	}
	if !(t.Quantile > 0 && t.Quantile <= 1) {
		return fmt.Sprintf("threshold quantile %v: want more than 0 and at most 1", t.Quantile)
	}
	if !(t.Max >= 1) || math.IsInf(float64(float32(t.Max)), 0) {
		return fmt.Sprintf("threshold maximum %v: want a finite number, at least 1", t.Max)
	}
	return ""
}
