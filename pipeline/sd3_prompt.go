package pipeline

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/model/tokenizer"
	"github.com/cudiffuse/cudiffuse/pipeline/prompt"
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

// t5Text is a text as T5 takes it.
type t5Text struct {
	tokens  []int32
	weights []float32 // nil where all are 1
}

// resolveT5 makes the tokens of T5 for a flow's texts. With a syntax nothing is left out: a text that does not fit is refused.
func (p *TextToImage) resolveT5(j *textJob) error {
	if !p.flows() || p.joint.t5 == nil {
		return nil
	}
	tokenizer, length := p.joint.t5.tokens, p.joint.tokens
	j.t5 = make([]t5Text, len(j.parts))
	for i := range j.parts {
		x := &j.t5[i]
		if j.Syntax == "" {
			x.tokens, _ = tokenizer.Encode(p.jointTexts(j)[i], length)
			continue
		}
		for _, piece := range j.parts[i].Pieces { // a Break has no text
			tokens := tokenizer.Tokens(piece.Text)
			x.tokens = append(x.tokens, tokens...)
			x.weights = append(x.weights, slices.Repeat([]float32{float32(piece.Weight)}, len(tokens))...)
		}
		if n := len(x.tokens); n > length-1 {
			return &RequestError{Field: "syntax", Value: fmt.Sprintf("%q of %d tokens of T5", j.Syntax, n),
				Want: fmt.Sprintf("a text of at most %d; without a syntax its end is left out", length-1)}
		}
		empty, _ := tokenizer.Encode("", length) // the end of a text, and padding
		x.tokens = append(x.tokens, empty...)[:length]
		x.weights = append(x.weights, slices.Repeat([]float32{1}, length)...)[:length]
	}
	return nil
}

// encodeT5 returns T5's hidden states for the texts of a job, [texts, tokens, HiddenDim].
func (p *TextToImage) encodeT5(ctx context.Context, j *textJob) ([]float32, error) {
	length, weighted := p.joint.tokens, false
	var ids [][]int32
	for _, x := range j.t5 {
		ids = append(ids, x.tokens)
		weighted = weighted || !prompt.Plain(x.weights)
	}
	if weighted {
		empty, _ := p.joint.t5.tokens.Encode("", length)
		ids = append(ids, empty)
	}
	hidden, err := p.joint.t5.encoder.Encoder(p.pool).Encode(ctx, ids, nil)
	if err != nil || !weighted {
		return hidden, err
	}
	n := length * p.joint.t5.encoder.HiddenDim()
	empty := hidden[len(j.t5)*n:]
	for i, x := range j.t5 {
		prompt.Lead(hidden[i*n:][:n], empty, x.weights)
	}
	return hidden, nil
}

// encodeCLIP returns the hidden states and the pooled vectors of a job's texts by encoder k: [texts, tokens, HiddenDim]
// and [texts, PooledDim]. The chunks of a text follow one another; the pooled vector is that of the first, without weights.
func (p *TextToImage) encodeCLIP(ctx context.Context, j *textJob, k int) (hidden, pooled []float32, err error) {
	part := p.texts[k]
	encoder := part.encoder
	if j.ClipSkip > 0 {
		if encoder, err = encoder.With(p.textOptions(j.ClipSkip)); err != nil {
			return nil, nil, err
		}
	}
	var ids [][]int32
	weighted := false
	for _, chunks := range j.chunks[k] {
		for _, c := range chunks {
			ids = append(ids, c.Tokens)
			weighted = weighted || !prompt.Plain(c.Weights)
		}
	}
	if weighted {
		ids = append(ids, prompt.Pad(part.tokens, nil, 1)[0].Tokens)
	}
	hidden, pooled, err = p.parts.encode(ctx, part.encoder, encoder, ids)
	if err != nil {
		return nil, nil, err
	}
	n, d, chunks := part.tokens.Length()*encoder.HiddenDim(), encoder.PooledDim(), len(j.chunks[k][0])
	if weighted {
		empty := hidden[(len(ids)-1)*n:]
		for i, text := range j.chunks[k] {
			for c, chunk := range text {
				prompt.Lead(hidden[(i*chunks+c)*n:][:n], empty, chunk.Weights)
			}
		}
	}
	first := make([]float32, 0, len(j.chunks[k])*d)
	for i := range j.chunks[k] {
		first = append(first, pooled[i*chunks*d:][:d]...)
	}
	return hidden, first, nil
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
	dim, length := p.joint.sd3.ContextDim(), p.texts[0].tokens.Length()*len(j.chunks[0][0])
	conds := make([]*model.TextEmbedding, len(j.parts))
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
	hidden, err := p.encodeT5(ctx, j)
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
