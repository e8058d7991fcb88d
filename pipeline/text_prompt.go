package pipeline

import (
	"context"
	"fmt"
	"math"

	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/pipeline/prompt"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// sizeIDs is how many sizes Stable Diffusion XL takes beside a text (Podell et al., 2023,
// arXiv:2307.01952, section 2.2): height and width of the original, top and left of the crop, height and
// width of the target; a refiner takes a score in the place of the last two.
const (
	sizeIDs    = 6
	refinerIDs = 5
)

// textOptions are the hidden states that the network attends to: Stable Diffusion XL was trained on those
// before the last block, without the last norm, and so was 3.
func (p *TextToImage) textOptions(skip int) model.TextOptions {
	if p.info.XL || p.joint != nil && p.joint.sd3 != nil {
		return model.TextOptions{Skip: skip + 1, Raw: true}
	}
	return model.TextOptions{Skip: skip}
}

// resolveText checks the options of the texts and makes their chunks.
func (p *TextToImage) resolveText(j *textJob) error {
	for _, t := range p.texts {
		most := t.encoder.Config().Layers - p.textOptions(0).Skip
		if j.ClipSkip < 0 || j.ClipSkip > most {
			return &RequestError{Field: "clip skip", Value: j.ClipSkip,
				Want: fmt.Sprintf("0 to %d blocks of the text encoder", most)}
		}
	}
	if j.Syntax != "" && j.Syntax != SyntaxA1111 {
		return &RequestError{Field: "syntax", Value: fmt.Sprintf("%.40q", j.Syntax), Want: SyntaxA1111 + " or nothing"}
	}
	if err := p.resolveParts(j); err != nil {
		return err
	}
	var err error
	j.chunks, err = p.promptChunks(j)
	return err
}

// resolveParts reads the prompt and, of a guided job, the negative one, which is the last of the parts.
func (p *TextToImage) resolveParts(j *textJob) (err error) {
	read := func(text string, compose bool) (parts []prompt.Part, err error) {
		if j.Syntax == "" {
			return []prompt.Part{{Weight: 1}}, nil
		}
		if compose {
			parts, err = prompt.Compose(text)
		} else {
			parts = []prompt.Part{{Weight: 1}}
			parts[0].Pieces, err = prompt.Parse(text)
		}
		if err != nil {
			return nil, &RequestError{Field: "syntax", Value: fmt.Sprintf("%q of %.40q", j.Syntax, text),
				Want: fmt.Sprintf("a text of its notation: %v", err)}
		}
		return parts, nil
	}
	if j.parts, err = read(j.Prompt, true); err != nil {
		return err
	}
	if len(j.parts) > 1 && p.info.Embedded {
		return &RequestError{Field: "prompt", Value: fmt.Sprintf("%.40q", j.Prompt),
			Want: "no AND: the network takes the guidance scale as an input, and composes no prompts"}
	}
	// The weight is one of guidance away from a negative prompt.
	if w := j.parts[0].Weight; w != 1 && p.info.Embedded && j.TrueGuidance == 0 {
		want := "none: the network takes the guidance scale as an input"
		if p.joint != nil {
			want = "none without a true guidance: the network takes the guidance scale as an input"
		}
		return &RequestError{Field: "prompt", Value: fmt.Sprintf("%.40q of weight %g", j.Prompt, w), Want: want + "; (text:1.2) weights the text itself"}
	}
	if !p.guided(j) {
		return nil
	}
	negative, err := read(j.Negative, false)
	j.parts = append(j.parts, negative...)
	return err
}

// guided tells whether the network runs for the negative prompt too.
func (p *TextToImage) guided(j *textJob) bool {
	return j.TrueGuidance != 0 || !p.info.Embedded && (j.Guidance != 1 || len(j.parts) > 1 || len(j.parts) == 1 && j.parts[0].Weight != 1)
}

// compose returns the conditions of a composition, the negative one last:
//
//	m = uncond + scale * (w1 (cond1 - uncond) + w2 (cond2 - uncond) + ...)
func compose(conds []*model.TextEmbedding, parts []prompt.Part, scale float64) []sampler.Weighted {
	last := len(conds) - 1
	weighted, rest := make([]sampler.Weighted, len(conds)), 1.0
	for i, c := range conds[:last] {
		w := float64(scale * parts[i].Weight) // not fused into rest, so that it is the same everywhere
		weighted[i] = sampler.Weighted{Weight: w, Cond: c}
		rest -= w
	}
	weighted[last] = sampler.Weighted{Weight: rest, Cond: conds[last]}
	return weighted
}

// conditions encodes the prompts of a job to the conditions of its images, which share them.
func (p *TextToImage) conditions(ctx context.Context, j *textJob) ([]sampler.Weighted, error) {
	conds, err := p.encode(ctx, j)
	if err != nil {
		return nil, err
	}
	p.setControl(j, conds)
	if !p.guided(j) {
		if p.info.Embedded && p.joint == nil {
			conds[0].TimeCond = guidanceEmbedding(j.Guidance-1, p.unet.Config().TimeCondDim)
		}
		return sampler.Guide(conds[0], nil, 1)
	}
	scale := j.Guidance
	if j.TrueGuidance != 0 {
		scale = j.TrueGuidance
	}
	if last := conds[len(conds)-1]; p.zeroNegative && j.Negative == "" {
		clear(last.Data)
		clear(last.Pooled)
	}
	if len(conds) == 2 && j.parts[0].Weight == 1 {
		return sampler.Guide(conds[0], conds[1], scale)
	}
	return compose(conds, j.parts, scale), nil
}

// promptChunks returns the chunks of the prompt, and of the negative one of a guided job, for every text
// encoder: all of the same number, since texts of one length run in one batch.
func (p *TextToImage) promptChunks(j *textJob) ([][][]prompt.Chunk, error) {
	parts, most := make([][][]prompt.Chunk, len(p.texts)), 0
	for k, part := range p.texts {
		parts[k] = make([][]prompt.Chunk, len(j.parts))
		for i, text := range j.parts {
			if j.Syntax == "" {
				whole := [2]string{j.Prompt, j.Negative}[i]
				parts[k][i] = []prompt.Chunk{{Tokens: part.tokens.Encode(whole)}}
			} else {
				var err error
				if parts[k][i], err = prompt.Cut(part.tokens, text.Pieces); err != nil {
					return nil, &RequestError{Field: "syntax", Value: fmt.Sprintf("%q of %.40q", j.Syntax, j.Prompt),
						Want: fmt.Sprintf("a text of its notation: %v", err)}
				}
			}
			most = max(most, len(parts[k][i]))
		}
	}
	for k, part := range p.texts {
		for i := range j.parts {
			parts[k][i] = prompt.Pad(part.tokens, parts[k][i], most)
		}
	}
	return parts, nil
}

// encode runs the text encoders. Of two, the features of a token follow one another, and the pooled vector
// is the second's. Chunks are encoded each by itself and their tokens follow one another; the pooled vector is
// that of the first, without weights.
func (p *TextToImage) encode(ctx context.Context, j *textJob) ([]*model.TextEmbedding, error) {
	if p.joint != nil {
		return p.encodeJoint(ctx, j)
	}
	parts := j.chunks
	conds := make([]*model.TextEmbedding, len(parts[0]))
	dim, at := p.unet.ContextDim(), 0
	for k, part := range p.texts {
		var ids [][]int32
		for _, chunks := range parts[k] {
			for _, c := range chunks {
				ids = append(ids, c.Tokens)
			}
		}
		encoder := part.encoder
		if j.ClipSkip > 0 { // not kept: it packs the weights once more
			var err error
			if encoder, err = encoder.With(p.textOptions(j.ClipSkip)); err != nil {
				return nil, err
			}
		}
		hidden, pooled, err := p.parts.encode(ctx, part.encoder, encoder, ids)
		if err != nil {
			return nil, err
		}
		n, width := len(parts[k][0]), encoder.HiddenDim()
		length := len(ids[0])
		tokens := n * length
		for i := range conds {
			if k == 0 {
				conds[i] = &model.TextEmbedding{Data: make([]float32, tokens*dim), Tokens: tokens}
			}
			text := hidden[i*tokens*width:][:tokens*width]
			for c, chunk := range parts[k][i] {
				prompt.Emphasize(text[c*length*width:][:length*width], chunk.Weights)
			}
			for t := range tokens {
				copy(conds[i].Data[t*dim+at:], text[t*width:][:width])
			}
			if p.info.XL && k == len(p.texts)-1 {
				d := encoder.PooledDim()
				conds[i].Pooled = pooled[i*n*d : (i*n+1)*d : (i*n+1)*d]
				conds[i].TimeIDs = p.sizes(j, i > 0 && i == len(conds)-1)
			}
		}
		at += width
	}
	return conds, nil
}

// Dropped returns how many tokens of a text do not fit the model and are left out, from its end, where
// TextRequest.Syntax is "". With [SyntaxA1111] none is.
func (p *TextToImage) Dropped(text string) int {
	if p.joint != nil && p.joint.t5 != nil {
		return p.droppedT5(text)
	}
	most := 0
	for _, t := range p.texts {
		most = max(most, len(t.tokens.Tokens(text))-(t.tokens.Length()-2))
	}
	return most
}

// guidanceEmbedding embeds a guidance scale w, in the paper's convention one less than the usual, as the
// input of a latent consistency model (Luo et al., 2023, arXiv:2310.04378, section 4.2; diffusers,
// get_guidance_scale_embedding, whose float32 roundings these are):
//
//	f[i] = exp(-ln(10000) * i / (dim/2 - 1)),  i < dim/2
//	y    = [sin(1000 w f), cos(1000 w f)]      a last 0 if dim is odd
func guidanceEmbedding(w float64, dim int) []float32 {
	half := dim / 2
	scaled := float32(w) * 1000
	rate := float32(math.Log(10000)) / float32(half-1)
	y := make([]float32, dim)
	for i := range half {
		f := float32(math.Exp(float64(float32(i) * -rate)))
		sin, cos := math.Sincos(float64(scaled * f))
		y[i], y[half+i] = float32(sin), float32(cos)
	}
	return y
}
