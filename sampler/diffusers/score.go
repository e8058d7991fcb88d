package diffusers

import (
	"fmt"
	"math"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// The predictors of Song et al. 2020, arXiv:2011.13456.
const (
	scoreVEClass = "ScoreSdeVeScheduler"
	scoreVPClass = "ScoreSdeVpScheduler"
)

func scoreVE(c *config) {
	lo, hi := 0.01, 1348.0
	c.SigmaMin, c.SigmaMax, c.SamplingEnd, c.CorrectSteps, c.TrainTimesteps = &lo, &hi, 1e-5, 1, 2000
}

func scoreVP(c *config) {
	c.BetaMin, c.BetaMax, c.SamplingEnd, c.TrainTimesteps = 0.1, 20, 1e-3, 2000
}

// scoreTimes are times from 1 to sampling_eps, after a check of what both classes share.
func (s *Scheduler) scoreTimes(kind schedule.Kind, o Options) ([]float64, error) {
	if kind != schedule.Epsilon {
		return nil, &Error{Field: "prediction_type", Detail: fmt.Sprintf("%s: this class has none", kind)}
	}
	if o.Timesteps != nil {
		return nil, &Error{Field: "timesteps", Detail: "contradict the grid of this class: want steps"}
	}
	end := s.c.SamplingEnd
	if !(end > 0 && end < 1) {
		return nil, &Error{Field: "sampling_eps", Detail: fmt.Sprintf("%v: want a number between 0 and 1", end)}
	}
	ts := make([]float64, o.Steps)
	for i := range ts {
		ts[i] = 1 + float64(i)*(end-1)/float64(max(o.Steps-1, 1))
	}
	return ts, nil
}

// scoreVE plans ScoreSdeVeScheduler without its corrector. The network is told a level of the continuous schedule and
// gives the score there; the step is one between two levels of the discrete one, which are a little higher at the
// clean end. The result is the mean of the last step, as in its pipeline.
func (s *Scheduler) scoreVE(_ *schedule.Noise, kind schedule.Kind, o Options) (*sampler.Plan, error) {
	if s.c.CorrectSteps != 0 {
		return nil, &Error{Field: "correct_steps", Detail: fmt.Sprintf("%d: a corrector's step size is made of the norms of "+
			"the sample's noise and score over the whole batch, so no plan can hold it: want 0", s.c.CorrectSteps)}
	}
	ts, err := s.scoreTimes(kind, o)
	if err != nil {
		return nil, err
	}
	if o.Steps < 2 {
		return nil, &Error{Field: "steps", Detail: fmt.Sprintf("%d: want at least 2, the ends of the grid", o.Steps)}
	}
	lo, hi, err := s.ownRange()
	if err != nil {
		return nil, err
	}
	levels, err := schedule.Exponential(o.Steps, lo, hi) // the noisiest first
	if err != nil {
		return nil, err
	}
	var pts []schedule.Point
	for _, t := range ts {
		v := lo * math.Pow(hi/lo, t)
		pts = append(pts, schedule.Point{T: v, Alpha: 1, Sigma: v, In: 1})
	}
	discrete := func(p *sampler.Plan) {
		for i := range p.Stages {
			st := &p.Stages[i]
			at := i - int(float64(i)*s.c.SamplingEnd+1e-9) // index of the level: trunc(t*(steps-1)) from the clean end
			variance := levels[at] * levels[at]
			if at+1 < len(levels) {
				variance -= levels[at+1] * levels[at+1]
			}
			own := st.At.Sigma * st.At.Sigma
			st.From = schedule.Scaling{Skip: 1, Out: own}
			st.X = sampler.Row{X: 1 - variance/own, D: variance / own}
			if st.Draws[0] > 0 {
				st.X.N[0] = math.Sqrt(variance)
			}
		}
	}
	return sampler.New(sampler.ReverseDiffusion{}, append(pts, schedule.VE(0, 0)), kind, sampler.WithInit(hi), discrete)
}

// scoreVP plans ScoreSdeVpScheduler, which diffusers keeps among its deprecated classes and without a pipeline: the
// Euler-Maruyama method for the reverse SDE in steps of 1/steps, whatever the distance of the times is. The network
// gives the noise, and is told the time from 1 to 0 that step_pred takes. The result is the mean of the last step.
//
//	alpha = exp(-t^2*(beta_max-beta_min)/4 - t*beta_min/2),   b = (beta_min + t*(beta_max-beta_min))/steps
//	x'    = (1+b/2)*x + b*score + sqrt(b)*noise
func (s *Scheduler) scoreVP(_ *schedule.Noise, kind schedule.Kind, o Options) (*sampler.Plan, error) {
	ts, err := s.scoreTimes(kind, o)
	if err != nil {
		return nil, err
	}
	lo, hi := s.c.BetaMin, s.c.BetaMax
	if !(lo >= 0 && hi > lo) || math.IsInf(hi, 0) {
		return nil, &Error{Field: "beta_min", Detail: fmt.Sprintf("%v, beta_max %v: want 0 or more, and a larger number",
			lo, hi)}
	}
	var pts []schedule.Point
	for _, t := range ts {
		alpha := math.Exp(-t*t*(hi-lo)/4 - t*lo/2)
		pts = append(pts, schedule.Point{T: t, Alpha: alpha, Sigma: math.Sqrt(1 - alpha*alpha), In: 1})
	}
	maruyama := func(p *sampler.Plan) {
		for i := range p.Stages {
			st := &p.Stages[i]
			b := (lo + st.At.T*(hi-lo)) / float64(o.Steps)
			c := b / (st.At.Sigma * st.At.Sigma)
			st.X = sampler.Row{X: 1 + b/2 - c, D: c * st.At.Alpha}
			if st.Draws[0] > 0 {
				st.X.N[0] = math.Sqrt(b)
			}
		}
	}
	return sampler.New(sampler.ReverseDiffusion{}, append(pts, schedule.VP(0, 0)), kind, maruyama)
}
