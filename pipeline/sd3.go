package pipeline

import (
	"fmt"
	"io/fs"
	"path"

	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// joint is what Stable Diffusion 3 and FLUX.1 have in the place of a U-Net: a transformer of the tokens of text and
// image together, which predicts the velocity of a rectified flow, and T5 beside CLIP; and PixArt: a transformer of
// the tokens of the image, which attends to those of T5 alone and predicts the noise.
type joint struct {
	sd3    *model.SD3    // one of the three
	flux   *model.Flux   //
	pixart *model.PixArt //
	t5     *t5Part       // nil for a Stable Diffusion 3 without it
	tokens int           // of T5, at most
}

// flows tells whether the model is of a rectified flow, whose times are another matter than a schedule of noise.
func (p *TextToImage) flows() bool { return p.joint != nil && p.joint.pixart == nil }

// Defaults of diffusers' StableDiffusion3Pipeline.
const (
	jointSteps  = 28
	sd3Guidance = 7
)

// network is the transformer.
func (n *joint) network() model.Network {
	switch {
	case n.flux != nil:
		return n.flux
	case n.pixart != nil:
		return n.pixart
	}
	return n.sd3
}

// denoiser is the transformer on the CPU, for latents of a size.
func (n *joint) denoiser(height, width int, pool *workers.Pool) (sampler.Model, error) {
	switch {
	case n.flux != nil:
		return asModel(n.flux.Denoiser(height, width, pool))
	case n.pixart != nil:
		return asModel(n.pixart.Denoiser(height, width, pool))
	}
	return asModel(n.sd3.Denoiser(height, width, pool))
}

// asModel is a denoiser or none, where a nil one would be a model.
func asModel[M sampler.Model](m M, err error) (sampler.Model, error) {
	if err != nil {
		return nil, err
	}
	return m, nil
}

// openJoint reads the parts of a folder of Stable Diffusion 3, FLUX.1 or PixArt, whose index was read, and checks that they
// fit together.
func (p *TextToImage) openJoint(fsys fs.FS, dir string, c textClass) (err error) {
	if len(p.loras) > 0 && c.pixart > 0 {
		return noJoint("LoRAs", len(p.loras), p.info.Class)
	}
	if err := fitLoRAs(p.loras, p.jointParts(c)...); err != nil {
		return err
	}
	p.joint = &joint{}
	if p.sched, err = readSchedule(fsys, dir, nil); err != nil {
		return err
	}
	p.info.Scheduler = p.sched.scheduler.Class()
	if flow := p.sched.kind == schedule.Velocity; flow == (c.pixart > 0) {
		want := "FlowMatchEulerDiscreteScheduler, or another of flows"
		if flow {
			want = "DPMSolverMultistepScheduler, or another of noise"
		}
		return fmt.Errorf("scheduler: %s: want %s", p.info.Scheduler, want)
	}
	transformer, suffixes, t5 := path.Join(dir, "transformer"), []string{"", "_2"}, "_3"
	switch {
	case c.flux:
		suffixes, t5, p.joint.tokens = suffixes[:1], "_2", fluxTokens
		p.joint.flux, err = model.OpenFluxLoRA(fsys, transformer, p.loras)
	case c.pixart > 0:
		suffixes, t5, p.joint.tokens = nil, "", c.pixart
		p.joint.pixart, err = model.OpenPixArtFS(fsys, transformer)
	default:
		p.joint.tokens = sd3Tokens
		p.joint.sd3, err = model.OpenSD3LoRA(fsys, transformer, p.loras)
	}
	if err != nil {
		return err
	}
	for _, s := range suffixes {
		t, err := p.openTextPart(fsys, dir, s)
		if err != nil {
			return err
		}
		p.texts = append(p.texts, t)
	}
	if !p.noT5 {
		if p.joint.t5, err = openT5Part(fsys, dir, t5, p.loras); err != nil {
			return err
		}
	}
	if p.vae, err = model.OpenAutoencoderFS(fsys, path.Join(dir, "vae")); err != nil {
		return err
	}
	switch {
	case c.flux:
		err = p.fitFlux()
	case c.pixart > 0:
		err = p.fitPixArt()
	default:
		err = p.fitSD3()
	}
	if err != nil {
		return err
	}
	return p.jointDefaults()
}

// jointParts are the parts of a Stable Diffusion 3 or FLUX.1 that a LoRA may change. The second text encoder is T5 with
// FLUX.1, the third with Stable Diffusion 3.
func (p *TextToImage) jointParts(c textClass) []string {
	parts := []string{model.PartTransformer, model.PartTextEncoder, model.PartTextEncoder2}
	switch {
	case c.flux:
		return append(parts, model.PartT5)
	case !p.noT5:
		return append(parts, model.PartTextEncoder3, model.PartT5)
	}
	return parts
}

// fitSD3 tells whether the parts are of one Stable Diffusion 3.
func (p *TextToImage) fitSD3() error {
	net, one, two := p.joint.sd3, p.texts[0], p.texts[1]
	switch hidden, pooled := one.encoder.HiddenDim()+two.encoder.HiddenDim(), one.encoder.PooledDim()+two.encoder.PooledDim(); {
	case one.tokens.Length() != two.tokens.Length():
		return partMismatch("tokenizer_2", "texts of tokens", two.tokens.Length(), one.tokens.Length(), "tokenizer")
	case hidden > net.ContextDim():
		return fmt.Errorf("transformer: joint_attention_dim %d: want at least %d, as both text encoders have together",
			net.ContextDim(), hidden)
	case pooled != net.PooledDim():
		return partMismatch("transformer", "pooled_projection_dim", net.PooledDim(), pooled, "both text encoders have together")
	case p.joint.t5 != nil && p.joint.t5.encoder.HiddenDim() != net.ContextDim():
		return partMismatch("transformer", "joint_attention_dim", net.ContextDim(), p.joint.t5.encoder.HiddenDim(), "text_encoder_3 has")
	}
	return p.fitJointLatents(net.Channels(), net.OutChannels())
}

// fitJointLatents tells whether the autoencoder is the transformer's.
func (p *TextToImage) fitJointLatents(in, out int) error {
	v := p.vae.Config()
	switch {
	case v.OutChannels != 3 || v.InChannels != 3:
		return fmt.Errorf("vae: images of %d and %d channels: want 3", v.InChannels, v.OutChannels)
	case out != v.LatentChannels:
		return partMismatch("transformer", "latents of channels", out, v.LatentChannels, "the latents of vae have")
	case in != out:
		return fmt.Errorf("transformer: %d channels of input: want %d, as of output; inputs beside the latents "+
			"are not supported yet", in, out)
	}
	return nil
}

func partMismatch(part, what string, found, want int, as string) error {
	return fmt.Errorf("%s: %s %d: want %d, as %s", part, what, found, want, as)
}

// jointDefaults fills in what diffusers' pipelines have for steps, guidance and size.
func (p *TextToImage) jointDefaults() (err error) {
	in := &p.info
	if in.Factor, err = p.factor(); err != nil {
		return err
	}
	in.Steps, in.Guidance = jointSteps, sd3Guidance
	in.Latents = p.joint.network().Channels()
	height, width := p.joint.network().Height(), p.joint.network().Width()
	switch {
	case p.joint.flux != nil:
		height, width = fluxSide, fluxSide
		p.fluxDefaults()
	case p.joint.pixart != nil:
		in.Steps, in.Guidance = pixartSteps, pixartGuidance
	}
	in.Height, in.Width = height*in.Factor, width*in.Factor
	_, err = p.joint.denoiser(height, width, nil)
	return err
}

// noJoint refuses what the pipelines of these models do not do yet.
func noJoint(field string, value any, class string) error {
	return &RequestError{Field: field, Value: value, Want: "none with a " + class + ", which does not take it yet"}
}

// resolveJoint refuses what a request cannot have with these models.
func (p *TextToImage) resolveJoint(j *textJob) error {
	if p.joint == nil {
		return nil
	}
	for _, x := range []struct {
		field string
		value any
		given bool
	}{
		{"image", "one", j.Image != nil && !p.flows()}, {"mask", "one", j.Mask != nil && !p.flows()},
		{"syntax", fmt.Sprintf("%.40q", j.Syntax), j.Syntax != "" && !p.flows()},
		{"pag scale", j.PAGScale, j.PAGScale != 0}, {"pag layers", "some", len(j.PAGLayers)+len(j.PAGSkip) > 0},
		{"clip skip", j.ClipSkip, j.ClipSkip != 0 && p.joint.sd3 == nil},
	} {
		if x.given {
			return noJoint(x.field, x.value, p.info.Class)
		}
	}
	return nil
}

// fitsSize tells whether the network takes latents of a size.
func (p *TextToImage) fitsSize(height, width int) error {
	var err error
	if p.joint != nil {
		_, err = p.joint.denoiser(height, width, nil)
	} else {
		_, err = p.unet.Denoiser(height, width, nil)
	}
	return err
}
