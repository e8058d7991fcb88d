package pipeline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"io/fs"
	"path"
	"sync"

	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/model/bundled"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/sampler/diffusers"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// Pipeline is an opened model with its schedule and a device. It is safe for concurrent use.
type Pipeline struct {
	info    Info
	network model.Network
	vae     *model.Autoencoder // of a network of latents, nil for one of pixels
	noise   *schedule.Noise
	kind    schedule.Kind
	clip    float64

	threshold sampler.Threshold
	spacing   schedule.Spacing
	offset    int
	lcm       int // timesteps of the distillation, 0 for a model that was not distilled
	place

	fingerprint func() string // computed once, when first wanted
}

// Info describes a model.
type Info struct {
	Name       string   // folder name
	ClassNames []string // by label; nil when the model does not say
	Classes    int      // labels, the unconditional one included; 0 for a model without classes
	NoClass    int      // the unconditional label, -1 if there is none
	Sampler    string   // default sampler
	Steps      int      // default steps
	Guidance   float64  // default scale

	Height, Width int // of an image in pixels
}

// Options of opening. The zero value is the CPU with all cores.
type Options struct {
	// Device is "cpu", or "cuda:0" for the first GPU in programs that are built with the tag cuda. ""
	// and "auto" choose: the CPU, until networks have been run on real GPUs. With Network "cpu" samples are
	// the same bits on all of them; a network on a GPU rounds in another order.
	Device  string
	Threads int // of the CPU, 0: as many as GOMAXPROCS

	// Precision of the network on a GPU: "fp32" (also ""), "fp16" or "bf16". On the CPU it is "fp32", or "bf16" for
	// matrices in bfloat16, of the denoiser and of the networks beside it: half the memory, and 1.5 to 3 times the speed on
	// processors with AMX; results are a few thousandths of their scale off. See [model.Weights.UseBFloat16].
	Precision string
	// Network is where the network runs: "device" (also "") or "cpu", which copies every evaluation to
	// the host and back, and needs no cuDNN.
	Network string
	// Parts is where the networks beside the denoiser run, the autoencoder and CLIP's text encoders, with a GPU. ""
	// is the GPU where the denoiser runs there, for those that it can run and has the memory for beside the denoiser, and
	// the CPU for the others: Parts of the pipeline tells. What needs more memory in a later run, as a large image may, runs
	// on the CPU then, and where the denoiser finds no memory the parts give way to it. "device" gives an error in all
	// these cases, a [*PartError] of a part; "cpu" is the CPU. On a GPU they have the type of Precision, but where a
	// config.json of Stable Diffusion XL has force_upcast its autoencoder has fp32 in the place of fp16, as in diffusers.
	Parts string
	// ControlNet is the folder of a ControlNetModel for text-to-image models, "" for none. It runs with the
	// denoiser, in the same graph on a GPU, and takes [TextRequest.Control].
	ControlNet string
	// Refiner is the folder of a model that goes on where a text-to-image model leaves off, "" for none, such as the
	// refiner of Stable Diffusion XL: see [TextRequest.RefinerSwitch]. It is opened with the same options, without the
	// ControlNet and the LoRAs, and on a GPU beside the model.
	Refiner string
	// LoRAs are merged into the weights of text-to-image models, in order.
	LoRAs []LoRA
	// Plans is a file made by cudiffuse compile; without one cuDNN's plans come from the user's cache
	// folder, and are made where they are not there.
	Plans string
	// Autotune times that many of cuDNN's plans of each layer on the GPU and keeps the fastest; 0 takes
	// the one that cuDNN ranks first, which repeats bit for bit.
	Autotune int

	// Tiling makes the autoencoder work in overlapping tiles on images that are larger than one, as diffusers'
	// enable_tiling does, so that it takes no more memory than for one tile; see [model.Autoencoder.WithTiling].
	Tiling bool
	// TileSize is the side of a tile in pixels; 0 is the size that the autoencoder was made for.
	TileSize int
	// PreviewModel is the folder of a small autoencoder (AutoencoderTiny) for [TextStep.QuickPreview], "" for none.
	PreviewModel string
	// Safety is called with every finished image before it is returned, where it is not nil; none is bundled. Its
	// error ends the job as a [*SafetyError]. It is called from many goroutines if the pipeline is used by many.
	// Previews of steps before the last are not shown to it.
	Safety func(image.Image) error

	// Tokenizer is for a model in one file, which holds none: a folder with vocab.json and merges.txt, or
	// tokenizer.json, or a diffusers folder; "" looks in the folder of the file. "org/model" is looked for in the
	// Hugging Face cache where no folder is called so.
	Tokenizer string
	// Variant of a model in one file: "v1", "v2" (768 pixels, predicts v), "v2-base" (512 pixels) or "xl"; ""
	// tells by the file, in which the two of Stable Diffusion 2 often look the same: "v2" then.
	Variant string

	// Loading is called while the weights of the model's folder or file are read, where it is not nil; an error
	// ends that, and is the cause of the [*OpenError].
	Loading model.LoadProgress
}

