package pipeline

import (
	"fmt"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// resolvePlan compiles the folder's scheduler, or the sampler that is named.
func (p *TextToImage) resolvePlan(j *textJob) error {
	var err error
	if j.Sampler == p.info.Scheduler {
		j.Sampler = ""
	}
	if j.Sampler == "" {
		err = p.schedulerPlan(j)
	} else {
		err = p.samplerPlan(j)
	}
	if err == nil {
		err = p.endPlan(j)
	}
	if err != nil {
		return err
	}
	sampler.WithRescale(j.Rescale)(j.plan)
	guiding, err := j.Guiding.options((j.TrueGuidance != 0 || !p.info.Embedded && j.Guidance != 1 && j.Guidance != 0) && len(j.parts) == 2)
	if err == nil && len(j.parts) > 2 && j.Guiding.projects() {
		err = &RequestError{Field: "guidance type", Value: j.Guiding.Type, Want: "cfg for prompts that AND parts: the others are of two outputs"}
	}
	if err != nil {
		return err
	}
	for _, o := range guiding {
		o(j.plan)
	}
	if j.Brownian {
		sampler.WithBrownian()(j.plan)
	}
	if !j.fromNoise() {
		sampler.WithInit(1)(j.plan) // the requests hold the samples themselves
	}
	return j.plan.Validate()
}

func (p *TextToImage) schedulerPlan(j *textJob) error {
	other := j.Params
	other.Eta, other.Original = nil, 0
	if other != (sampler.Params{}) || j.Schedule != schedule.ByTimestep || j.Spacing != nil {
		return &RequestError{Field: "sampler", Value: `""`, Want: "a name beside options of samplers and schedules: " +
			"the folder's scheduler has its own"}
	}
	if j.Steps == 0 {
		j.Steps = p.info.Steps
	}
	o, err := p.schedulerOptions(j)
	if err != nil {
		return err
	}
	if j.plan, err = p.sched.scheduler.Plan(o); err != nil {
		return err
	}
	skip, err := p.started(j, j.plan)
	if err != nil || skip == 0 {
		return err
	}
	var ok bool
	if j.plan, ok = cutPlan(j.plan, skip); !ok {
		return &RequestError{Field: "sampler", Value: `""`, Want: "a name beside an image or latents: " +
			p.info.Scheduler + " needs the steps that are left out"}
	}
	return nil
}

func (p *TextToImage) samplerPlan(j *textJob) error {
	entry, err := sampler.Lookup(j.Sampler)
	if err != nil {
		return err
	}
	if p.flows() {
		return p.flowPlan(j, entry)
	}
	noise := p.sched.noise
	if noise == nil {
		return &RequestError{Field: "sampler", Value: entry.Name, Want: "none: the noise levels of " +
			p.info.Scheduler + " are for its own sampler"}
	}
	j.Sampler = entry.Name
	T := noise.Timesteps()
	if j.Steps < 0 || j.Steps > T {
		return &RequestError{Field: "steps", Value: j.Steps, Want: fmt.Sprintf("1 to %d", T)}
	}
	if j.Steps == 0 {
		j.Steps = min(entry.Steps, T)
	}
	if j.Spacing == nil {
		sp := p.sched.spacing
		j.Spacing = &sp
	}
	if entry.Name == "lcm" && j.Params.Original == 0 {
		j.Params.Original = p.sched.lcm
	}
	var opts []sampler.Option
	if clip := p.sched.scheduler.Clip(); clip > 0 {
		opts = append(opts, sampler.WithClip(clip))
	}
	opts = append(opts, sampler.WithThreshold(p.sched.scheduler.Threshold()))
	g := schedule.Grid{Noise: noise, Steps: j.Steps, Spacing: *j.Spacing, Offset: p.sched.offset, Curve: j.Schedule}
	if j.ExactSteps {
		g.Strength = j.Strength
	}
	if j.plan, err = entry.Plan(g, p.sched.kind, j.Params, opts...); err != nil {
		return err
	}
	skip, err := p.started(j, j.plan)
	if err != nil || skip == 0 {
		return err
	}
	pts, err := entry.Points(g, j.Params)
	if err != nil {
		return err
	}
	draws := j.plan.Draws()
	g = cutGrid(g, pts, min(skip, len(pts)-2))
	j.plan, err = entry.Plan(g, p.sched.kind, j.Params, opts...)
	if err == nil && j.DenoisingStart != 0 {
		laterDraws(j.plan, draws)
	}
	return err
}
