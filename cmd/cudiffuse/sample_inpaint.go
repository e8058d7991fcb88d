package main

import (
	"errors"

	"github.com/cudiffuse/cudiffuse/pipeline"
)

// inpaintFlags are those of in-painting.
type inpaintFlags struct {
	Mask     string  `aliases:"mask-image" help:"PNG or JPEG of the size of --init-image: what to draw anew is white." placeholder:"FILE"`
	MaskBlur float64 `help:"Blur of --mask before it is made black and white, a standard deviation in pixels." placeholder:"N"`
}

// given are the flags, for [refuse].
func (f inpaintFlags) given() []given {
	return []given{{"--mask", f.Mask != ""}, {"--mask-blur", f.MaskBlur != 0}}
}

// images reads the image of a request to start from, and its mask.
func (f textFlags) images(r *pipeline.TextRequest) (err error) {
	switch {
	case f.InitImage == "" && f.Strength != 0:
		return errors.New("--strength: want --init-image with it")
	case f.InitImage == "" && f.ExactSteps:
		return errors.New("--exact-steps: want --init-image with it")
	case f.InitImage == "" && f.Mask != "":
		return errors.New("--mask: want --init-image with it")
	case f.Mask == "" && f.MaskBlur != 0:
		return errors.New("--mask-blur: want --mask with it")
	case f.InitImage == "":
		return nil
	}
	if r.Image, err = readImage("--init-image", f.InitImage); err != nil || f.Mask == "" {
		return err
	}
	r.MaskBlur = f.MaskBlur
	r.Mask, err = readImage("--mask", f.Mask)
	return err
}
