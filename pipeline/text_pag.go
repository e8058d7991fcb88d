package pipeline

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// defaultPAGLayer is diffusers' pag_applied_layers.
const defaultPAGLayer = "mid"

// resolvePAG checks perturbed-attention guidance and makes the network for it.
func (p *TextToImage) resolvePAG(j *textJob) error {
	bad := func(field string, v any, format string, args ...any) error {
		return &RequestError{Field: field, Value: v, Want: fmt.Sprintf(format, args...)}
	}
	if j.PAGScale == 0 {
		if len(j.PAGLayers)+len(j.PAGSkip) > 0 {
			return bad("pag scale", 0, "a positive number, usually 3, beside layers to perturb")
		}
		return nil
	}
	// The largest weight of a condition, which goes to the device as float32.
	if w := math.Abs(j.Guidance) + j.PAGScale; !(j.PAGScale > 0) || math.IsInf(float64(float32(w)), 0) {
		return bad("pag scale", j.PAGScale, "a positive number, usually 3; 0 for none")
	}
	switch {
	case p.unet == nil:
		return bad("pag scale", j.PAGScale, "none: only U-Nets can be perturbed")
	case len(j.parts) > 2:
		return bad("pag scale", j.PAGScale, "none for prompts that AND parts, of which it would perturb one")
	case j.plan != nil && j.plan.Projection != nil:
		return bad("pag scale", j.PAGScale, "none with guidance of type %s, which is of two outputs", j.Guiding.Type)
	}
	if len(j.PAGLayers)+len(j.PAGSkip) == 0 {
		j.PAGLayers = []string{defaultPAGLayer}
	}
	var err error
	if p.net != nil {
		_, err = p.unet.Replacements(j.perturbation())
	} else {
		j.perturbed, err = p.unet.Perturb(j.perturbation())
	}
	if refused := (*model.InputError)(nil); errors.As(err, &refused) {
		return bad("pag layers", fmt.Sprintf("%.80q", slices.Concat(j.PAGLayers, j.PAGSkip)), "layers of the network: %s", refused.Detail)
	}
	return err
}

// perturbation is that of a job with perturbed-attention guidance.
func (j *textJob) perturbation() model.Perturbation {
	return model.Perturbation{Identity: j.PAGLayers, Skip: j.PAGSkip}
}

// perturb adds perturbed-attention guidance at scale p (Ahn et al., 2024, arXiv:2403.17377; diffusers,
// PAGMixin._apply_perturbed_attention_guidance) to the conditions of a prompt at guidance scale s:
//
//	m = uncond + s*(cond - uncond) + p*(cond - perturbed)
//	  = (s+p)*cond - p*perturbed + (1-s)*uncond
//
// Without guidance s is 1. Samplers that look at the last condition by itself find cond there then, as they do without p.
func (j *textJob) perturb(conds []sampler.Weighted) []sampler.Weighted {
	if j.PAGScale == 0 {
		return conds
	}
	cond := conds[0]
	text := cond.Cond.(*model.TextEmbedding)
	perturbed := *text
	perturbed.Perturbed = true
	out := []sampler.Weighted{{Weight: cond.Weight + j.PAGScale, Cond: text}, {Weight: -j.PAGScale, Cond: &perturbed}}
	if len(conds) == 1 && usesLast(j.plan) {
		return append(out, sampler.Weighted{Cond: text})
	}
	return append(out, conds[1:]...)
}

// pagConditions is how many conditions perturb adds.
func (j *textJob) pagConditions(guided bool) int {
	switch {
	case j.PAGScale == 0:
		return 0
	case !guided && usesLast(j.plan):
		return 2
	}
	return 1
}

// usesLast tells whether a plan takes the prediction of the last condition by itself, as CFG++ does.
func usesLast(plan *sampler.Plan) bool {
	for _, st := range plan.Stages {
		if st.X.Unc != 0 || st.Base != nil && st.Base.Unc != 0 || st.Push != nil && st.Push.Unc != 0 {
			return true
		}
	}
	return false
}

// pagSettings are those of a request with perturbed-attention guidance.
func (r TextRequest) pagSettings() (set []string) {
	if r.PAGScale == 0 {
		return nil
	}
	set = append(set, "PAG scale: "+formatNumber(r.PAGScale))
	for _, x := range []struct {
		key    string
		layers []string
	}{{"PAG layers", r.PAGLayers}, {"PAG skip", r.PAGSkip}} {
		if len(x.layers) > 0 {
			set = append(set, x.key+": "+quote(strings.Join(x.layers, " ")))
		}
	}
	return set
}

// takePAG reads them back.
func (r *TextRequest) takePAG(take func(key string, set func(v string) error)) {
	take("PAG scale", func(v string) (err error) {
		r.PAGScale, err = strconv.ParseFloat(v, 64)
		return err
	})
	take("PAG layers", func(v string) error { r.PAGLayers = strings.Fields(v); return nil })
	take("PAG skip", func(v string) error { r.PAGSkip = strings.Fields(v); return nil })
}
