package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image"
	"slices"
	"strings"

	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// SavedRun is a request in mid-run: the state of each of its images, and what tells the request and the model that it
// goes on with. [Step.Save] and [TextStep.Save] make one; it goes on as [Request.Resume] or [TextRequest.Resume], in
// another process or on another kind of device, and ends with the bits of a run that was not interrupted, wherever the
// network gives the same bits.
//
// The request itself is not in it: what the network is conditioned on is made again from the request that resumes. One
// that does not fit is refused with a [*RequestError] whose field begins with "resume".
//
// Its binary form is made by [SavedRun.MarshalBinary] and read by [ReadSavedRun].
type SavedRun struct {
	Model      string // what tells the network, see [Pipeline.Fingerprint]
	Parameters string // of the request, as in pictures: see [Parameters.String] and [TextParameters.String]
	Pictures   string // SHA-256 of the pixels of image, mask and control image of a text's request, "" without any
	States     []*sampler.State
}

// Save returns what the run is after this step: one read-back of a few registers of each image.
func (s Step) Save() (*SavedRun, error) {
	if s.p == nil { // the step beside an error
		return nil, sampler.ErrClosed
	}
	r, err := saveStates(s.s, len(s.j.classes))
	if err != nil {
		return nil, err
	}
	r.Model, r.Parameters = s.p.Fingerprint(), s.p.parameters(s.j).String()
	return r, nil
}

// Save returns what the run is after this step: one read-back of a few registers of each image.
func (s TextStep) Save() (*SavedRun, error) {
	if s.p == nil {
		return nil, sampler.ErrClosed
	}
	if s.j.refined != nil || s.j.refines {
		return nil, &RequestError{Field: "refiner switch", Value: s.j.RefinerSwitch, Want: "1 in a run that is saved, which is of one model"}
	}
	r, err := saveStates(s.s, s.j.N)
	if err != nil {
		return nil, err
	}
	r.Model, r.Parameters, r.Pictures = s.p.fingerprint(), s.p.parameters(s.j).String(), s.j.pictures()
	return r, nil
}

