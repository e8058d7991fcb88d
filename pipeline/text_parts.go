package pipeline

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"

	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/model/tokenizer"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// open reads the parts of the folder and checks that they fit together.
func (p *TextToImage) open(fsys fs.FS, dir string) error {
	class, err := p.index(fsys, dir)
	if err != nil {
		return err
	}
	if class.joint {
		return p.openJoint(fsys, dir, class)
	}
	if p.sched, err = readSchedule(fsys, dir, class.scheduler); err != nil {
		return err
	}
	p.info.Scheduler = p.sched.scheduler.Class()
	suffixes, parts := []string{""}, []string{model.PartUNet, model.PartTextEncoder}
	if class.xl {
		suffixes, parts = append(suffixes, "_2"), append(parts, model.PartTextEncoder2)
	}
	if err := fitLoRAs(p.loras, parts...); err != nil {
		return err
	}
	if p.noFirst {
		suffixes = suffixes[1:]
	}
	for _, s := range suffixes {
		t, err := p.openTextPart(fsys, dir, s)
		if err != nil {
			return err
		}
		p.texts = append(p.texts, t)
	}
	if p.unet, err = model.OpenUNetConditionLoRA(fsys, path.Join(dir, "unet"), p.loras); err != nil {
		return err
	}
	if p.vae, err = model.OpenAutoencoderFS(fsys, path.Join(dir, "vae")); err != nil {
		return err
	}
	if err := p.fit(); err != nil {
		return err
	}
	return p.defaults()
}

// openTextPart opens a text encoder and its tokenizer, the second ones with the suffix "_2".
func (p *TextToImage) openTextPart(fsys fs.FS, dir, suffix string) (t textPart, err error) {
	t.name = "text_encoder" + suffix
	if t.encoder, err = model.OpenCLIPTextLoRA(fsys, path.Join(dir, "text_encoder"+suffix), "text_encoder"+suffix, p.loras); err != nil {
		return t, err
	}
	if t.encoder, err = t.encoder.With(p.textOptions(0)); err != nil {
		return t, fmt.Errorf("text_encoder%s: %w", suffix, err)
	}
	folder := path.Join(dir, "tokenizer"+suffix)
	if t.tokens, err = tokenizer.Open(fsys, folder); err != nil {
		return t, err
	}
	if n, most := t.tokens.Length(), t.encoder.MaxTokens(); n > most {
		return t, fmt.Errorf("%s: texts of %d tokens: want at most %d, which text_encoder%s takes", folder, n, most, suffix)
	}
	n := t.encoder.Config().VocabSize
	for _, id := range []int32{t.tokens.Start(), t.tokens.End(), t.tokens.Pad()} {
		if int(id) >= n {
			return t, fmt.Errorf("%s: special token %d: want one within the %d of text_encoder%s", folder, id, n, suffix)
		}
	}
	return t, nil
}

// fit tells whether the parts are of one model.
func (p *TextToImage) fit() error {
	c, v := p.unet.Config(), p.vae.Config()
	hidden, last, ids := 0, p.texts[len(p.texts)-1], sizeIDs
	if p.info.Aesthetic {
		ids = refinerIDs
	}
	for _, t := range p.texts {
		hidden += t.encoder.HiddenDim()
	}
	mismatch := func(file, what string, found, want int, of string) error {
		return fmt.Errorf("%s: %s %d: want %d, as %s has", file, what, found, want, of)
	}
	switch {
	case p.texts[0].tokens.Length() != last.tokens.Length():
		return mismatch("tokenizer_2", "texts of tokens", last.tokens.Length(), p.texts[0].tokens.Length(), "tokenizer")
	case v.OutChannels != 3 || v.InChannels != 3:
		return fmt.Errorf("vae: images of %d and %d channels: want 3", v.InChannels, v.OutChannels)
	case c.OutChannels != v.LatentChannels:
		return mismatch("unet", "out_channels", c.OutChannels, v.LatentChannels, "the latents of vae")
	case c.InChannels != c.OutChannels && c.InChannels != 2*c.OutChannels+1:
		return fmt.Errorf("unet: in_channels %d: want %d, or %d for in-painting", c.InChannels, c.OutChannels,
			2*c.OutChannels+1)
	case c.CrossAttentionDim != hidden:
		return mismatch("unet", "cross_attention_dim", c.CrossAttentionDim, hidden, "the text encoder")
	case !p.info.XL && (c.PooledDim != 0 || c.TimeIDs != 0):
		return fmt.Errorf("unet: addition_embed_type text_time: want none with %s", p.info.Class)
	case p.info.XL && c.TimeIDs != ids:
		return fmt.Errorf("unet: %d numbers beside the text: want %d with requires_aesthetics_score %t of model_index.json",
			c.TimeIDs, ids, p.info.Aesthetic)
	case p.info.XL && c.PooledDim != last.encoder.PooledDim():
		return mismatch("unet", "pooled features", c.PooledDim, last.encoder.PooledDim(), "text_encoder_2")
	case c.ClassEmbedding != model.ClassNone:
		return fmt.Errorf("unet: takes classes beside the text: want none")
	case c.TimeCondDim == 1 || c.TimeCondDim == 2 || c.TimeCondDim == 3:
		return fmt.Errorf("unet: time_cond_proj_dim %d: want at least 4", c.TimeCondDim)
	case p.unet.Height() < 1 || p.unet.Width() < 1:
		return fmt.Errorf("unet: no sample_size: want one")
	}
	_, err := p.unet.Denoiser(0, 0, nil)
	return err
}
