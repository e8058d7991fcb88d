package sampler_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/sampler/internal/table"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// The order of convergence is measured where the answer is known to rounding: a Gaussian mixture, whose
// epsilon has a closed form, along a smooth path in lambda (no timesteps, so no interpolation between
// them), between two noise levels at which nothing is singular.
const (
	noisy = 3.0
	clean = 0.3
)

func mixture(t *testing.T) model.Mixture {
	t.Helper()
	g, err := model.NewMixture(
		model.Component{Weight: 0.4, Mean: []float64{-1.1, 0.4}, Std: 0.5},
		model.Component{Weight: 0.6, Mean: []float64{0.9, -0.3}, Std: 0.7})
	require.NoError(t, err)
	return g
}

// lambdaGrid returns n steps between the two levels, even in lambda, as VP or VE points; T is the level. The
// first step is cut into steps that double from a tiny one: a multistep method starts at order 1, and that
// one step's local error, O(h^2), would otherwise hide order 3.
func lambdaGrid(t *testing.T, n int, point func(t, s float64) schedule.Point) []schedule.Point {
	t.Helper()
	v, err := schedule.Exponential(n+1, clean, noisy)
	require.NoError(t, err)
	ramp := []float64{v[0]}
	for cut := 1.0 / (1 << 12); cut < 1; cut *= 2 {
		ramp = append(ramp, v[0]*math.Pow(v[1]/v[0], cut))
	}
	var pts []schedule.Point
	for _, s := range append(ramp, v[1:]...) {
		pts = append(pts, point(s, s))
	}
	return pts
}

// solve runs s in n steps from a fixed sample; the network returns the exact epsilon at level T.
func solve(t *testing.T, s sampler.Sampler, n int, point func(t, s float64) schedule.Point) []float64 {
	t.Helper()
	return solveOn(t, s, lambdaGrid(t, n, point))
}

// solveOn is solve on any grid between the two levels.
func solveOn(t *testing.T, s sampler.Sampler, pts []schedule.Point) []float64 {
	t.Helper()
	g := mixture(t)
	p, err := sampler.New(s, pts, schedule.Epsilon)
	require.NoError(t, err)
	net := func(x []float64, level float64) []float64 { // x is variance preserving: c_in is applied
		vp := schedule.VP(0, level)
		eps := make([]float64, len(x))
		g.Epsilon(eps, x, vp.Alpha, vp.Sigma)
		return eps
	}
	norm := 1 / pts[0].In
	x := []float64{0.8 * norm, -0.5 * norm}
	return last(table.RunFrom(p, x, net, nil))
}

func multistep(order int, heun bool) sampler.Multistep {
	return sampler.Multistep{Order: order, Heun: heun, KeepOrder: true}
}

func singlestep(order int, heun, noise bool) sampler.Sampler {
	return sampler.DPMSolverSinglestep{Order: order, Heun: heun, Noise: noise, KeepOrder: true}
}

func saODE(predictor, corrector int, noise bool) sampler.Sampler {
	return sampler.SASolver{Predictor: predictor, Corrector: corrector, Tau: new(float64), Noise: noise,
		KeepOrder: true}
}

