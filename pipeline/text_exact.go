package pipeline

import (
	"fmt"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/sampler/diffusers"
)

// exactOptions has the folder's scheduler run all steps of a job with ExactSteps from its strength on. LCM and TCD
// take a strength themselves (set_timesteps of diffusers), and the times of a flow need not be training timesteps; the
// others stand on whole training timesteps that they choose, of which a strength leaves out some.
func (p *TextToImage) exactOptions(j *textJob, o *diffusers.Options) error {
	if !j.ExactSteps || j.Strength == 1 {
		return nil
	}
	if class := p.info.Scheduler; class != "LCMScheduler" && class != "TCDScheduler" && class != flowScheduler {
		return &RequestError{Field: "exact steps", Value: true, Want: fmt.Sprintf("a sampler by name%s: %s runs as "+
			"diffusers does, which leaves out steps", likeScheduler(class), class)}
	}
	o.Strength = j.Strength
	return nil
}

// likeScheduler names the sampler of a class of diffusers, if there is one.
func likeScheduler(class string) string {
	e, err := sampler.Lookup(class)
	if err != nil {
		return ""
	}
	return ", such as " + e.Name
}
