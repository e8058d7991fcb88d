package pipeline

import (
	"context"
	"math"

	"github.com/cudiffuse/cudiffuse/model"
)

// As diffusers' FluxPipeline has them, and the card of FLUX.1 schnell.
const (
	fluxSide     = 128 // of the latents; the network does not say
	fluxTokens   = 512 // of T5, padding included, to which the network attends too
	fluxGuidance = 3.5
	schnellSteps = 4
)

// fitFlux tells whether the parts are of one FLUX.1.
func (p *TextToImage) fitFlux() error {
	net := p.joint.flux
	switch pooled, hidden := p.texts[0].encoder.PooledDim(), p.joint.t5.encoder.HiddenDim(); {
	case pooled != net.Config().PooledDim:
		return partMismatch("transformer", "pooled_projection_dim", net.Config().PooledDim, pooled, "text_encoder has")
	case hidden != net.ContextDim():
		return partMismatch("transformer", "joint_attention_dim", net.ContextDim(), hidden, "text_encoder_2 has")
	}
	return p.fitJointLatents(net.Channels(), net.OutChannels())
}

// fluxDefaults are those of FLUX.1 dev, whose network takes the guidance scale as an input, and of schnell, which is
// drawn without guidance; a scale other than 1 is there what diffusers calls true_cfg_scale.
func (p *TextToImage) fluxDefaults() {
	if p.joint.flux.Config().Guidance {
		p.info.Embedded, p.info.Guidance = true, fluxGuidance
		return
	}
	p.info.Steps, p.info.Guidance = schnellSteps, 1
}

// resolveTrue checks the scale of guidance beside the one that is an input.
func (p *TextToImage) resolveTrue(j *textJob) error {
	w := j.TrueGuidance
	switch {
	case p.joint == nil || p.joint.flux == nil || !p.info.Embedded:
		return &RequestError{Field: "true guidance", Value: w, Want: "none: only FLUX.1 with guidance as an input takes it; the scale " +
			"of a negative prompt is here the guidance"}
	case !(w > 1) || math.IsInf(float64(float32(w)), 0):
		return &RequestError{Field: "true guidance", Value: w, Want: "a number above 1, or 0 for none"}
	}
	return nil
}

// encodeFlux makes the conditions of FLUX.1: the tokens of T5 and the pooled vector of CLIP (diffusers,
// FluxPipeline.encode_prompt).
func (p *TextToImage) encodeFlux(ctx context.Context, j *textJob) ([]*model.TextEmbedding, error) {
	_, pooled, err := p.encodeCLIP(ctx, j, 0)
	if err != nil {
		return nil, err
	}
	hidden, err := p.encodeT5(ctx, j)
	if err != nil {
		return nil, err
	}
	conds := make([]*model.TextEmbedding, len(j.parts))
	d, n := p.texts[0].encoder.PooledDim(), fluxTokens*p.joint.flux.ContextDim()
	for i := range conds {
		conds[i] = &model.TextEmbedding{Data: hidden[i*n:][:n], Tokens: fluxTokens, Pooled: pooled[i*d:][:d]}
		if p.info.Embedded {
			conds[i].TimeCond = []float32{float32(j.Guidance)}
		}
	}
	return conds, nil
}
