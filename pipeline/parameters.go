package pipeline

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// Parameters is what repeats a result bit for bit. Its text is the `parameters` convention of A1111's
// programs: a line for the prompt (here the classes), one for the negative prompt, and one of settings.
type Parameters struct {
	Request
	Model string // name of the model
	Hash  string // see [Pipeline.Fingerprint]
	Size  string // "28x28"
	Extra map[string]string
}

func (p *Pipeline) parameters(j *job) Parameters {
	r := j.Request
	r.Resume = nil
	if p.info.Classes > 0 && r.Classes == nil {
		for i := 0; i < len(j.classes); i += r.N {
			r.Classes = append(r.Classes, j.classes[i])
		}
	}
	return Parameters{Request: r, Model: p.info.Name, Hash: p.Fingerprint(),
		Size: fmt.Sprintf("%dx%d", p.info.Width, p.info.Height)}
}

// Fingerprint returns 12 hex digits of a SHA-256 over what a result depends on beside the request: the
// weights' values, the noise schedule and the model's defaults. So nothing is repeated with another model of
// the same name.
func (p *Pipeline) Fingerprint() string { return p.fingerprint() }

func (p *Pipeline) hash() string {
	h := sha256.New()
	var buf [4096]byte
	hashWeights(h, p.network, buf[:])
	if p.vae != nil {
		hashWeights(h, p.vae.Decoder(), buf[:])
		fmt.Fprint(h, p.vae.Config().ScalingFactor, p.vae.Config().ShiftFactor)
	}
	for t := range p.noise.Timesteps() {
		h.Write(binary.LittleEndian.AppendUint64(buf[:0], math.Float64bits(p.noise.AlphaBar(t))))
	}
	fmt.Fprint(h, p.kind, p.clip, p.offset, p.lcm, p.info.NoClass)
	return hex.EncodeToString(h.Sum(nil)[:6])
}

// String returns the text of the `parameters` convention.
func (p Parameters) String() string {
	var b strings.Builder
	if len(p.Classes) > 0 {
		fmt.Fprintf(&b, "class %s\n", joinInts(p.Classes))
	}
	if p.Negative != nil {
		fmt.Fprintf(&b, "Negative prompt: class %d\n", *p.Negative)
	}
	set := []string{"Steps: " + strconv.Itoa(p.Steps), "Sampler: " + quote(p.Sampler),
		"Schedule type: " + p.Schedule.String()}
	if p.Guidance != 0 { // 0 is the model's default, so that leaving it out says the same
		set = append(set, "CFG scale: "+formatNumber(p.Guidance))
	}
	set = append(set, "Seed: "+strconv.FormatUint(p.Seed, 10), "Size: "+quote(p.Size), "Model: "+quote(p.Model),
		"Model hash: "+quote(p.Hash), "Images per class: "+strconv.Itoa(p.N))
	set = append(set, p.options()...)
	for _, k := range extraKeys {
		if v, ok := p.Extra[k]; ok {
			set = append(set, k+": "+quote(v))
		}
	}
	b.WriteString(strings.Join(append(set, "Version: cudiffuse "+Version), ", "))
	return b.String()
}

