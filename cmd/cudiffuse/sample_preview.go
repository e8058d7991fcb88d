package main

import (
	"errors"
	"time"

	"github.com/cudiffuse/cudiffuse/pipeline"
)

// decodeFlags say how latents become pictures.
type decodeFlags struct {
	VAETiling    bool   `name:"vae-tiling" help:"Decode and encode large images in overlapping tiles, which takes the memory of one."`
	VAETileSize  int    `name:"vae-tile-size" help:"Side of a tile in pixels; that of the autoencoder if not given." placeholder:"PIXELS"`
	Preview      bool   `help:"Show in the terminal what is being drawn: a picture where it is kitty, colored blocks elsewhere."`
	PreviewModel string `help:"Folder of a small autoencoder (AutoencoderTiny) for finer previews." placeholder:"DIR"`
}

// given are the flags that were given.
func (f decodeFlags) given() []given {
	return []given{{"--vae-tiling", f.VAETiling}, {"--vae-tile-size", f.VAETileSize != 0}, {"--preview", f.Preview},
		{"--preview-model", f.PreviewModel != ""}}
}

// decoding sets the options of the flags.
func (f decodeFlags) decoding(o *pipeline.Options) error {
	switch {
	case f.VAETileSize != 0 && !f.VAETiling:
		return errors.New("--vae-tile-size: want --vae-tiling with it")
	case f.PreviewModel != "" && !f.Preview:
		return errors.New("--preview-model: want --preview with it")
	}
	o.Tiling, o.TileSize, o.PreviewModel = f.VAETiling, f.VAETileSize, f.PreviewModel
	return nil
}

// previewEvery is the least time between two previews.
const previewEvery = 200 * time.Millisecond

// preview returns what is called after each step of the prompt of a number, with the first image of it: nothing, unless
// previews were asked for and standard error is a terminal.
func (f decodeFlags) preview(a *app, bar *progress, prompt int) func(pipeline.TextStep) error {
	if !f.Preview || !bar.terminal {
		return func(pipeline.TextStep) error { return nil }
	}
	t := newTerminalPreview(a.stderr, prompt+1)
	var drawn time.Time
	none := false
	return func(s pipeline.TextStep) error {
		if none || s.Stage < s.Stages && time.Since(drawn) < previewEvery {
			return nil
		}
		img, err := s.QuickPreview(a.ctx, 0)
		if errors.Is(err, pipeline.ErrNoPreview) {
			none = true
			a.log.Warn("--preview is not used", "reason", err)
			return nil
		}
		if err != nil {
			return err
		}
		drawn = time.Now()
		return t.draw(img)
	}
}
