package pipeline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/sampler/diffusers"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// flowKeys are what the pipelines of flows read of a scheduler's config themselves: the line of the shift that depends
// on the size, with diffusers' defaults (calculate_shift), and who makes the times.
type flowKeys struct {
	Dynamic   bool    `json:"use_dynamic_shifting"`
	FlowTimes bool    `json:"use_flow_sigmas"`
	BaseShift float64 `json:"base_shift"`
	MaxShift  float64 `json:"max_shift"`
	Base      int     `json:"base_image_seq_len"`
	Max       int     `json:"max_image_seq_len"`
}

// readFlowKeys reads them. base_shift and the others may be null in configs of schedulers that do without.
func readFlowKeys(config []byte) (flowKeys, error) {
	k := flowKeys{BaseShift: 0.5, MaxShift: 1.15, Base: 256, Max: 4096}
	config = bytes.ReplaceAll(config, []byte("-Infinity"), []byte(`"-inf"`)) // Python's, of other keys
	err := json.Unmarshal(config, &k)
	return k, err
}

// options sets what a flow's scheduler is given for an image of a number of tokens.
func (k flowKeys) options(tokens int, o *diffusers.Options) error {
	if !k.Dynamic {
		return nil
	}
	mu, err := schedule.FlowMu{BaseTokens: k.Base, MaxTokens: k.Max, BaseShift: k.BaseShift, MaxShift: k.MaxShift}.At(tokens)
	o.Mu = &mu
	return err
}

// schedulerOptions are those of the folder's scheduler for a job.
func (p *TextToImage) schedulerOptions(j *textJob) (diffusers.Options, error) {
	o := diffusers.Options{Steps: j.Steps, OriginalSteps: j.Params.Original}
	if j.Params.Eta != nil {
		o.Eta = *j.Params.Eta
	}
	if err := p.exactOptions(j, &o); err != nil {
		return o, err
	}
	err := p.flowOptions(j, &o)
	return o, err
}

// flowOptions sets what the pipelines of diffusers give the scheduler of a flow: mu for the tokens of the image, and with
// FLUX.1 times from 1 evenly down to 1/steps.
func (p *TextToImage) flowOptions(j *textJob, o *diffusers.Options) error {
	if !p.flows() {
		return nil
	}
	if err := p.sched.flow.options(p.joint.imageTokens(j.shape), o); err != nil {
		return err
	}
	if p.joint.flux != nil && !p.sched.flow.FlowTimes && o.Steps > 1 { // one step starts at 1 anyway
		var err error
		if o.Sigmas, err = schedule.FlowTimes(o.Steps); err != nil {
			return err
		}
		o.Steps = 0
	}
	return nil
}

// flowSkipped is how many of the first steps a strength leaves out: int(steps - steps*strength) in the pipelines of
// flows (diffusers, StableDiffusion3Img2ImgPipeline.get_timesteps), so that one step remains always, and of some
// numbers of steps one more than the older pipelines leave.
func flowSkipped(steps int, strength float64) int {
	n := float64(steps)
	return int(n - min(float64(n*strength), n))
}

// imageTokens is how many tokens the transformer of a flow makes of latents [C, H, W].
func (n *joint) imageTokens(shape [3]int) int {
	side := 2 // of FLUX.1
	if n.sd3 != nil {
		side = n.sd3.Config().PatchSize
	}
	return (shape[1] / side) * (shape[2] / side)
}

// flowPrefix is that of the samplers of flows by name.
const flowPrefix = "flow_"

// flowScheduler is the class that the published models have.
const flowScheduler = "FlowMatchEulerDiscreteScheduler"

// flowPlan compiles a sampler of flows that is named, on the times of the folder's scheduler.
func (p *TextToImage) flowPlan(j *textJob, entry sampler.Entry) error {
	bad := func(field string, v any, want string) error { return &RequestError{Field: field, Value: v, Want: want} }
	switch {
	case !strings.HasPrefix(entry.Name, flowPrefix):
		return bad("sampler", entry.Name, "flow_euler, flow_heun or flow_lcm: the network predicts the velocity of a flow")
	case p.info.Scheduler != flowScheduler:
		return bad("sampler", entry.Name, "none: the times of "+p.info.Scheduler+" are for its own sampler")
	case j.Schedule != schedule.ByTimestep || j.Spacing != nil:
		return bad("schedule", fmt.Sprint(j.Schedule), "none: the times are those of the folder's scheduler")
	}
	s, err := entry.Sampler(j.Params)
	if err != nil {
		return err
	}
	j.Sampler = entry.Name
	if j.Steps == 0 {
		j.Steps = entry.Steps
	}
	skip, err := p.skipped(j)
	if err != nil {
		return err
	}
	o := diffusers.Options{Steps: j.Steps}
	if err := p.exactOptions(j, &o); err != nil {
		return err
	}
	if err := p.flowOptions(j, &o); err != nil {
		return err
	}
	times, err := p.sched.scheduler.Plan(o)
	if err != nil {
		return err
	}
	var pts []schedule.Point
	for _, st := range times.Stages[skip:] { // of Euler, one a step
		pts = append(pts, st.At)
	}
	j.plan, err = sampler.New(s, append(pts, schedule.Flow(0, 0)), p.sched.kind)
	return err
}
