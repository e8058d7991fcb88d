package pipeline

import (
	"strings"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// distilledSteps are those of models distilled adversarially (Sauer et al., 2023, arXiv:2311.17042), which draw in 1 to 4.
const distilledSteps = 4

// defaults fills in what the parts say of steps, guidance and size.
func (p *TextToImage) defaults() (err error) {
	in := &p.info
	in.Steps = 25
	if e, err := sampler.Lookup(in.Scheduler); err == nil {
		in.Steps = e.Steps
	}
	in.Steps = min(in.Steps, 50) // DDPM's thousand are for pixels
	in.Embedded = p.unet.Config().TimeCondDim > 0
	switch {
	case in.Embedded:
		in.Guidance = 8.5 // as diffusers
	case p.turbo():
		in.Steps, in.Guidance = distilledSteps, 1
	case in.Scheduler == "LCMScheduler" || in.Scheduler == "TCDScheduler":
		in.Guidance = 1 // distilled with its guidance, as LCM-LoRA is (Luo et al., 2023, arXiv:2311.05556)
	case in.XL:
		in.Guidance = 5 // as diffusers
	default:
		in.Guidance = sampler.DefaultScale
	}
	in.Latents = p.unet.OutChannels()
	in.Inpaint = p.unet.Channels() > in.Latents
	if in.Factor, err = p.factor(); err != nil {
		return err
	}
	in.Height, in.Width = p.unet.Height()*in.Factor, p.unet.Width()*in.Factor
	return nil
}

// turbo tells by its schedule a model distilled for few steps without guidance, such as SD-Turbo and SDXL-Turbo, whose
// folders say it nowhere else: Euler's sampler, ancestral or not, over trailing timesteps, of a network that predicts
// epsilon. Models for many steps have leading ones there.
func (p *TextToImage) turbo() bool {
	kind, err := p.sched.scheduler.Kind()
	if err != nil || kind != schedule.Epsilon || !strings.HasPrefix(p.info.Scheduler, "Euler") {
		return false
	}
	spacing, _ := p.sched.scheduler.Spacing()
	return spacing == schedule.Trailing
}
