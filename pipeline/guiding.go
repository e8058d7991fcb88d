package pipeline

import "github.com/cudiffuse/cudiffuse/sampler"

// Guiding is how guidance is done, besides its scale. The zero value is classifier-free guidance in all steps.
type Guiding struct {
	Type        string  // "" or "cfg"; apg, zero_star or tangential, see [sampler.Projection]
	Eta, Norm   float64 // of apg
	Momentum    float64 // of apg, more than -1 and less than 1; 0 is none
	Start, Stop float64 // shares of the steps between which there is guidance, see [sampler.WithInterval]; Stop 0 means 1
	ZeroInit    int     // first steps in which the network's output is taken for zero, see [sampler.WithZeroInit]
}

// projects tells whether the weights are made of the outputs of two conditions.
func (g Guiding) projects() bool { return g.Type != "" && g.Type != "cfg" }

// options are those of a plan whose requests have two conditions, or only one.
func (g Guiding) options(two bool) ([]sampler.Option, error) {
	stop := g.Stop
	if stop == 0 {
		stop = 1
	}
	options := []sampler.Option{sampler.WithInterval(g.Start, stop), sampler.WithZeroInit(g.ZeroInit)}
	if !g.projects() {
		if g.Eta != 0 || g.Norm != 0 || g.Momentum != 0 {
			return nil, &RequestError{Field: "guidance type", Value: g.Type, Want: "apg, which eta, norm and momentum are for"}
		}
		return options, nil
	}
	kind, err := sampler.ParseProjection(g.Type)
	if err != nil {
		return nil, &RequestError{Field: "guidance type", Value: g.Type, Want: "cfg, apg, zero_star or tangential"}
	}
	if two {
		options = append(options, sampler.WithProjection(&sampler.Projection{Kind: kind, Eta: g.Eta, Norm: g.Norm, Momentum: g.Momentum}))
	}
	return options, nil
}
