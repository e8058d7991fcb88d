package diffusers

import (
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

const singlestepClass = "DPMSolverSinglestepScheduler"

// singlestep plans DPMSolverSinglestepScheduler, whose spacing is linspace whatever the config says. The
// quirk: the order is lowered at the end when it does not divide the steps, without lower_order_final too.
func (s *Scheduler) singlestep(n *schedule.Noise, kind schedule.Kind, o Options) (*sampler.Plan, error) {
	spaced := *s
	spaced.c.TimestepSpacing = "linspace"
	pts, err := spaced.multistepPoints(n.WithTerminalFloor(), o)
	if err != nil {
		return nil, err
	}
	d := sampler.DPMSolverSinglestep{Order: s.c.SolverOrder, Heun: s.c.SolverType == "heun",
		SDE: s.c.AlgorithmType == "sde-dpmsolver++", Noise: s.c.AlgorithmType == "dpmsolver",
		KeepOrder: !s.c.LowerOrderFinal, Published: true}
	return sampler.New(d, pts, kind, s.thresholds()...)
}
