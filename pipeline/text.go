package pipeline

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sync"

	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/model/tokenizer"
)

// TextToImage is a latent diffusion model that draws what a text says (Rombach et al., 2022,
// arXiv:2112.10752): Stable Diffusion 1, 2 and XL, latent consistency models distilled from them, Stable Diffusion 3,
// FLUX.1 and PixArt. It is safe for concurrent use.
type TextToImage struct {
	info  TextInfo
	texts []textPart           // of CLIP: one, or two with Stable Diffusion XL and 3, the second alone with a refiner
	unet  *model.UNetCondition // nil with joint
	joint *joint               // in the place of unet, or nil
	vae   *model.Autoencoder
	sched textSchedule

	preview *model.Autoencoder // small, nil without one

	control int // residuals of the ControlNet in unet, 0 without one

	zeroNegative bool            // force_zeros_for_empty_prompt
	noT5         bool            // text_encoder_3 is null
	noFirst      bool            // text_encoder is null
	refiner      *TextToImage    // of Options.Refiner, or nil
	loras        []model.LoRAUse // while the parts are opened
	fingerprint  func() string   // of the denoiser, computed once, when first wanted
	place
}

// textPart is a text encoder with the tokenizer it was trained on.
type textPart struct {
	name    string // text_encoder, text_encoder_2
	tokens  *tokenizer.CLIP
	encoder *model.CLIPText // with the hidden states that the network was trained on
}

// TextInfo describes a text-to-image model.
type TextInfo struct {
	Name      string  // folder name
	Class     string  // of the diffusers pipeline
	Scheduler string  // class of the folder's scheduler, which samples when a request names no sampler
	Steps     int     // default steps
	Guidance  float64 // default scale
	LoRAs     []LoRA  // that were merged into it

	Height, Width int // default size in pixels
	Factor        int // sides of an image are multiples of it: 8 for Stable Diffusion
	Latents       int // channels of the latents

	XL bool // takes sizes beside the text
	// Aesthetic tells that it is a refiner, which takes an aesthetic score beside the text in the place of the target.
	Aesthetic bool
	Refiner   string // name of the refiner that it was opened with
	// Control tells that the model was opened with a ControlNet, and takes a control image.
	Control bool
	// Inpaint tells that the network takes a mask and the rest of the image beside the latents.
	Inpaint bool
	// Embedded tells that the network takes the guidance scale as an input, as latent consistency models
	// do: it is evaluated once a step whatever the scale, and negative prompts have no effect but with TextRequest.TrueGuidance.
	Embedded bool
}

// OpenText opens a diffusers folder of a text-to-image pipeline: one with model_index.json, tokenizer/,
// text_encoder/, unet/, vae/ and scheduler/, and for Stable Diffusion XL tokenizer_2/ and text_encoder_2/, which are its
// refiner's only ones. Those of Stable
// Diffusion 3, FLUX.1 and PixArt have transformer/ in the place of unet/, and T5 in the last of their text encoders,
// which a Stable Diffusion 3 may be without, and which is the only one of PixArt.
// No file outside the folder but those of [Options.LoRAs] is read, whatever the files say. On a GPU the denoiser runs
// there, and CLIP's text encoders and the autoencoder where they fit beside it, see [Options.Parts].
//
// Where no folder has that name, "org/model" and "org/model@revision" are models of the Hugging Face cache.
//
// A .safetensors file is a whole model of Stable Diffusion 1, 2 or XL in the layout of its own programs, see package
// singlefile; [Options] say where its tokenizer is.
//
// A folder or file that cannot be used gives an [*OpenError], which names the file or part.
func OpenText(dir string, o Options) (*TextToImage, error) {
	if isSingleFile(dir) {
		return openSingleFile(dir, o)
	}
	f, err := openModelFolder(dir)
	if err != nil {
		return nil, err
	}
	defer f.root.Close()
	return openText(f.root.FS(), f.dir, dir, f.name, o)
}

// OpenTextFS is [OpenText] for a file system, such as an embedded one.
func OpenTextFS(fsys fs.FS, dir string, o Options) (*TextToImage, error) {
	return openText(fsys, dir, dir, path.Base(dir), o)
}

func openText(fsys fs.FS, dir, shown, name string, o Options) (*TextToImage, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	p := &TextToImage{info: TextInfo{Name: name, LoRAs: slices.Clone(o.LoRAs)}}
	var err error
	if p.loras, err = openLoRAs(o.LoRAs); err != nil {
		return nil, err
	}
	if err := p.open(o.watch(fsys), dir); err != nil {
		return nil, &OpenError{Path: shown, Err: err}
	}
	p.loras = nil // merged
	p.fingerprint = sync.OnceValue(p.hash)
	if o.bfloat() {
		p.fingerprint() // of the weights as they are in the file
		if p.joint != nil && p.joint.t5 != nil {
			if err := p.joint.t5.encoder.Weights().UseBFloat16(); err != nil {
				return nil, &OpenError{Path: shown, Err: err}
			}
		}
	}
	if err := p.openDecoding(o, shown); err != nil {
		return nil, err
	}
	if err := p.openControl(o.ControlNet); err != nil {
		return nil, err
	}
	if p.place, err = openPlace(p.Network(), o); err != nil {
		return nil, err
	}
	err = p.openParts(p.partPlans(), o)
	if err == nil {
		err = p.openRefiner(o)
	}
	if err != nil {
		_ = p.Close() // what matters is why the part did not load
		return nil, err
	}
	return p, nil
}

// Info returns the model's description.
func (p *TextToImage) Info() TextInfo { return p.info }

// Network returns the denoiser.
func (p *TextToImage) Network() model.Network {
	if p.joint != nil {
		return p.joint.network()
	}
	return p.unet
}

// Autoencoder returns what makes pixels of latents.
func (p *TextToImage) Autoencoder() *model.Autoencoder { return p.vae }

// factor is how many pixels high and wide the autoencoder makes of one latent.
func (p *TextToImage) factor() (int, error) {
	const side = 16
	g := p.vae.Decoder().Graph()
	shapes, err := g.Shapes(side, side)
	if err != nil {
		return 0, err
	}
	out := shapes[g.Outputs[0]]
	if out.H != out.W || out.H < side || out.H%side != 0 {
		return 0, fmt.Errorf("vae: %dx%d pixels of %dx%d latents: want a multiple", out.H, out.W, side, side)
	}
	return out.H / side, nil
}
