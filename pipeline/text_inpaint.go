package pipeline

import (
	"context"
	"fmt"
	"slices"

	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// resolveMask checks the mask of a request beside its image.
func (p *TextToImage) resolveMask(j *textJob) error {
	b := j.MaskBlur
	switch {
	case j.Mask == nil && p.info.Inpaint:
		return &RequestError{Field: "mask", Value: "none", Want: "an image and a mask: the network was made for in-painting"}
	case j.Mask == nil && b != 0:
		return &RequestError{Field: "mask blur", Value: b, Want: "none without a mask"}
	case j.Mask == nil:
		return nil
	case j.Image == nil:
		return &RequestError{Field: "mask", Value: "without an image", Want: "an image, of which it says what to draw anew"}
	case !(b >= 0 && b <= maxMaskBlur):
		return &RequestError{Field: "mask blur", Value: b, Want: fmt.Sprintf("0 to %d pixels", maxMaskBlur)}
	}
	if size, want := j.Mask.Bounds().Size(), j.Image.Bounds().Size(); size != want || j.Mask.Bounds().Empty() {
		return &RequestError{Field: "mask", Value: fmt.Sprintf("of %dx%d", size.X, size.Y),
			Want: fmt.Sprintf("the size of the image, %dx%d", want.X, want.Y)}
	}
	return nil
}

// fromNoise tells whether a job starts from noise alone: without an image or latents, and as in diffusers with a mask at
// full strength.
func (j *textJob) fromNoise() bool {
	return j.DenoisingStart == 0 && (j.Image == nil || j.Mask != nil && j.Strength == 1)
}

// masked is what the starts of a job need of its mask.
type masked struct {
	latent []float32 // see latentMask
	// post is the autoencoder's of the image without what the mask covers, for a network that was made for
	// in-painting.
	post model.Posterior
	held *heldPart // what stays in the run of another network; nil for one that was made for in-painting
}

// readMask makes what the mask of a job gives, nil without one.
func (p *TextToImage) readMask(ctx context.Context, j *textJob) (*masked, error) {
	if j.Mask == nil {
		return nil, nil
	}
	bits := maskBits(j.Mask, j.MaskBlur)
	m := &masked{latent: latentMask(bits, j.Width, j.Height, p.info.Factor)}
	if !p.info.Inpaint {
		m.held = &heldPart{plan: j.plan, mask: slices.Repeat(m.latent, p.info.Latents)}
		return m, nil
	}
	var err error
	m.post, err = p.encodeImage(ctx, j, maskedPlanes(Planes(j.Image), bits))
	return m, err
}

// start fills in what the mask gives to the request of an image, whose latents are z and whose noise is noise.
// The network that was made for in-painting takes mask and masked latents beside the sample.
func (m *masked) start(p *TextToImage, r *sampler.Request, z, noise []float32, draw drawFunc) error {
	if m.held != nil {
		r.Inpaint = &sampler.Inpaint{Known: z, Mask: m.held.mask}
		m.held.clean = append(m.held.clean, z)
		m.held.noise = append(m.held.noise, slices.Clone(noise))
		m.held.conds = len(r.Conds)
		return nil
	}
	draw(noise, maskedDraw)
	x, err := m.post.Sample(noise)
	if err != nil {
		return err
	}
	p.vae.Scale(x)
	beside := append(slices.Clone(m.latent), x...)
	r.Conds = slices.Clone(r.Conds)
	for i, c := range r.Conds {
		text := *c.Cond.(*model.TextEmbedding)
		text.Beside = beside
		r.Conds[i].Cond = &text
	}
	return nil
}