// watch is fsys with the progress of loading reported.
func (o *Options) watch(fsys fs.FS) fs.FS {
	if o.Loading == nil {
		return fsys
	}
	return model.WithLoadProgress(fsys, o.Loading)
}

// maxJSON bounds the JSON files of a model folder.
const maxJSON = 1 << 20

// Bundled opens the bundled class-conditional Fashion-MNIST model.
func Bundled(o Options) (*Pipeline, error) { return OpenFS(bundled.FS(), bundled.Fashion, o) }

// BundledLCM opens its student for the LCM sampler (1 to 8 steps, no guidance).
func BundledLCM(o Options) (*Pipeline, error) { return OpenFS(bundled.FS(), bundled.FashionLCM, o) }

// Open opens a diffusers folder of an unconditional or class-conditional UNet2DModel: one with
// model_index.json, unet/ and scheduler/, or the network's own folder (then with the DDPM schedule); or that
// of a DiTPipeline, with model_index.json, transformer/, vae/ and scheduler/, see [Options.Parts]. No file outside the
// folder is read, whatever the files say. Where no folder has that name, "org/model" and "org/model@revision" are models
// of the Hugging Face cache.
func Open(dir string, o Options) (*Pipeline, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	f, err := openModelFolder(dir)
	if err != nil {
		return nil, err
	}
	defer f.root.Close()
	p := &Pipeline{info: Info{Name: f.name}}
	if err := p.openNetwork(o.watch(f.root.FS()), f.dir); err != nil {
		return nil, &OpenError{Path: dir, Err: err}
	}
	return p.finish(f.root.FS(), f.dir, dir, o)
}

// OpenFS is Open for a file system, such as an embedded one.
func OpenFS(fsys fs.FS, dir string, o Options) (*Pipeline, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	p := &Pipeline{info: Info{Name: path.Base(dir)}}
	if err := p.openNetwork(o.watch(fsys), dir); err != nil {
		return nil, &OpenError{Path: dir, Err: err}
	}
	return p.finish(fsys, dir, dir, o)
}

// drawable refuses, before any work, a network whose samples are not images or that cannot be sampled.
func (p *Pipeline) drawable() error {
	if c := p.network.Channels(); p.vae == nil && c != 1 && c != 3 {
		return fmt.Errorf("the network has %d channels: want 1 (grey) or 3 (red, green, blue)", c)
	}
	if u, ok := p.network.(*model.UNet2D); ok {
		if e := u.Config().ClassEmbedding; e != model.ClassNone && e != model.ClassTable {
			return errors.New("the network takes embeddings in place of class labels: want num_class_embeds")
		}
	}
	_, err := onHost(p.network, nil)
	return err
}

