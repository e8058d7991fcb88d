package diffusers

import (
	"math"
	"sort"
	"strings"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// betaShape is both parameters of the Beta distribution behind use_beta_sigmas.
const betaShape = 0.6

// karrasRho is the exponent behind use_karras_sigmas.
const karrasRho = 7

// multistep plans DPMSolverMultistepScheduler: variance-preserving points at noise levels.
func (s *Scheduler) multistep(n *schedule.Noise, kind schedule.Kind, o Options) (*sampler.Plan, error) {
	pts, err := s.multistepPoints(n.WithTerminalFloor(), o)
	if err != nil {
		return nil, err
	}
	m := sampler.Multistep{Order: s.c.SolverOrder, Heun: s.c.SolverType == "heun",
		SDE:       strings.HasPrefix(s.c.AlgorithmType, "sde-"),
		KeepOrder: !s.c.LowerOrderFinal, EulerAtFinal: s.c.EulerAtFinal, HalfCurvature: true}
	if strings.HasSuffix(s.c.AlgorithmType, "++") {
		return sampler.New(sampler.DPMSolverPP{Multistep: m}, pts, kind, s.thresholds()...)
	}
	return sampler.New(sampler.DPMSolver{Multistep: m}, pts, kind, s.thresholds()...)
}

// multistepPoints returns the points of the DPM-Solver classes, the final one included.
func (s *Scheduler) multistepPoints(n *schedule.Noise, o Options) ([]schedule.Point, error) {
	ts, sigmas, err := s.multistepLevels(n, o)
	if err != nil {
		return nil, err
	}
	return s.levelPoints(ts, sigmas, s.finalSigma(n)), nil
}

// levelPoints returns points at timesteps and noise levels, on the flow's scale where the config asks
// for it, and the final one.
func (s *Scheduler) levelPoints(ts, sigmas []float64, final float64) []schedule.Point {
	point := schedule.VP
	if s.c.FlowSigmas {
		point = schedule.Flow
	}
	var pts []schedule.Point
	for i, t := range ts {
		pts = append(pts, point(t, sigmas[i]))
	}
	return append(pts, point(0, final))
}

func (s *Scheduler) finalSigma(n *schedule.Noise) float64 {
	if s.c.FinalSigmas == "sigma_min" {
		return n.SigmaAt(0)
	}
	return 0
}

// multistepLevels returns the timesteps and noise levels of the DPM-Solver classes.
func (s *Scheduler) multistepLevels(n *schedule.Noise, o Options) (ts, sigmas []float64, err error) {
	T := n.Timesteps()
	if s.c.FlowSigmas {
		return s.flowLevels(T, o)
	}
	lo, hi := n.SigmaAt(0), n.SigmaAt(float64(T-1))
	switch {
	case s.c.Karras:
		sigmas, err = schedule.Karras(o.Steps, lo, hi, karrasRho)
	case s.c.Exponential, s.c.LuLambdas:
		sigmas, err = schedule.Exponential(o.Steps, lo, hi)
	case s.c.Beta:
		sigmas, err = schedule.BetaQuantile(o.Steps, lo, hi, betaShape, betaShape)
	default:
		ts, err = s.multistepTimesteps(n, o)
		for _, t := range ts {
			sigmas = append(sigmas, n.SigmaAt(t))
		}
		return ts, sigmas, err
	}
	round := (s.c.Karras || s.c.LuLambdas) &&
		(s.c.BetaSchedule != "squaredcos_cap_v2" || s.c.Class == singlestepClass || s.c.Class == dpmInverseClass)
	for _, v := range sigmas {
		t := n.TimestepAt(v)
		if round {
			t = math.RoundToEven(t)
		}
		ts = append(ts, math.Trunc(t)) // the quirk: converted to integers without rounding
	}
	return ts, sigmas, err
}

func (s *Scheduler) multistepTimesteps(n *schedule.Noise, o Options) ([]float64, error) {
	if o.Timesteps != nil {
		ts := make([]float64, len(o.Timesteps))
		for i, t := range o.Timesteps {
			ts[i] = math.Trunc(t)
		}
		return ts, nil
	}
	return schedule.Steps{N: o.Steps, Train: n.Timesteps(), Spacing: s.spacing(), Offset: s.c.StepsOffset,
		Spare: true, Last: s.lastTimestep(n)}.Timesteps()
}

// lastTimestep is the first timestep that is left out: lambda, which falls with t, is below the limit.
func (s *Scheduler) lastTimestep(n *schedule.Noise) int {
	if min := s.c.LambdaMinClipped.v; min != nil {
		return sort.Search(n.Timesteps(), func(t int) bool { return n.Lambda(t) < *min })
	}
	return n.Timesteps()
}

// flowLevels: sigma = 1 - linspace(1, 1/T, steps+1), shifted, noisiest first without the cleanest.
func (s *Scheduler) flowLevels(T int, o Options) (ts, sigmas []float64, err error) {
	if o.Timesteps != nil {
		return nil, nil, &Error{Field: "timesteps", Detail: "contradict use_flow_sigmas: want steps"}
	}
	shift := s.c.FlowShift
	if o.Mu != nil {
		shift = math.Exp(*o.Mu)
	}
	if !(shift > 0) || math.IsInf(shift, 0) {
		return nil, nil, &schedule.Error{Field: "flow shift", Value: shift, Want: "a positive number"}
	}
	step := (1/float64(T) - 1) / float64(o.Steps)
	for i := o.Steps; i > 0; i-- {
		sigmas = append(sigmas, 1-(1+float64(i)*step))
	}
	schedule.FlowShift(sigmas, shift)
	for _, v := range sigmas {
		ts = append(ts, math.Trunc(v*float64(T)))
	}
	return ts, sigmas, nil
}

// exploding plans the Euler family and Heun: variance-exploding points.
func (s *Scheduler) exploding(n *schedule.Noise, kind schedule.Kind, o Options) (*sampler.Plan, error) {
	n = n.WithTerminalFloor()
	ts, sigmas, err := s.explodingLevels(n, o)
	if err != nil {
		return nil, err
	}
	var pts []schedule.Point
	for i, v := range sigmas {
		t := 0.0
		if i < len(ts) {
			t = ts[i]
		}
		if s.c.TimestepType == "continuous" && kind == schedule.V && i < len(ts) {
			t = 0.25 * math.Log(v)
		}
		pts = append(pts, schedule.VE(t, v))
	}
	opts := s.options()
	if s.c.TimestepSpacing != "leading" {
		opts = append(opts, sampler.WithInit(sigmas[0])) // leading keeps sqrt(1+sigma^2)
	}
	switch s.c.Class {
	case "EulerAncestralDiscreteScheduler":
		return sampler.New(sampler.EulerAncestral{}, pts, kind, opts...)
	case "HeunDiscreteScheduler":
		return sampler.New(sampler.Heun{}, pts, kind, opts...)
	case "KDPM2DiscreteScheduler":
		return sampler.New(sampler.DPM2{Timesteps: n.TimestepAt}, pts, kind, opts...)
	case "KDPM2AncestralDiscreteScheduler":
		return sampler.New(sampler.DPM2Ancestral{Timesteps: n.TimestepAt}, pts, kind, opts...)
	case "DPMSolverSDEScheduler":
		return sampler.New(sampler.DPMPPSDE{Timesteps: n.TimestepAt}, pts, kind, opts...)
	case "LMSDiscreteScheduler":
		return sampler.New(sampler.LMS{Order: o.Order}, pts, kind, opts...)
	}
	return sampler.New(sampler.Euler{Churn: o.SChurn, ChurnMin: o.SMin, ChurnMax: o.SMax,
		ChurnNoise: o.SNoise}, pts, kind, opts...)
}

// explodingLevels returns n timesteps and the n+1 noise levels, the final one included.
func (s *Scheduler) explodingLevels(n *schedule.Noise, o Options) (ts, sigmas []float64, err error) {
	if o.Sigmas != nil {
		for _, v := range o.Sigmas[:len(o.Sigmas)-1] {
			ts = append(ts, n.TimestepAt(v))
		}
		return ts, o.Sigmas, nil
	}
	if ts = o.Timesteps; ts == nil {
		ts, err = schedule.Steps{N: o.Steps, Train: n.Timesteps(), Spacing: s.spacing(),
			Offset: s.c.StepsOffset, Real: true}.Timesteps()
		if err != nil {
			return nil, nil, err
		}
	}
	if s.c.InterpolationType == "log_linear" {
		// steps+1 levels down to the training minimum; the step to 0 is never taken.
		sigmas, err = schedule.Exponential(len(ts)+1, n.SigmaAt(0), n.SigmaAt(float64(n.Timesteps()-1)))
		return ts, sigmas, err
	}
	for _, t := range ts {
		sigmas = append(sigmas, n.SigmaAt(t))
	}
	lo, hi := sigmas[len(sigmas)-1], sigmas[0]
	if s.c.SigmaMin != nil {
		lo = *s.c.SigmaMin
	}
	if s.c.SigmaMax != nil {
		hi = *s.c.SigmaMax
	}
	curved := true
	switch {
	case s.c.Karras:
		sigmas, err = schedule.Karras(len(ts), lo, hi, karrasRho)
	case s.c.Exponential:
		sigmas, err = schedule.Exponential(len(ts), lo, hi)
	case s.c.Beta:
		sigmas, err = schedule.BetaQuantile(len(ts), lo, hi, betaShape, betaShape)
	default:
		curved = false
	}
	if err != nil {
		return nil, nil, err
	}
	for i := range ts {
		if curved {
			ts[i] = n.TimestepAt(sigmas[i])
			if s.c.Karras && strings.HasPrefix(s.c.Class, "KDPM2") {
				ts[i] = math.RoundToEven(ts[i])
			}
		}
	}
	return ts, append(sigmas, s.finalSigma(n)), nil
}