func TestConvergenceOrder(t *testing.T) {
	published := multistep(3, false)
	published.HalfCurvature = true
	vp, ve := schedule.VP, schedule.VE
	threeHalves, identity := 1.5, func(l float64) float64 { return l }
	exact := solve(t, sampler.LMS{}, 1<<13, vp)
	for _, c := range []struct {
		name  string
		s     sampler.Sampler
		point func(t, s float64) schedule.Point
		order float64
	}{
		{"ddim", sampler.DDIM{}, vp, 1},
		{"euler", sampler.Euler{}, ve, 1},
		{"euler vp", sampler.Euler{}, vp, 1},
		{"heun", sampler.Heun{}, ve, 2},
		{"heun vp", sampler.Heun{}, vp, 2},
		{"flow_heun", sampler.FlowHeun{}, vp, 2},
		{"flow_heun ve", sampler.FlowHeun{}, ve, 2},
		{"lms1", sampler.LMS{Order: 1}, ve, 1},
		{"lms2", sampler.LMS{Order: 2}, vp, 2},
		{"lms3", sampler.LMS{Order: 3}, ve, 3},
		{"lms4", sampler.LMS{}, ve, 4},
		{"unip2", sampler.UniPC{Order: 2, NoCorrector: true, KeepOrder: true}, vp, 2},
		{"unip3", sampler.UniPC{Order: 3, NoCorrector: true, KeepOrder: true}, vp, 3},
		{"unipc1", sampler.UniPC{Order: 1, KeepOrder: true}, vp, 2},
		{"unipc2", sampler.UniPC{Order: 2, KeepOrder: true}, vp, 3},
		{"unipc2 bh1", sampler.UniPC{Order: 2, BH1: true, KeepOrder: true}, vp, 3},
		{"unipc2 noise", sampler.UniPC{Order: 2, Noise: true, KeepOrder: true}, ve, 3},
		{"unipc3", sampler.UniPC{Order: 3, KeepOrder: true}, vp, 4},
		{"unipc3 bh1 noise", sampler.UniPC{Order: 3, BH1: true, Noise: true, KeepOrder: true}, vp, 4},
		{"deis1", sampler.DEIS{Order: 1, KeepOrder: true}, vp, 1},
		{"deis2", sampler.DEIS{Order: 2, KeepOrder: true}, vp, 2},
		{"deis3", sampler.DEIS{Order: 3, KeepOrder: true}, ve, 3},
		{"dpm_2", sampler.DPM2{Timesteps: levelTimesteps}, ve, 2},
		{"dpm_2 vp", sampler.DPM2{Timesteps: levelTimesteps}, vp, 2},
		{"dpmpp_2s", sampler.DPMPP2SAncestral{Eta: new(float64), Timesteps: levelTimesteps}, vp, 2},
		{"dpmpp_2s ve", sampler.DPMPP2SAncestral{Eta: new(float64), Timesteps: levelTimesteps}, ve, 2},
		{"dpmpp_sde eta 0", sampler.DPMPPSDE{Eta: new(float64), Timesteps: levelTimesteps}, ve, 2},
		{"dpm_2_ancestral eta 0", sampler.DPM2Ancestral{Eta: new(float64), Timesteps: levelTimesteps}, ve, 2},
		{"dpmsolver1", sampler.DPMSolver{Multistep: multistep(1, false)}, vp, 1},
		{"dpmsolver2", sampler.DPMSolver{Multistep: multistep(2, false)}, vp, 2},
		{"dpmsolver2 heun", sampler.DPMSolver{Multistep: multistep(2, true)}, vp, 2},
		{"dpmsolver3", sampler.DPMSolver{Multistep: multistep(3, false)}, vp, 3},
		{"dpmpp_1", sampler.DPMSolverPP{Multistep: multistep(1, false)}, vp, 1},
		{"dpmpp_2m", sampler.DPMSolverPP{Multistep: multistep(2, false)}, vp, 2},
		{"dpmpp_2m heun", sampler.DPMSolverPP{Multistep: multistep(2, true)}, vp, 2},
		{"dpmpp_2m ve", sampler.DPMSolverPP{Multistep: multistep(2, false)}, ve, 2},
		{"dpmpp_3m", sampler.DPMSolverPP{Multistep: multistep(3, false)}, vp, 3},
		{"dpmsolver_2s", singlestep(2, false, true), vp, 2},
		{"dpmsolver_2s heun", singlestep(2, true, true), ve, 2},
		{"dpmsolver_3s", singlestep(3, false, true), vp, 3},
		{"dpmsolver_3s heun", singlestep(3, true, true), ve, 3},
		{"dpmpp_1s", singlestep(1, false, false), vp, 1},
		{"dpmpp_2s single", singlestep(2, false, false), ve, 2},
		{"dpmpp_2s heun", singlestep(2, true, false), vp, 2},
		{"dpmpp_3s", singlestep(3, false, false), vp, 3},
		{"dpmpp_3s heun", singlestep(3, true, false), ve, 3},
		{"sa_solver 1 1", saODE(1, 1, false), vp, 1},
		{"sa_solver 1 2", saODE(1, 2, false), vp, 2},
		{"sa_solver 2 1", saODE(2, 1, false), vp, 1},
		{"sa_solver 2", sampler.SASolver{Tau: new(float64), NoCorrector: true, KeepOrder: true}, vp, 2},
		{"sa_solver 2 2", saODE(2, 2, false), ve, 2},
		{"sa_solver 2 3", saODE(2, 3, false), vp, 3},
		{"sa_solver 3 3", saODE(3, 3, true), ve, 3},
		{"sa_solver 3 4", saODE(3, 4, false), vp, 4},
		{"sa_solver 2 2 pece", sampler.SASolver{Tau: new(float64), Reevaluate: true,
			KeepOrder: true}, vp, 2},
		{"sa_solver 3 4 pece", sampler.SASolver{Predictor: 3, Corrector: 4, Tau: new(float64), Reevaluate: true,
			KeepOrder: true}, ve, 4},
		{"gradient_estimation cfg_pp", sampler.GradientEstimation{Gamma: &threeHalves, CFGPP: true}, vp, 2},
		{"res_multistep cfg_pp", sampler.RES{CFGPP: true}, ve, 2},
		{"dpmpp_2m_cfg_pp", sampler.DPMPP2MCFGPP{}, vp, 2},
		{"ipndm_v", sampler.IPNDMV{}, ve, 4},
		{"ipndm_v 3", sampler.IPNDMV{Order: 3}, vp, 3},
		{"ipndm_v as published", sampler.IPNDMV{Published: true}, ve, 1},
		{"gradient_estimation 1.5", sampler.GradientEstimation{Gamma: &threeHalves}, vp, 2},
		{"gradient_estimation", sampler.GradientEstimation{}, ve, 1},
		{"res_multistep", sampler.RES{}, vp, 2},
		{"res_multistep ve", sampler.RES{}, ve, 2},
		{"er_sde ode 1", sampler.ERSDE{Order: 1, Scale: identity}, vp, 1},
		{"er_sde ode 2", sampler.ERSDE{Order: 2, Scale: identity}, ve, 2},
		{"er_sde ode 3", sampler.ERSDE{Scale: identity}, vp, 3},
		{"restart without intervals", sampler.Restart{Intervals: []sampler.RestartInterval{}}, ve, 2},
		{"cfg_pp", sampler.CFGPP{}, vp, 1},
		{"dpmpp_3m as published", sampler.DPMSolverPP{Multistep: published}, vp, 2},
	} {
		distance := func(n int) float64 {
			got := solve(t, c.s, n, c.point)
			norm := c.point(clean, clean).In // compare variance preserving
			end := schedule.VP(0, clean).In
			return math.Hypot(got[0]*norm-exact[0]*end, got[1]*norm-exact[1]*end)
		}
		a, b := distance(128), distance(512)
		slope := math.Log(a/b) / math.Log(4)
		t.Logf("%-16s order %.3f, error %.2g at 512 steps", c.name, slope, b)
		require.InDelta(t, c.order, slope, 0.15, c.name)
	}
}

// TestEulerIsDDIM: the same solver in three scales.
func TestEulerIsDDIM(t *testing.T) {
	a := solve(t, sampler.DDIM{}, 20, schedule.VP)
	b := solve(t, sampler.Euler{}, 20, schedule.VP)
	require.InDeltaSlice(t, a, b, 1e-12)
	flow := solve(t, sampler.FlowEuler{}, 20, schedule.VP)
	require.InDeltaSlice(t, a, flow, 1e-12)
	c := solve(t, sampler.DPMSolverPP{Multistep: sampler.Multistep{Order: 1}}, 20, schedule.VP)
	require.InDeltaSlice(t, a, c, 1e-12)
}
