package main

import (
	"errors"

	"github.com/cudiffuse/cudiffuse/pipeline"
)

// controlFlags are those of a ControlNet.
type controlFlags struct {
	ControlNet   string  `name:"controlnet" help:"Folder of a ControlNet for the model." placeholder:"DIR"`
	ControlImage string  `help:"PNG or JPEG that the ControlNet follows, such as edges or a depth, of the size to draw." placeholder:"FILE"`
	ControlScale float64 `aliases:"controlnet-conditioning-scale" help:"How much it does; 0 means 1."`
	ControlGuess bool    `aliases:"guess-mode" help:"It acts on the prompt alone, not on the negative one, and less in the first levels."`
}

// given are the flags that were given.
func (f controlFlags) given() []given {
	return []given{{"--controlnet", f.ControlNet != ""}, {"--control-image", f.ControlImage != ""},
		{"--control-scale", f.ControlScale != 0}, {"--control-guess", f.ControlGuess}}
}

// control reads the control image of a request.
func (f controlFlags) control(r *pipeline.TextRequest) (err error) {
	switch {
	case f.ControlNet != "" && f.ControlImage == "":
		return errors.New("--controlnet: want --control-image with it")
	case f.ControlNet == "":
		return refuse("want --controlnet with it", f.given())
	}
	r.ControlScale, r.ControlGuess = f.ControlScale, f.ControlGuess
	r.Control, err = readImage("--control-image", f.ControlImage)
	return err
}
