package pipeline

import (
	"fmt"
	"image"
	"math"
	"sync"

	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/pipeline/prompt"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// TextRequest says what to draw. The zero value is one image of the empty prompt with the model's defaults,
// from seed 0.
type TextRequest struct {
	Prompt   string
	Negative string // in the place of the empty prompt that guidance leads away from
	// Syntax is how both prompts are read: "" as the text that they are, cut to the tokens that the encoder takes,
	// as diffusers does, or [SyntaxA1111].
	Syntax string
	N      int    // images; 0 means 1
	Seed   uint64 // of the first image; the i-th image has Seed+i
	// RNG is what draws the initial noise of a seed, see [Request.RNG]. With "torch-cpu" an image has the
	// noise that diffusers draws for one image from torch.Generator().manual_seed(Seed).
	RNG string

	Height, Width int // pixels, multiples of TextInfo.Factor; 0 means the model's

	// Image is where to start from in place of noise (Meng et al., 2022, arXiv:2108.01073), of the size asked
	// for, which is its own if none is. Only the last Steps*Strength steps run, as in diffusers: rounded up for Stable
	// Diffusion 3 and FLUX.1, and down for others. Strength is above 0 and at most 1, where nothing of the image is left;
	// 0 means [DefaultStrength], with those two [DefaultFlowStrength], 0.3 for a refiner.
	Image    image.Image
	Strength float64
	// ExactSteps runs all Steps of a sampler that is named, on timesteps or noise levels that start where Strength
	// says, see [schedule.Grid.Strength]; timesteps may then lie between training timesteps. Of the folders'
	// schedulers LCM and TCD can, as diffusers' LCM pipelines have them, and FlowMatchEulerDiscreteScheduler, whose times
	// before the shift are those of Strength 1 times Strength.
	ExactSteps bool

	// DenoisingEnd ends the run before the timesteps below its share of all are reached, counted from the noise, as
	// diffusers' denoising_end: 0.8 leaves the last fifth of the training timesteps to another model. 0 is the end.
	// DenoisingStart is where that one goes on, from the Latents of [TextResult]; both have the same Steps, those of
	// the whole. Neither goes with a mask or with models of flows.
	DenoisingStart, DenoisingEnd float64
	Latents                      *NoisyLatents
	// RefinerSwitch is the share after which the refiner of [Options.Refiner] goes on, so that both draw an image:
	// 0 means [DefaultRefinerSwitch], 1 is no refiner. Prompt, sampler and guidance are the same for both.
	RefinerSwitch float64

	// Mask says what of Image to draw anew: an image of its size, white there (a luminance of a half or more). The
	// mask of a latent is that of its first pixel, and Strength is 1 if not given, where all starts from noise alone,
	// both as in diffusers. A network that was made for in-painting (TextInfo.Inpaint) needs a mask, and draws all of
	// the latents with a view of what stays. Of another, the latents that stay are the image's: each evaluation sees
	// them with the noise of its level, as in diffusers (with the network on a GPU as [sampler.Inpaint] has it, which
	// is the same for samplers without noise of their own but for the first step at strength 1).
	Mask image.Image
	// MaskBlur blurs the mask before it is made black and white, as diffusers' mask_processor.blur: a standard
	// deviation in pixels. It rounds corners and takes away what is thin.
	MaskBlur float64

	// Sampler is a name of [sampler.Names]. "", or TextInfo.Scheduler, is the folder's scheduler exactly as diffusers runs it; it
	// takes of Params Eta alone, and neither Schedule nor Spacing.
	Sampler  string
	Steps    int     // 0 means the usual number for the sampler
	Guidance float64 // scale; 0 means the model's default, 1 none
	// TrueGuidance is the scale of guidance away from Negative for a FLUX.1 that takes Guidance as an input, above 1:
	// diffusers' true_cfg_scale. 0 means none. Each step then takes two evaluations. Other models have Guidance for it.
	TrueGuidance float64
	Params       sampler.Params
	Schedule     schedule.Curve    // spread of the noise levels
	Spacing      *schedule.Spacing // nil means the scheduler's
	Brownian     bool              // noise along one path for all numbers of steps, see [sampler.WithBrownian]
	Rescale      float64           // share of the rescaled guidance, see [sampler.WithRescale]; 0 is none
	Guiding      Guiding           // how guidance is done

	// PAGScale is the scale of perturbed-attention guidance (Ahn et al., 2024, arXiv:2403.17377), which leads away from
	// what the network makes of the prompt with the self-attention of PAGLayers being the identity: usually 3, 0 is
	// none. PAGSkip are layers whose transformer blocks are left out as a whole (skip-layer guidance). Both are named as
	// [model.Perturbation] tells; with neither, PAGLayers is "mid".
	PAGScale           float64
	PAGLayers, PAGSkip []string

	// ClipSkip is how many of the text encoder's last blocks to leave out, beyond those that the model was
	// trained without, in both prompts (diffusers' clip_skip spares the negative one). The last norm of
	// Stable Diffusion 1 and 2 stays. A1111's "Clip skip" is one more.
	ClipSkip int

	// Control is the image that a ControlNet follows (Zhang et al., 2023, arXiv:2302.05543), such as edges or a depth,
	// already made for it: of the size asked for, which is its own if none is. ControlScale is diffusers'
	// controlnet_conditioning_scale; 0 means 1. ControlGuess is its guess mode: the ControlNet acts on the prompt
	// alone and not on the negative one, less in the first levels.
	Control      image.Image
	ControlScale float64
	ControlGuess bool

	// Sizes that Stable Diffusion XL takes beside the text, in pixels; X is the width. The zero values are
	// an image of the size asked for that was not cropped.
	Original, Target image.Point
	Crop             image.Point // left and top
	// Aesthetic and NegativeAesthetic are scores that a refiner takes in the place of Target (TextInfo.Aesthetic), from
	// about 1 to 10, for the prompt and the negative one; 0 means 6 and 2.5.
	Aesthetic, NegativeAesthetic float64

	// Resume goes on with a run of this request that was saved, see [TextStep.Save]; nil begins.
	Resume *SavedRun
}

// SyntaxA1111 reads weights in brackets and prompts that AND parts, each with a weight of its own (a cat AND a dog :0.5), and
// encodes a text of any length in chunks, as package prompt tells. A
// prompt of one chunk without brackets gives what Syntax "" gives. With Stable Diffusion 3 and FLUX.1 the weights act on
// the tokens of CLIP, where the network attends to them, and of T5, as ComfyUI has it (see [prompt.Lead]), and T5 takes one
// chunk of 255 tokens, or 511. A network that takes the guidance scale as an input composes nothing, and a weight of the
// whole prompt is refused there but beside TrueGuidance.
const SyntaxA1111 = "a1111"

// maxTextImages bounds the images of a request: their latents and texts are held together.
const maxTextImages = 1 << 10

// maxTextSide bounds the sides of an image in pixels.
const maxTextSide = 1 << 13

// textJob is a request with every default filled in.
type textJob struct {
	TextRequest
	plan  *sampler.Plan
	shape [3]int        // of the latents
	parts []prompt.Part // of the prompt, then the negative one of a guided job
	// chunks are those of the texts for each text encoder, see promptChunks.
	chunks [][][]prompt.Chunk
	t5     []t5Text // of each part, of a flow with T5
	// perturbed is the network of perturbed-attention guidance, nil without it.
	perturbed *model.UNetCondition
	pictures  func() string // [SavedRun.Pictures], computed once, when first wanted

	end     float64        // DenoisingEnd, or the switch to a refiner
	level   schedule.Point // where it ends
	refines bool           // the job of a refiner, whose latents come later
	refined *textJob       // that of the refiner, or nil
}

func (j *textJob) elems() int { return j.shape[0] * j.shape[1] * j.shape[2] }

// resolve checks r and fills in the model's defaults.
func (p *TextToImage) resolve(r TextRequest) (*textJob, error) {
	return p.resolveJob(&textJob{TextRequest: r})
}

func (p *TextToImage) resolveJob(j *textJob) (*textJob, error) {
	if j.N == 0 && j.Latents != nil {
		j.N = len(j.Latents.Samples)
	}
	if j.N < 0 || j.N > maxTextImages {
		return nil, &RequestError{Field: "n", Value: j.N, Want: fmt.Sprintf("1 to %d images", maxTextImages)}
	}
	j.N = max(j.N, 1)
	other := ""
	switch {
	case j.RefinerSwitch > 0:
		other = "with a refiner"
	case j.Resume != nil && j.Image != nil:
		other = "where the run of an image is resumed"
	}
	if err := p.checkRNG(j.RNG, j.Brownian, other); err != nil {
		return nil, err
	}
	for _, check := range []func(*textJob) error{p.resolveJoint, p.resolveSwitch, p.resolveRange, p.resolveMask, p.resolveImage,
		p.resolveControl, p.resolveSize, p.resolveAesthetic, p.resolveGuidance, p.resolveText, p.resolveT5, p.resolvePlan, p.resolvePAG, p.resolveRefined} {
		if err := check(j); err != nil {
			return nil, err
		}
	}
	j.pictures = sync.OnceValue(j.hashPictures)
	if j.Resume != nil {
		if err := j.Resume.fits(p.fingerprint(), p.parameters(j).String(), j.pictures(), j.N, j.plan); err != nil {
			return nil, err
		}
	}
	return j, nil
}

func (p *TextToImage) resolveSize(j *textJob) error {
	f := p.info.Factor
	for _, side := range []struct {
		field string
		v     *int
		def   int
	}{{"height", &j.Height, p.info.Height}, {"width", &j.Width, p.info.Width}} {
		if *side.v == 0 {
			*side.v = side.def
		}
		if v := *side.v; v < f || v > maxTextSide || v%f != 0 {
			return &RequestError{Field: side.field, Value: v,
				Want: fmt.Sprintf("a multiple of %d from %d to %d", f, f, maxTextSide)}
		}
	}
	j.shape = [3]int{p.info.Latents, j.Height / f, j.Width / f}
	// Only building the network for a size tells whether its levels fit it.
	if err := p.fitsSize(j.shape[1], j.shape[2]); err != nil {
		return &RequestError{Field: "size", Value: fmt.Sprintf("%dx%d", j.Width, j.Height),
			Want: fmt.Sprintf("one that the network takes: %v", err)}
	}
	size := image.Pt(j.Width, j.Height)
	for _, s := range []struct {
		field string
		v     *image.Point
		def   image.Point
	}{{"original size", &j.Original, size}, {"target size", &j.Target, size}, {"crop", &j.Crop, image.Point{}}} {
		if *s.v != (image.Point{}) && !p.info.XL {
			return &RequestError{Field: s.field, Value: *s.v, Want: "none: only Stable Diffusion XL takes it"}
		}
		if s.v.X < 0 || s.v.Y < 0 || s.v.X > maxSizeID || s.v.Y > maxSizeID {
			return &RequestError{Field: s.field, Value: *s.v, Want: fmt.Sprintf("0 to %d pixels", maxSizeID)}
		}
		if *s.v == (image.Point{}) {
			*s.v = s.def
		}
	}
	return nil
}

// maxSizeID bounds the sizes beside a text: they are embedded as times are, in float32.
const maxSizeID = 1 << 20

func (p *TextToImage) resolveGuidance(j *textJob) error {
	// The weights of the conditions, of which this is the largest in size, go to the device as float32.
	if w := math.Abs(j.Guidance) + 1; math.IsNaN(w) || math.IsInf(float64(float32(w)), 0) {
		return &RequestError{Field: "guidance", Value: j.Guidance, Want: "a finite number, 1 for none"}
	}
	if j.Guidance == 0 {
		j.Guidance = p.info.Guidance
	}
	if j.TrueGuidance != 0 {
		return p.resolveTrue(j)
	}
	if p.info.Embedded && j.Negative != "" {
		want := "none: the network takes the guidance scale as an input and knows no negative prompt"
		if p.joint != nil {
			want = "none without a true guidance: the network takes the guidance scale as an input"
		}
		return &RequestError{Field: "negative", Value: fmt.Sprintf("%.40q", j.Negative), Want: want}
	}
	return nil
}
