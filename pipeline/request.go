package pipeline

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// Limits of a request.
const (
	MaxImages = 1 << 16
	// maxAllClasses is how many classes are drawn where none is asked for; the thousand of ImageNet are not.
	maxAllClasses = 100
)

// Request says what to sample. The zero value is one image of each class with the model's defaults, from
// seed 0.
type Request struct {
	Classes  []int  // labels; nil means every class of the model, if it has at most a hundred
	N        int    // images of each class; 0 means 1
	Negative *int   // label in the place of the unconditional one
	Seed     uint64 // of the first image; the i-th image has Seed+i
	// RNG is what draws the initial noise of a seed: "" is this program's own, the same on every device;
	// "torch-cpu" and "torch-cuda" repeat the seeds of other programs, see package torchrand, and what a sampler
	// adds later is our own. With "diffusers", on the CPU, that is drawn too as diffusers draws it from
	// torch.Generator().manual_seed(seed), a tensor a step: for DDPM, DDIM, TCD, LCM, Euler a and SDE-DPM-Solver++.
	RNG string

	Sampler  string  // see [sampler.Names]; "" means the model's
	Steps    int     // 0 means the usual number for the sampler, with the model's own sampler the model's
	Guidance float64 // scale; 0 means the model's default, 1 none
	Params   sampler.Params

	Schedule schedule.Curve    // spread of the noise levels
	Spacing  *schedule.Spacing // nil means the model's
	Clip     float64           // limit of the predicted clean sample; 0 means the model's, below 0 none

	Rescale   float64           // share of the rescaled guidance, see [sampler.WithRescale]; 0 is none
	Guiding   Guiding           // how guidance is done
	Brownian  bool              // noise along one path for all numbers of steps, see [sampler.WithBrownian]
	Threshold sampler.Threshold // dynamic thresholding in place of the clip; the zero value means the model's

	// Resume goes on with a run of this request that was saved, see [Step.Save]; nil begins.
	Resume *SavedRun
}

// job is a request with every default filled in.
type job struct {
	Request
	plan     *sampler.Plan
	classes  []int // of each image
	negative int   // -1: none
}

// resolve checks r and fills in the model's defaults.
func (p *Pipeline) resolve(r Request) (*job, error) {
	j := &job{Request: r, negative: p.info.NoClass}
	if j.Sampler == "" {
		j.Sampler = p.info.Sampler
	}
	entry, err := sampler.Lookup(j.Sampler)
	if err != nil {
		return nil, err
	}
	j.Sampler = entry.Name
	if err := p.resolveSteps(j, entry); err != nil {
		return nil, err
	}
	if err := p.resolveClasses(j); err != nil {
		return nil, err
	}
	if err := p.resolveGuidance(j); err != nil {
		return nil, err
	}
	if err := p.checkRNG(j.RNG, j.Brownian, ""); err != nil {
		return nil, err
	}
	if j.Spacing == nil {
		sp := p.spacing
		j.Spacing = &sp
	}
	var opts []sampler.Option
	clip := j.Clip
	if math.IsNaN(clip) || math.IsInf(float64(float32(clip)), 0) || clip != 0 && float32(clip) == 0 {
		return nil, &RequestError{Field: "clip", Value: clip, Want: "a positive limit, or a negative one for none"}
	}
	if clip == 0 {
		clip = p.clip
	}
	if clip > 0 {
		opts = append(opts, sampler.WithClip(clip))
	}
	if j.Threshold == (sampler.Threshold{}) && j.Clip == 0 {
		j.Threshold = p.threshold
	}
	guiding, err := j.Guiding.options(j.Guidance != 1 && j.Guidance != 0)
	if err != nil {
		return nil, err
	}
	opts = append(append(opts, sampler.WithRescale(j.Rescale), sampler.WithThreshold(j.Threshold)), guiding...)
	if j.Brownian {
		opts = append(opts, sampler.WithBrownian())
	}
	if entry.Name == "lcm" && j.Params.Original == 0 {
		j.Params.Original = p.lcm
	}
	g := schedule.Grid{Noise: p.noise, Steps: j.Steps, Spacing: *j.Spacing, Offset: p.offset, Curve: j.Schedule}
	if j.plan, err = entry.Plan(g, p.kind, j.Params, opts...); err != nil {
		return nil, err
	}
	if j.Resume != nil {
		if err := j.Resume.fits(p.Fingerprint(), p.parameters(j).String(), "", len(j.classes), j.plan); err != nil {
			return nil, err
		}
	}
	return j, nil
}

func (p *Pipeline) resolveSteps(j *job, e sampler.Entry) error {
	T := p.noise.Timesteps()
	if j.Steps < 0 || j.Steps > T {
		return &RequestError{Field: "steps", Value: j.Steps, Want: fmt.Sprintf("1 to %d", T)}
	}
	if j.Steps == 0 {
		j.Steps = e.Steps
		if e.Name == p.info.Sampler {
			j.Steps = p.info.Steps
		}
	}
	j.Steps = min(j.Steps, T)
	return nil
}