func formatNumber(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// options are the settings that are left out where they have their zero value.
func (p Parameters) options() (set []string) {
	if p.Spacing != nil {
		set = append(set, "Spacing: "+p.Spacing.String())
	}
	optional := func(key string, v float64) {
		if v != 0 {
			set = append(set, key+": "+formatNumber(v))
		}
	}
	if p.Params.Eta != nil {
		set = append(set, "Eta: "+formatNumber(*p.Params.Eta))
	}
	if p.RNG != "" {
		set = append(set, "RNG: "+quote(p.RNG))
	}
	optional("Clip", p.Clip)
	optional("CFG rescale", p.Rescale)
	if g := p.Guiding; g.Type != "" {
		set = append(set, "Guidance type: "+quote(g.Type))
	}
	optional("Guidance eta", p.Guiding.Eta)
	optional("Guidance norm", p.Guiding.Norm)
	optional("Guidance momentum", p.Guiding.Momentum)
	optional("Guidance start", p.Guiding.Start)
	optional("Guidance stop", p.Guiding.Stop)
	optional("Zero init steps", float64(p.Guiding.ZeroInit))
	optional("Dynamic threshold", p.Threshold.Quantile)
	optional("Dynamic threshold max", p.Threshold.Max)
	optional("Sigma churn", p.Params.Churn)
	optional("Sigma tmin", p.Params.ChurnMin)
	optional("Sigma tmax", p.Params.ChurnMax)
	optional("Sigma noise", p.Params.ChurnNoise)
	optional("Original steps", float64(p.Params.Original))
	optional("Order", float64(p.Params.Order))
	if p.Params.Gamma != nil {
		set = append(set, "Gamma: "+formatNumber(*p.Params.Gamma))
	}
	optional("Jump length", float64(p.Params.JumpLength))
	optional("Jump samples", float64(p.Params.JumpSamples))
	if p.Brownian {
		set = append(set, "Brownian: true")
	}
	if p.Params.KeepEpsilon {
		set = append(set, "Keep epsilon: true")
	}
	return set
}

// extraKeys are what the command line adds: how images were laid out.
var extraKeys = []string{"Layout", "Columns", "Zoom"}

// quote puts a value in quotes where it would otherwise be taken for the end of a setting or of the line, as
// A1111's programs do.
func quote(v string) string {
	if q := strconv.Quote(v); q != `"`+v+`"` || strings.Contains(v, ",") {
		return q
	}
	return v
}

// nextSetting cuts the first "Key: value" off a line of settings. A quoted value may hold commas.
func nextSetting(line string) (key, value, rest string, err error) {
	key, rest, ok := strings.Cut(line, ": ")
	if !ok {
		return "", "", "", fmt.Errorf("%.40q is not a setting", line)
	}
	if q, qerr := strconv.QuotedPrefix(rest); qerr == nil && strings.HasPrefix(q, `"`) {
		after := rest[len(q):]
		if tail, ok := strings.CutPrefix(after, ", "); ok || after == "" {
			value, err = strconv.Unquote(q)
			return key, value, tail, err
		}
	}
	value, rest, _ = strings.Cut(rest, ", ")
	return key, value, rest, nil
}

// maxParameters bounds the text that is parsed: MaxImages labels fit.
const maxParameters = 1 << 20

// ParseParameters reads the text of [Parameters.String]. Unknown keys go to Extra.
func ParseParameters(text string) (Parameters, error) {
	p := Parameters{Extra: map[string]string{}}
	if len(text) > maxParameters {
		return p, &RequestError{Field: "parameters", Value: len(text), Want: fmt.Sprintf("at most %d bytes", maxParameters)}
	}
	settings := false
	for _, line := range strings.Split(text, "\n") {
		var err error
		if c, ok := strings.CutPrefix(line, "class "); ok {
			p.Classes, err = splitInts(c)
		} else if c, ok := strings.CutPrefix(line, "Negative prompt: class "); ok {
			var n int
			n, err = strconv.Atoi(c)
			p.Negative = &n
		} else if strings.HasPrefix(line, "Steps: ") {
			settings = true
			err = p.settings(line)
		}
		if err != nil {
			return p, &RequestError{Field: "parameters", Value: fmt.Sprintf("%.80q (%.200v)", line, err),
				Want: "the text that cudiffuse writes"}
		}
	}
	if !settings {
		return p, &RequestError{Field: "parameters", Value: fmt.Sprintf("%.80q", text), Want: `a line of settings, "Steps: …"`}
	}
	return p, nil
}

// settings takes a line of them.
func (p *Parameters) settings(line string) error {
	for line != "" {
		key, value, rest, err := nextSetting(line)
		if err == nil {
			err = p.set(key, value)
		}
		if err != nil {
			return err
		}
		line = rest
	}
	return nil
}

func (p *Parameters) set(key, v string) (err error) {
	integer := func(dst *int) { *dst, err = strconv.Atoi(v) }
	number := func(dst *float64) { *dst, err = strconv.ParseFloat(v, 64) }
	switch key {
	case "Steps":
		integer(&p.Steps)
	case "Sampler":
		p.Sampler = v
	case "RNG":
		p.RNG = v
		if as := map[string]string{"CPU": "torch-cpu", "NV": "torch-cuda", "GPU": "torch-cuda"}[v]; as != "" {
			p.RNG = as // the names that A1111's programs write
		}
	case "Schedule type":
		p.Schedule, err = schedule.ParseCurve(v)
	case "CFG scale":
		number(&p.Guidance)
		if p.Guidance == 0 && err == nil {
			err = fmt.Errorf("scale 0 cannot be repeated")
		}
	case "Seed":
		p.Seed, err = strconv.ParseUint(v, 10, 64)
	case "Size":
		p.Size = v
	case "Model":
		p.Model = v
	case "Model hash":
		p.Hash = v
	case "Images per class":
		integer(&p.N)
	case "Spacing":
		var s schedule.Spacing
		s, err = schedule.ParseSpacing(v)
		p.Spacing = &s
	default:
		err = p.setOption(key, v)
	}
	return err
}

func (p *Parameters) setOption(key, v string) (err error) {
	number := func(dst *float64) { *dst, err = strconv.ParseFloat(v, 64) }
	q := &p.Params
	switch key {
	case "Eta":
		q.Eta = new(float64)
		number(q.Eta)
	case "Clip":
		number(&p.Clip)
	case "CFG rescale":
		number(&p.Rescale)
	case "Guidance type":
		p.Guiding.Type = v
	case "Guidance eta":
		number(&p.Guiding.Eta)
	case "Guidance norm":
		number(&p.Guiding.Norm)
	case "Guidance momentum":
		number(&p.Guiding.Momentum)
	case "Guidance start":
		number(&p.Guiding.Start)
	case "Guidance stop":
		number(&p.Guiding.Stop)
	case "Zero init steps":
		p.Guiding.ZeroInit, err = strconv.Atoi(v)
	case "Dynamic threshold":
		number(&p.Threshold.Quantile)
	case "Dynamic threshold max":
		number(&p.Threshold.Max)
	case "Sigma churn":
		number(&q.Churn)
	case "Sigma tmin":
		number(&q.ChurnMin)
	case "Sigma tmax":
		number(&q.ChurnMax)
	case "Sigma noise":
		number(&q.ChurnNoise)
	case "Original steps":
		q.Original, err = strconv.Atoi(v)
	case "Order":
		q.Order, err = strconv.Atoi(v)
	case "Gamma":
		q.Gamma = new(float64)
		number(q.Gamma)
	case "Jump length":
		q.JumpLength, err = strconv.Atoi(v)
	case "Jump samples":
		q.JumpSamples, err = strconv.Atoi(v)
	case "Brownian":
		p.Brownian, err = strconv.ParseBool(v)
	case "Keep epsilon":
		q.KeepEpsilon, err = strconv.ParseBool(v)
	default:
		p.Extra[key] = v
	}
	return err
}

func joinInts(v []int) string {
	s := make([]string, len(v))
	for i, n := range v {
		s[i] = strconv.Itoa(n)
	}
	return strings.Join(s, " ")
}

func splitInts(s string) ([]int, error) {
	var out []int
	for _, f := range strings.Fields(s) {
		n, err := strconv.Atoi(f)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}
