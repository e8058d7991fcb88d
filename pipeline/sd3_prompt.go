package pipeline

import (
	"context"
	"fmt"
	"io/fs"
	"path"

	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/model/tokenizer"
)

// t5Part is T5's encoder with its tokenizer.
type t5Part struct {
	tokens  *tokenizer.Unigram
	encoder *model.T5Text
}

// sd3Tokens is how many tokens of T5 Stable Diffusion 3 takes (max_sequence_length of diffusers), padding included, to
// which the network attends too. Those of a T5 that is left out are zeros.
const sd3Tokens = 256

// openT5Part opens T5's encoder, with LoRAs merged into it, and its tokenizer, whose folders have a suffix.
func openT5Part(fsys fs.FS, dir, suffix string, loras []model.LoRAUse) (*t5Part, error) {
	part := "text_encoder" + suffix
	encoder, err := model.OpenT5TextLoRA(fsys, path.Join(dir, part), part, loras)
	if err != nil {
		return nil, err
	}
	folder := path.Join(dir, "tokenizer"+suffix)
	tokens, err := tokenizer.OpenUnigram(fsys, folder)
	if err != nil {
		return nil, err
	}
	n := encoder.Config().VocabSize
	ids, _ := tokens.Encode("", 2) // the end of a text, and padding
	for _, id := range ids {
		if int(id) >= n {
			return nil, fmt.Errorf("%s: special token %d: want one within the %d of text_encoder%s", folder, id, n, suffix)
		}
	}
	return &t5Part{tokens: tokens, encoder: encoder}, nil
}

// jointTexts are the prompt of a job and, if it is guided, the negative one.
func (p *TextToImage) jointTexts(j *textJob) []string {
	return []string{j.Prompt, j.Negative}[:len(j.parts)]
}

// encodeT5 returns T5's hidden states of length tokens for each text, [texts, length, HiddenDim].
func (p *TextToImage) encodeT5(ctx context.Context, texts []string, length int) ([]float32, error) {
	ids := make([][]int32, len(texts))
	for i, text := range texts {
		ids[i], _ = p.joint.t5.tokens.Encode(text, length)
	}
	return p.joint.t5.encoder.Encoder(p.pool).Encode(ctx, ids, nil)
}

// encodeCLIP returns the hidden states and the pooled vectors of a job's texts by encoder k: [texts, tokens, HiddenDim]
// and [texts, PooledDim].
func (p *TextToImage) encodeCLIP(ctx context.Context, j *textJob, k int) (hidden, pooled []float32, err error) {
	encoder := p.texts[k].encoder
	if j.ClipSkip > 0 {
		if encoder, err = encoder.With(p.textOptions(j.ClipSkip)); err != nil {
			return nil, nil, err
		}
	}
	var ids [][]int32
	for _, chunks := range j.chunks[k] {
		ids = append(ids, chunks[0].Tokens)
	}
	return p.parts.encode(ctx, p.texts[k].encoder, encoder, ids)
}

// encodeJoint is encode for a [joint] network.
func (p *TextToImage) encodeJoint(ctx context.Context, j *textJob) ([]*model.TextEmbedding, error) {
	switch {
	case p.joint.flux != nil:
		return p.encodeFlux(ctx, j)
	case p.joint.pixart != nil:
		return p.encodePixArt(ctx, j)
	}
	return p.encodeSD3(ctx, j)
}

// encodeSD3 makes the conditions of Stable Diffusion 3 (Esser et al., 2024, arXiv:2403.03206, section 4; diffusers,
// StableDiffusion3Pipeline.encode_prompt). The features of both CLIP encoders follow one another in a token, with zeros
// up to the width of T5, whose tokens follow; the pooled vector is both, one after the other.
func (p *TextToImage) encodeSD3(ctx context.Context, j *textJob) ([]*model.TextEmbedding, error) {
	texts, dim, length := p.jointTexts(j), p.joint.sd3.ContextDim(), p.texts[0].tokens.Length()
	conds := make([]*model.TextEmbedding, len(texts))
	for i := range conds {
		tokens := length + sd3Tokens
		conds[i] = &model.TextEmbedding{Data: make([]float32, tokens*dim), Tokens: tokens}
	}
	at := 0
	for k, part := range p.texts {
		hidden, pooled, err := p.encodeCLIP(ctx, j, k)
		if err != nil {
			return nil, err
		}
		width, d := part.encoder.HiddenDim(), part.encoder.PooledDim()
		for i, c := range conds {
			for t := range length {
				copy(c.Data[t*dim+at:], hidden[(i*length+t)*width:][:width])
			}
			c.Pooled = append(c.Pooled, pooled[i*d:][:d]...)
		}
		at += width
	}
	if p.joint.t5 == nil {
		return conds, nil
	}
	hidden, err := p.encodeT5(ctx, texts, sd3Tokens)
	if err != nil {
		return nil, err
	}
	for i, c := range conds {
		copy(c.Data[length*dim:], hidden[i*sd3Tokens*dim:][:sd3Tokens*dim])
	}
	return conds, nil
}

// droppedT5 is Dropped for T5, which takes the most tokens; the last is the end of the text.
func (p *TextToImage) droppedT5(text string) int {
	if p.joint.pixart != nil {
		text = pixartText(text)
	}
	return max(0, len(p.joint.t5.tokens.Tokens(text))-(p.joint.tokens-1))
}