func (p *Pipeline) resolveClasses(j *job) error {
	if j.N < 0 {
		return &RequestError{Field: "n", Value: j.N, Want: "a positive number of images"}
	}
	n := max(j.N, 1)
	j.N = n
	labels := j.Request.Classes
	switch {
	case p.info.Classes == 0 && len(labels) > 0:
		return &RequestError{Field: "class", Value: labels, Want: "none: the model has no classes"}
	case p.info.Classes == 0:
		labels = []int{-1}
	case len(labels) == 0 && p.info.Classes > maxAllClasses:
		return &RequestError{Field: "class", Value: "not given", Want: p.classRange()}
	case len(labels) == 0:
		for c := range p.info.Classes {
			if c != p.info.NoClass {
				labels = append(labels, c)
			}
		}
	}
	if len(labels) > MaxImages/n {
		return &RequestError{Field: "n", Value: n, Want: fmt.Sprintf("at most %d images in all", MaxImages)}
	}
	for _, c := range labels {
		if p.info.Classes > 0 && (c < 0 || c >= p.info.Classes) {
			return &RequestError{Field: "class", Value: c, Want: p.classRange()}
		}
		for range n {
			j.classes = append(j.classes, c)
		}
	}
	return nil
}

func (p *Pipeline) classRange() string {
	if p.info.Classes == 0 {
		return "none: the model has no classes"
	}
	s := fmt.Sprintf("0 to %d", p.info.Classes-1)
	if p.info.NoClass >= 0 {
		s += fmt.Sprintf(" (%d is no class)", p.info.NoClass)
	}
	if n := len(p.info.ClassNames); n > 0 && n <= maxAllClasses {
		s += " or one of " + strings.Join(p.info.ClassNames, ", ")
	}
	return s
}

func (p *Pipeline) resolveGuidance(j *job) error {
	// The weights of the conditions, of which this is the largest in size, go to the device as float32.
	if w := math.Abs(j.Guidance) + 1; math.IsNaN(w) || math.IsInf(float64(float32(w)), 0) {
		return &RequestError{Field: "guidance", Value: j.Guidance, Want: "a finite number, 1 for none"}
	}
	if j.Negative != nil {
		if *j.Negative < 0 || *j.Negative >= p.info.Classes {
			return &RequestError{Field: "negative", Value: *j.Negative, Want: p.classRange()}
		}
		j.negative = *j.Negative
	}
	if j.Guidance == 0 {
		j.Guidance = p.info.Guidance
		if j.Negative != nil && j.Guidance == 1 {
			j.Guidance = 2 // a negative condition means nothing without guidance
		}
	}
	if j.Guidance != 1 && j.negative < 0 {
		return &RequestError{Field: "guidance", Value: j.Guidance,
			Want: "1: the model has no unconditional label; give a negative class for guidance"}
	}
	return nil
}

// ClassLabel returns the label of a class by its name (case, spaces and dashes do not matter) or number.
func (p *Pipeline) ClassLabel(name string) (int, error) {
	var n int
	if _, err := fmt.Sscanf(name, "%d", &n); err == nil && fmt.Sprint(n) == strings.TrimSpace(name) {
		if n < 0 || n >= p.info.Classes {
			return 0, &RequestError{Field: "class", Value: n, Want: p.classRange()}
		}
		return n, nil
	}
	found := -1
	for i, c := range p.info.ClassNames {
		if !hasName(c, name) {
			continue
		}
		if found >= 0 {
			return 0, &RequestError{Field: "class", Value: fmt.Sprintf("%.80q", name),
				Want: fmt.Sprintf("a number: %d and %d are called so", found, i)}
		}
		found = i
	}
	if found >= 0 {
		return found, nil
	}
	return 0, &RequestError{Field: "class", Value: fmt.Sprintf("%.80q", name), Want: p.classRange()}
}

// hasName tells whether a class is called name, which may be one of several names between commas.
func hasName(class, name string) bool {
	fold := strings.NewReplacer(" ", "", "-", "", "_", "").Replace
	return strings.EqualFold(fold(class), fold(name)) ||
		slices.ContainsFunc(strings.Split(class, ","), func(s string) bool { return strings.EqualFold(fold(s), fold(name)) })
}

// ClassName returns the name of a label, or its number.
func (p *Pipeline) ClassName(label int) string {
	switch {
	case label >= 0 && label < len(p.info.ClassNames):
		return p.info.ClassNames[label]
	case label == p.info.NoClass:
		return "no class"
	}
	return fmt.Sprint(label)
}

// requests returns the sampler's requests of a job, one for each image.
func (p *Pipeline) requests(j *job) ([]sampler.Request, error) {
	reqs := make([]sampler.Request, len(j.classes))
	for i, c := range j.classes {
		cond := p.cond(c)
		conds, err := sampler.Guide(cond, p.cond(j.negative), j.Guidance)
		if err != nil {
			return nil, err
		}
		reqs[i] = sampler.Request{Plan: j.plan, Conds: conds, Seed: j.Seed + uint64(i)}
		if j.RNG != "" && j.Resume == nil {
			reqs[i].Init = make([]float32, p.elems())
			drawer(j.RNG, reqs[i].Seed)(reqs[i].Init, 0)
		}
		if j.RNG == diffusersRNG {
			reqs[i].Noise = laterNoise(reqs[i].Seed, 1, j.plan)
		}
	}
	return reqs, j.Resume.resume(reqs)
}

func (p *Pipeline) cond(label int) sampler.Cond {
	if p.info.Classes == 0 {
		return nil
	}
	return model.Class(label)
}