func saveStates(s sampler.Step, n int) (*SavedRun, error) {
	r := &SavedRun{States: make([]*sampler.State, n)}
	for i := range r.States {
		var err error
		if r.States[i], err = s.Save(i); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Done returns how many of the sampler's own steps are done, and of how many.
func (s Step) Done() (done, total int) { return s.s.Done(0) }

// Done returns how many of the sampler's own steps are done, and of how many.
func (s TextStep) Done() (done, total int) { return s.s.Done(0) }

// stage returns how many stages of each image are done.
func (r *SavedRun) stage() int {
	if r == nil || len(r.States) == 0 {
		return 0
	}
	return r.States[0].Stage
}

// fits tells what about r does not fit a run of n images by the model, with these parameters and pictures. That the
// plans, the seeds and the sizes are the same in every bit is left to the sampler.
func (r *SavedRun) fits(model, parameters, pictures string, n int, plan *sampler.Plan) error {
	fail := func(field string, v any, format string, a ...any) error {
		return &RequestError{Field: "resume: " + field, Value: v, Want: fmt.Sprintf(format, a...)}
	}
	if r.Model != model {
		return fail("model", fmt.Sprintf("%.40q", model), "%.40q, with which the run was saved", r.Model)
	}
	if err := sameParameters(r.Parameters, parameters); err != nil {
		return err
	}
	if r.Pictures != pictures {
		return fail("image, mask or control image", "other than before", "those with which the run was saved")
	}
	if len(r.States) != n {
		return fail("images", n, "%d, as were saved", len(r.States))
	}
	for i, s := range r.States {
		if s == nil {
			return fail("state", "nil", "one of image %d", i)
		}
		if first := r.States[0].Stage; s.Stage != first || first < 0 || first > len(plan.Stages) {
			return fail("stage", s.Stage, "one of 0 to %d, the same for all images", len(plan.Stages))
		}
	}
	return nil
}

// resume sets what goes on. A part that is known keeps its bits, which the autoencoder of another device may not give.
func (r *SavedRun) resume(reqs []sampler.Request) error {
	if r == nil {
		return nil
	}
	for i, s := range r.States {
		if a, b := s.Inpaint, reqs[i].Inpaint; a != nil && b != nil {
			if !slices.Equal(a.Mask, b.Mask) {
				return &RequestError{Field: "resume: mask", Value: "other than before", Want: "that with which the run was saved"}
			}
			reqs[i].Inpaint = a
		}
		reqs[i].Resume, reqs[i].Init = s, nil
	}
	return nil
}

// evaluations returns how often the network is evaluated for an image of so many conditions.
func (r *SavedRun) evaluations(p *sampler.Plan, conds int) int {
	left := sampler.Plan{Stages: p.Stages[r.stage():]}
	return left.NetworkRows(conds)
}

// notSampled are the settings that say how a picture is shown, and the names of what [SavedRun.Model] tells.
var notSampled = []string{"Version", "Model", "Model hash", "VAE tile"}

// sameParameters compares the texts of two requests and names the first setting that differs.
func sameParameters(saved, now string) error {
	if saved == now {
		return nil
	}
	a, b := splitParameters(saved), splitParameters(now)
	was := map[string]string{}
	for _, s := range a {
		was[s.key] = s.value
	}
	fail := func(key, is, want string) error {
		shown := func(v string) string {
			if v == "" {
				return "none"
			}
			return fmt.Sprintf("%.80q", v)
		}
		return &RequestError{Field: "resume: " + strings.ToLower(key), Value: shown(is), Want: shown(want) + ", with which the run was saved"}
	}
	for _, s := range b {
		if want := was[s.key]; want != s.value && !slices.Contains(notSampled, s.key) {
			return fail(s.key, s.value, want)
		}
		delete(was, s.key)
	}
	for _, s := range a {
		if want, left := was[s.key]; left && !slices.Contains(notSampled, s.key) {
			return fail(s.key, "", want)
		}
	}
	return nil
}

type setting struct{ key, value string }

// splitParameters takes a text of parameters apart: what is before the settings, and those.
func splitParameters(text string) []setting {
	head, line, ok := cutLast(text, "\n")
	if !ok {
		head, line = "", text
	}
	positive, negative, _ := strings.Cut("\n"+head, "\n"+negativePrompt)
	all := []setting{{"Prompt or classes", strings.TrimPrefix(positive, "\n")}, {"Negative", negative}}
	for line != "" {
		key, value, rest, err := nextSetting(line)
		if err != nil {
			return append(all, setting{"Parameters", line})
		}
		all, line = append(all, setting{key, value}), rest
	}
	return all
}

// hash returns 12 hex digits of a SHA-256 over what tells the denoiser from others of its kind: the shapes of all
// weights, and the values of the small ones, such as biases and norms. The large ones are gigabytes.
func (p *TextToImage) hash() string {
	const small = 1 << 14
	h := sha256.New()
	var buf [4096]byte
	net := p.Network()
	for i, param := range net.Graph().Params {
		fmt.Fprintln(h, param.Name, param.Shape)
		if param.Len() <= small {
			net.Weights().Use(model.ParamID(i), func(v []float32) { hashValues(h, v, buf[:]) })
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:6])
}

// hashPictures is a SHA-256 of the pixels of a request.
func (j *textJob) hashPictures() string {
	if j.Image == nil && j.Mask == nil && j.Control == nil {
		return ""
	}
	h := sha256.New()
	var buf [4096]byte
	for _, img := range []image.Image{j.Image, j.Mask, j.Control} {
		if img == nil {
			fmt.Fprintln(h, "none")
			continue
		}
		fmt.Fprintln(h, img.Bounds().Size())
		hashValues(h, unitPlanes(img), buf[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}
