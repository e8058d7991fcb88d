package pipeline

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"strconv"

	"github.com/cudiffuse/cudiffuse/model"
)

// openControl puts the ControlNet of a folder, "" for none, before the denoiser.
func (p *TextToImage) openControl(dir string) error {
	if dir == "" {
		return nil
	}
	net, err := model.OpenControlNet(dir)
	if err != nil {
		return &OpenError{Path: dir, Err: err}
	}
	c := net.Config()
	switch {
	case p.joint != nil:
		err = noJoint("ControlNet", fmt.Sprintf("%.80q", dir), p.info.Class)
	case c.ControlChannels != 3:
		err = fmt.Errorf("images of %d channels: want 3", c.ControlChannels)
	case c.Factor() != p.info.Factor:
		err = fmt.Errorf("images of %d times the latents: want %d, as the autoencoder makes", c.Factor(), p.info.Factor)
	default:
		p.unet, err = p.unet.WithControl(net)
	}
	if err != nil {
		return &OpenError{Path: dir, Err: err}
	}
	p.control = c.Residuals()
	p.info.Control = true
	return nil
}

// noControl refuses a ControlNet for models that are not text-to-image.
func noControl(o Options) error {
	if o.ControlNet == "" {
		return nil
	}
	return &RequestError{Field: "ControlNet", Value: fmt.Sprintf("%.80q", o.ControlNet), Want: "none, or a text-to-image model"}
}

// resolveControl checks the control image, whose size is that of the image if none is asked for.
func (p *TextToImage) resolveControl(j *textJob) error {
	if j.Control == nil {
		if j.ControlScale != 0 || j.ControlGuess {
			return &RequestError{Field: "control scale", Value: j.ControlScale, Want: "none without a control image"}
		}
		return nil
	}
	if !p.info.Control {
		return &RequestError{Field: "control", Value: "an image", Want: "none: the model was opened without a ControlNet"}
	}
	size := j.Control.Bounds().Size()
	if j.Height == 0 && j.Width == 0 {
		j.Height, j.Width = size.Y, size.X
	}
	if size != image.Pt(j.Width, j.Height) || j.Control.Bounds().Empty() {
		return &RequestError{Field: "control", Value: fmt.Sprintf("of %dx%d", size.X, size.Y),
			Want: fmt.Sprintf("the size asked for, %dx%d", j.Width, j.Height)}
	}
	if j.ControlScale == 0 {
		j.ControlScale = 1
	}
	if s := float64(float32(j.ControlScale)); math.IsNaN(s) || math.IsInf(s, 0) {
		return &RequestError{Field: "control scale", Value: j.ControlScale, Want: "a finite number"}
	}
	return nil
}

// setControl gives the control image to the conditions of a job, of which the first is that of the prompt: in guess
// mode to this alone (diffusers, StableDiffusionControlNetPipeline).
func (p *TextToImage) setControl(j *textJob, conds []*model.TextEmbedding) {
	if j.Control == nil {
		return
	}
	img, scales := unitPlanes(j.Control), model.ControlScales(p.control, j.ControlScale, j.ControlGuess)
	for i, c := range conds {
		if i == 0 || !j.ControlGuess {
			c.Control, c.ControlScale = img, scales
		}
	}
}

// unitPlanes converts an image to [3, H, W] within 0..1. What is transparent keeps its color.
func unitPlanes(img image.Image) []float32 {
	b := img.Bounds()
	n := b.Dx() * b.Dy()
	x := make([]float32, 3*n)
	for i := range n {
		c := color.NRGBAModel.Convert(img.At(b.Min.X+i%b.Dx(), b.Min.Y+i/b.Dx())).(color.NRGBA)
		for k, v := range []uint8{c.R, c.G, c.B} {
			x[k*n+i] = float32(v) / 255
		}
	}
	return x
}

// controlSettings are those of a request with a control image.
func (r TextRequest) controlSettings() (set []string) {
	if r.ControlScale != 0 {
		set = append(set, "Control scale: "+formatNumber(r.ControlScale))
	}
	if r.ControlGuess {
		set = append(set, "Control guess: true")
	}
	return set
}

// takeControl reads them back.
func (r *TextRequest) takeControl(take func(key string, set func(v string) error)) {
	take("Control scale", func(v string) (err error) {
		r.ControlScale, err = strconv.ParseFloat(v, 64)
		return err
	})
	take("Control guess", func(v string) (err error) {
		r.ControlGuess, err = strconv.ParseBool(v)
		return err
	})
}
