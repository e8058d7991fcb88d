package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/cudiffuse/cudiffuse/model"
)

// Defaults of diffusers' PixArtAlphaPipeline and PixArtSigmaPipeline.
const (
	pixartSteps    = 20
	pixartGuidance = 4.5
)

// fitPixArt tells whether the parts are of one PixArt.
func (p *TextToImage) fitPixArt() error {
	net := p.joint.pixart
	if hidden := p.joint.t5.encoder.HiddenDim(); hidden != net.ContextDim() {
		return partMismatch("transformer", "features of a token", net.ContextDim(), hidden, "text_encoder has")
	}
	in, out := net.Channels(), net.OutChannels()
	if out == 2*in { // the second half is a variance, of which the samplers of diffusers' pipelines know nothing
		out = in
	}
	return p.fitJointLatents(in, out)
}

// pixartText is a prompt as PixArt's T5 was given it: in lower case, Python's, without the white space around it
// (diffusers, PixArtAlphaPipeline._text_preprocessing with clean_caption=False).
func pixartText(s string) string {
	runes := []rune(s)
	var b strings.Builder
	for i, r := range runes {
		switch {
		case r == 'İ':
			b.WriteString("i̇")
		case r == 'Σ' && i > 0 && unicode.IsLetter(runes[i-1]) && (i+1 == len(runes) || !unicode.IsLetter(runes[i+1])):
			b.WriteRune('ς')
		default:
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return strings.TrimSpace(b.String())
}

// encodePixArt makes the conditions of PixArt (Chen et al., 2023, arXiv:2310.00426, section 2.3; diffusers,
// PixArtAlphaPipeline.encode_prompt): the tokens of T5 without padding, to which neither T5 nor the network attends,
// and for a network that takes it the size of the image.
func (p *TextToImage) encodePixArt(ctx context.Context, j *textJob) ([]*model.TextEmbedding, error) {
	texts := p.jointTexts(j)
	ids, lengths := make([][]int32, len(texts)), make([]int, len(texts))
	for i, text := range texts {
		ids[i], lengths[i] = p.joint.t5.tokens.Encode(pixartText(text), p.joint.tokens)
	}
	most, dim := slices.Max(lengths), p.joint.pixart.ContextDim()
	for i := range ids { // what is padding for all is not computed
		ids[i] = ids[i][:most]
	}
	hidden, err := p.joint.t5.encoder.Encoder(p.pool).Encode(ctx, ids, lengths)
	if err != nil {
		return nil, err
	}
	conds := make([]*model.TextEmbedding, len(texts))
	for i, n := range lengths {
		conds[i] = &model.TextEmbedding{Data: hidden[i*most*dim:][:n*dim], Tokens: n}
		if p.joint.pixart.TimeIDs() > 0 {
			conds[i].TimeIDs = []float32{float32(j.Height), float32(j.Width), float32(float64(j.Height) / float64(j.Width))}
		}
	}
	if p.net != nil {
		return conds, sameTokens(conds, dim)
	}
	return conds, nil
}

// maxRepeated bounds the tokens of a text that is repeated.
const maxRepeated = 1 << 12

// sameTokens brings texts to one number of tokens, as a GPU takes them, by repeating each as a whole: the network attends
// to a set of tokens without positions, of which every one counts as often as the others, so its result is the same:
//
//	sum_i n e^s[i] v[i] / sum_i n e^s[i] = sum_i e^s[i] v[i] / sum_i e^s[i]
//
// The empty prompt is one token, the end, and fits all.
func sameTokens(conds []*model.TextEmbedding, dim int) error {
	all := 1
	for _, c := range conds {
		all *= c.Tokens / gcd(all, c.Tokens)
	}
	if all > maxRepeated {
		return &RequestError{Field: "negative", Value: fmt.Sprintf("of %d tokens beside %d", conds[len(conds)-1].Tokens, conds[0].Tokens),
			Want: fmt.Sprintf("on a GPU texts whose least common multiple of tokens is at most %d, such as the empty one", maxRepeated)}
	}
	for _, c := range conds {
		c.Data, c.Tokens = slices.Repeat(c.Data[:c.Tokens*dim], all/c.Tokens), all
	}
	return nil
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