func (p *Pipeline) finish(fsys fs.FS, dir, shown string, o Options) (*Pipeline, error) {
	if err := errors.Join(noControl(o), noRefiner(o)); err != nil {
		return nil, err
	}
	if err := noLoRAs(o); err != nil {
		return nil, err
	}
	if err := p.schedule(fsys, dir); err != nil {
		return nil, &OpenError{Path: shown, Err: err}
	}
	if err := p.describe(fsys, dir); err != nil {
		return nil, &OpenError{Path: shown, Err: err}
	}
	if err := p.openClassDecoding(o, shown); err != nil {
		return nil, err
	}
	if err := p.drawable(); err != nil {
		return nil, &OpenError{Path: shown, Err: err}
	}
	p.fingerprint = sync.OnceValue(p.hash)
	if o.bfloat() {
		p.fingerprint() // of the weights as they are in the file
	}
	var err error
	if p.place, err = openPlace(p.network, o); err != nil {
		return nil, err
	}
	if p.vae == nil {
		return p, nil
	}
	if err := p.openParts(p.partPlans(), o); err != nil {
		_ = p.Close() // what matters is why the part did not load
		return nil, err
	}
	return p, nil
}

// Info returns the model's description.
func (p *Pipeline) Info() Info { return p.info }

// Network returns the network, a [*model.UNet2D] or a [*model.DiT].
func (p *Pipeline) Network() model.Network { return p.network }

func readJSON(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxJSON+1))
	if err == nil && len(b) > maxJSON {
		err = fmt.Errorf("%s: more than %d bytes", name, maxJSON)
	}
	return b, err
}

// schedule reads scheduler/scheduler_config.json; without one the DDPM defaults hold.
func (p *Pipeline) schedule(fsys fs.FS, dir string) error {
	b, err := readJSON(fsys, path.Join(dir, "scheduler", "scheduler_config.json"))
	if errors.Is(err, fs.ErrNotExist) {
		if p.vae != nil {
			return errNoScheduler
		}
		b, err = []byte(`{"_class_name": "DDPMScheduler"}`), nil
	}
	if err != nil {
		return err
	}
	s, err := diffusers.Parse(bytes.NewReader(b))
	if err != nil {
		return err
	}
	if p.noise, err = s.Noise(); err != nil {
		return err
	}
	if p.kind, err = s.Kind(); err != nil {
		return err
	}
	if p.kind == schedule.Velocity {
		return errors.New("scheduler: flow_prediction is not supported yet: " +
			"want epsilon, v_prediction or sample")
	}
	p.clip, p.threshold, p.lcm = s.Clip(), s.Threshold(), s.OriginalSteps()
	p.spacing, p.offset = s.Spacing()
	return p.kind.Check(p.noise)
}

// modelIndex is what model_index.json may say beyond diffusers: names and the unconditional label.
type modelIndex struct {
	Cudiffuse struct {
		ClassNames []string `json:"class_names"`
		NoClass    *int     `json:"no_class"`
	} `json:"_cudiffuse"`
}

func (p *Pipeline) describe(fsys fs.FS, dir string) error {
	in := &p.info
	in.Classes, in.NoClass = p.network.Classes(), -1
	in.Sampler, in.Steps, in.Guidance = "dpmpp_2m", 20, 1
	b, err := readJSON(fsys, path.Join(dir, "model_index.json"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var index modelIndex
	if err == nil {
		if err := json.Unmarshal(b, &index); err != nil {
			return fmt.Errorf("model_index.json: %w", err)
		}
	}
	if d, ok := p.network.(*model.DiT); ok {
		if err := p.describeClasses(d, b); err != nil {
			return err
		}
	}
	extra := index.Cudiffuse
	if extra.NoClass != nil {
		if *extra.NoClass < 0 || *extra.NoClass >= in.Classes {
			return fmt.Errorf("model_index.json: no_class %d: want 0 to %d", *extra.NoClass, in.Classes-1)
		}
		in.NoClass, in.Guidance = *extra.NoClass, 2
	}
	if len(extra.ClassNames) > in.Classes {
		return fmt.Errorf("model_index.json: %d class_names: want at most %d", len(extra.ClassNames), in.Classes)
	}
	if extra.ClassNames != nil {
		in.ClassNames = extra.ClassNames
	}
	if p.lcm > 0 {
		in.Sampler, in.Steps, in.Guidance = "lcm", 4, 1
	}
	return nil
}
