package sampler

import (
	"slices"

	"github.com/cudiffuse/cudiffuse/schedule"
)

func multistepEntry(name, title, paper string, steps int, m Multistep, data bool, aliases ...string) Entry {
	e := Entry{Name: name, Title: title, Paper: paper, Steps: steps, Aliases: aliases}
	e.make = func(Params) Sampler { return DPMSolverPP{m} }
	if !data {
		e.final = schedule.FinalSigmaMin
		e.make = func(Params) Sampler { return DPMSolver{m} }
	}
	return e
}

func singlestepEntry(name, title, paper string, s DPMSolverSinglestep, aliases ...string) Entry {
	e := Entry{Name: name, Title: title, Paper: paper, Steps: 20, Aliases: aliases}
	e.make = func(Params) Sampler { return s }
	if s.Noise {
		e.final = schedule.FinalSigmaMin
	}
	return e
}

const (
	paperDPM   = "2206.00927"
	paperDPMPP = "2211.01095"
	paperUniPC = "2302.04867"
)

// What eta is where it is not that of the ancestral samplers.
const (
	aboutEta = "share of DDPM's noise that each step adds; 0 is deterministic"
	aboutTCD = "gamma of the paper, the share of the noise that is drawn anew; 0 is deterministic"
	aboutTau = "tau of the paper, the scale of the noise; 0 is deterministic"
)

var entries = []Entry{
	{Name: "ddpm", Title: "DDPM ancestral, posterior variance", Paper: "2006.11239", Steps: 1000,
		Aliases: []string{"DDPMScheduler", "DDPMParallelScheduler", "UnCLIPScheduler", "DDPMWuerstchenScheduler", "ancestral"},
		make:    func(Params) Sampler { return DDPM{} }},
	{Name: "ddpm_large", Title: "DDPM ancestral, sigma = sqrt(beta)", Paper: "2006.11239", Steps: 1000,
		make: func(Params) Sampler { return DDPM{Variance: FixedLarge} }},
	{Name: "ddim", Title: "DDIM", Paper: "2010.02502", Steps: 50,
		Aliases: []string{"DDIMScheduler", "DDIMParallelScheduler", "CogVideoXDDIMScheduler"},
		options: slices.Concat(etaUpTo(0, 1, aboutEta), keepEpsilonOption()),
		make: func(p Params) Sampler {
			return DDIM{Eta: valueOr(p.Eta, 0), KeepEpsilon: p.KeepEpsilon}
		}},
	multistepEntry("dpmsolver1", "DPM-Solver-1", paperDPM, 50, Multistep{Order: 1}, false),
	multistepEntry("dpmsolver2", "DPM-Solver-2 multistep", paperDPM, 25, Multistep{Order: 2}, false, "dpmsolver"),
	multistepEntry("dpmsolver3", "DPM-Solver-3 multistep", paperDPM, 25, Multistep{Order: 3}, false),
	multistepEntry("dpmpp_1", "DPM-Solver++(1)", paperDPMPP, 50, Multistep{Order: 1}, true),
	multistepEntry("dpmpp_2m", "DPM-Solver++(2M)", paperDPMPP, 20, Multistep{Order: 2}, true,
		"dpm++ 2m", "dpmsolver++", "DPMSolverMultistepScheduler",
		"EDMDPMSolverMultistepScheduler"),
	multistepEntry("dpmpp_3m", "DPM-Solver++(3M)", paperDPMPP, 20, Multistep{Order: 3}, true, "dpm++ 3m"),
	multistepEntry("dpmpp_2m_sde", "SDE-DPM-Solver++(2M)", paperDPMPP, 25, Multistep{Order: 2, SDE: true}, true,
		"dpm++ 2m sde", "dpmpp_2m_sde_gpu", "sde-dpmsolver++", "CosineDPMSolverMultistepScheduler",
		"CogVideoXDPMScheduler"),
	multistepEntry("dpmpp_2m_sde_heun", "SDE-DPM-Solver++(2M), heun", paperDPMPP, 25,
		Multistep{Order: 2, SDE: true, Heun: true}, true, "dpm++ 2m sde heun", "dpmpp_2m_sde_heun_gpu"),
	multistepEntry("dpmpp_3m_sde", "SDE-DPM-Solver++(3M)", paperDPMPP, 25, Multistep{Order: 3, SDE: true}, true,
		"dpm++ 3m sde", "dpmpp_3m_sde_gpu"),
	singlestepEntry("dpmsolver_2s", "DPM-Solver-2 singlestep", paperDPM,
		DPMSolverSinglestep{Order: 2, Noise: true}),
	singlestepEntry("dpmsolver_3s", "DPM-Solver-3 singlestep", paperDPM,
		DPMSolverSinglestep{Order: 3, Noise: true}),
	singlestepEntry("dpmpp_2s", "DPM-Solver++(2S)", paperDPMPP, DPMSolverSinglestep{Order: 2},
		"dpm++ 2s", "DPMSolverSinglestepScheduler"),
	singlestepEntry("dpmpp_3s", "DPM-Solver++(3S)", paperDPMPP, DPMSolverSinglestep{Order: 3}, "dpm++ 3s"),
	{Name: "euler", Title: "Euler", Paper: "2206.00364", Steps: 30, exploding: true,
		Aliases: []string{"EulerDiscreteScheduler", "EDMEulerScheduler"},
		options: churnOptions("sigma"),
		make: func(p Params) Sampler {
			return Euler{Churn: p.Churn, ChurnMin: p.ChurnMin, ChurnMax: p.ChurnMax, ChurnNoise: p.ChurnNoise}
		}},
	{Name: "euler_ancestral", Title: "Euler ancestral", Paper: "2206.00364", Steps: 30, exploding: true,
		Aliases: []string{"euler a", "euler_a", "EulerAncestralDiscreteScheduler"}, options: etaOption(1),
		make: func(p Params) Sampler { return EulerAncestral{Eta: p.Eta} }},
	{Name: "heun", Title: "Heun", Paper: "2206.00364", Steps: 15, exploding: true,
		Aliases: []string{"HeunDiscreteScheduler", "KarrasVeScheduler"},
		options: churnOptions("sigma"),
		make: func(p Params) Sampler {
			return Heun{Churn: p.Churn, ChurnMin: p.ChurnMin, ChurnMax: p.ChurnMax, ChurnNoise: p.ChurnNoise}
		}},
	{Name: "reverse_diffusion", Title: "Reverse diffusion", Paper: "2011.13456", Steps: 1000, exploding: true,
		Aliases: []string{"ScoreSdeVeScheduler", "ScoreSdeVpScheduler"},
		make:    func(Params) Sampler { return ReverseDiffusion{} }},
	{Name: "unipc_bh2", Title: "UniPC, B = e^h-1", Paper: paperUniPC, Steps: 20, options: orderOption(2, 4),
		Aliases: []string{"uni_pc_bh2", "UniPCMultistepScheduler"},
		make:    func(p Params) Sampler { return UniPC{Order: p.Order} }},
	{Name: "unipc_bh1", Title: "UniPC, B = h, order 3", Paper: paperUniPC, Steps: 20,
		options: orderOption(3, 4), Aliases: []string{"unipc", "uni_pc"}, // this in A1111 and ComfyUI
		make: func(p Params) Sampler { return UniPC{Order: nonZero(p.Order, 3), BH1: true} }},
	{Name: "deis", Title: "DEIS, polynomial in log rho", Paper: "2204.13902", Steps: 20,
		Aliases: []string{"DEISMultistepScheduler"}, options: orderOption(3, 3),
		make: func(p Params) Sampler { return DEIS{Order: nonZero(p.Order, 3)} }},
	{Name: "plms", Title: "PLMS", Paper: "2202.09778", Steps: 25,
		make: func(Params) Sampler { return PNDM{} }},
	{Name: "pndm", Title: "PNDM with its Runge-Kutta start", Paper: "2202.09778", Steps: 25,
		Aliases: []string{"f-pndm", "PNDMScheduler"},
		make:    func(Params) Sampler { return PNDM{RungeKutta: true} }},
	{Name: "dpm_2", Title: "DPM2", Paper: "2206.00364", Steps: 15, exploding: true,
		Aliases: []string{"dpm2", "KDPM2DiscreteScheduler"},
		make:    func(Params) Sampler { return DPM2{} }},
	{Name: "dpm_2_ancestral", Title: "DPM2 ancestral", Paper: "2206.00364", Steps: 20, exploding: true,
		Aliases: []string{"dpm2 a", "KDPM2AncestralDiscreteScheduler"}, options: etaOption(1),
		make: func(p Params) Sampler { return DPM2Ancestral{Eta: p.Eta} }},
	{Name: "dpmpp_2s_ancestral", Title: "DPM++ 2S ancestral", Paper: paperDPMPP, Steps: 20, exploding: true,
		Aliases: []string{"dpm++ 2s a", "dpm++ 2s ancestral"}, options: etaOption(1),
		make: func(p Params) Sampler { return DPMPP2SAncestral{Eta: p.Eta} }},
	{Name: "dpmpp_sde", Title: "DPM++ SDE", Paper: paperDPMPP, Steps: 15, exploding: true,
		Aliases: []string{"dpm++ sde", "dpmpp_sde_gpu", "DPMSolverSDEScheduler"}, options: etaOption(1),
		make: func(p Params) Sampler { return DPMPPSDE{Eta: p.Eta} }},
	{Name: "flow_euler", Title: "Flow-matching Euler", Paper: "2403.03206", Steps: 28,
		Aliases: []string{"FlowMatchEulerDiscreteScheduler"},
		make:    func(Params) Sampler { return FlowEuler{} }},
	{Name: "flow_euler_ancestral", Title: "Flow-matching Euler ancestral", Paper: "2501.00103", Steps: 28,
		Aliases: []string{"euler_ancestral_rf", "LTXEulerAncestralRFScheduler"}, options: etaOption(1),
		make: func(p Params) Sampler { return FlowEulerAncestral{Eta: p.Eta} }},
	{Name: "flow_lcm", Title: "Flow-matching latent consistency", Paper: "2310.04378", Steps: 4,
		Aliases: []string{"FlowMatchLCMScheduler"},
		make:    func(Params) Sampler { return FlowEuler{Stochastic: true} }},
	{Name: "flow_heun", Title: "Flow-matching Heun", Paper: "2209.03003", Steps: 15,
		Aliases: []string{"FlowMatchHeunDiscreteScheduler"},
		options: churnOptions("flow time"),
		make: func(p Params) Sampler {
			return FlowHeun{Churn: p.Churn, ChurnMin: p.ChurnMin, ChurnMax: p.ChurnMax, ChurnNoise: p.ChurnNoise}
		}},
	{Name: "lms", Title: "LMS", Paper: "2206.00364", Steps: 30, exploding: true,
		Aliases: []string{"LMSDiscreteScheduler"}, options: orderOption(4, 4),
		make: func(p Params) Sampler { return LMS{Order: p.Order} }},
	{Name: "ipndm", Title: "iPNDM", Paper: "2204.13902", Steps: 20, Aliases: []string{"IPNDMScheduler"},
		make: func(Params) Sampler { return IPNDM{} }},
	{Name: "ipndm_v", Title: "iPNDM for uneven steps", Paper: "2312.00094", Steps: 20, exploding: true,
		options: orderOption(4, 4),
		make:    func(p Params) Sampler { return IPNDMV{Order: p.Order} }},
	{Name: "gradient_estimation", Title: "Gradient estimation", Paper: "2306.04848", Steps: 20, exploding: true,
		options: gammaOption(),
		make:    func(p Params) Sampler { return GradientEstimation{Gamma: p.Gamma} }},
	{Name: "res_multistep", Title: "RES, multistep", Paper: "2308.02157", Steps: 20, exploding: true,
		Aliases: []string{"res"},
		make:    func(Params) Sampler { return RES{} }},
	{Name: "res_multistep_ancestral", Title: "RES, multistep, ancestral", Paper: "2308.02157", Steps: 20,
		exploding: true, options: etaOption(1),
		make: func(p Params) Sampler {
			eta := valueOr(p.Eta, 1)
			return RES{Eta: &eta}
		}},
	{Name: "gradient_estimation_cfg_pp", Title: "Gradient estimation, CFG++", Paper: "2306.04848", Steps: 20,
		exploding: true, options: gammaOption(),
		make: func(p Params) Sampler { return GradientEstimation{Gamma: p.Gamma, CFGPP: true} }},
	{Name: "res_multistep_cfg_pp", Title: "RES, multistep, CFG++", Paper: "2308.02157", Steps: 20, exploding: true,
		make: func(Params) Sampler { return RES{CFGPP: true} }},
	{Name: "res_multistep_ancestral_cfg_pp", Title: "RES, multistep, ancestral, CFG++", Paper: "2308.02157",
		Steps: 20, exploding: true, options: etaOption(1),
		make: func(p Params) Sampler {
			eta := valueOr(p.Eta, 1)
			return RES{Eta: &eta, CFGPP: true}
		}},
	{Name: "dpmpp_2m_cfg_pp", Title: "DPM-Solver++(2M), CFG++", Paper: "2406.08070", Steps: 20, exploding: true,
		Aliases: []string{"dpm++ 2m cfg++"},
		make:    func(Params) Sampler { return DPMPP2MCFGPP{} }},
	{Name: "er_sde", Title: "ER-SDE", Paper: "2309.06169", Steps: 20, options: orderOption(3, 3),
		make: func(p Params) Sampler { return ERSDE{Order: p.Order} }},
	{Name: "ddim_cfg_pp", Title: "DDIM, CFG++", Paper: "2406.08070", Steps: 50, options: etaUpTo(0, 1, aboutEta),
		Aliases: []string{"ddim cfg++"},
		make:    func(p Params) Sampler { return CFGPP{Eta: valueOr(p.Eta, 0)} }},
	{Name: "euler_cfg_pp", Title: "Euler, CFG++", Paper: "2406.08070", Steps: 30, exploding: true,
		Aliases: []string{"euler cfg++"},
		make:    func(Params) Sampler { return CFGPP{} }},
	{Name: "euler_ancestral_cfg_pp", Title: "Euler ancestral, CFG++", Paper: "2406.08070", Steps: 30, exploding: true,
		Aliases: []string{"euler a cfg++", "euler ancestral cfg++"}, options: etaOption(1),
		make: func(p Params) Sampler { return CFGPP{Eta: valueOr(p.Eta, 1)} }},
	{Name: "restart", Title: "Restart over Heun", Paper: "2306.14878", Steps: 20, exploding: true,
		make: func(Params) Sampler { return Restart{} }},
	{Name: "repaint", Title: "RePaint resampling", Paper: "2201.09865", Steps: 250,
		Aliases: []string{"RePaintScheduler"}, options: slices.Concat(etaUpTo(1, 1, aboutEta), jumpOptions()),
		make: func(p Params) Sampler {
			return RePaint{Eta: valueOr(p.Eta, 1), Jump: p.JumpLength, Samples: p.JumpSamples}
		}},
	{Name: "tcd", Title: "Trajectory consistency", Paper: "2402.19159", Steps: 4,
		Aliases: []string{"TCDScheduler"}, distilled: true, final: schedule.FinalSigmaMin,
		options: slices.Concat(etaUpTo(0.3, 1, aboutTCD), originalOption()),
		make:    func(p Params) Sampler { return TCD{Gamma: p.Eta} }},
	{Name: "consistency", Title: "Consistency model", Paper: "2303.01469", Steps: 2, exploding: true,
		Aliases: []string{"CMStochasticIterativeScheduler", "SCMScheduler"},
		make:    func(Params) Sampler { return Consistency{} }},
	{Name: "sa_solver", Title: "SA-Solver", Paper: "2309.05019", Steps: 20, Aliases: []string{"SASolverScheduler"},
		options: slices.Concat(etaUpTo(1, 10, aboutTau), orderOption(2, 4)),
		make: func(p Params) Sampler {
			return SASolver{Tau: p.Eta, Predictor: p.Order, Corrector: p.Order}
		}},
	{Name: "sa_solver_pece", Title: "SA-Solver, evaluated twice", Paper: "2309.05019", Steps: 10,
		options: slices.Concat(etaUpTo(1, 10, aboutTau), orderOption(2, 4)),
		make: func(p Params) Sampler {
			return SASolver{Tau: p.Eta, Predictor: p.Order, Corrector: p.Order, Reevaluate: true}
		}},
	{Name: "ddim_inverse", Title: "DDIM inversion, data to noise", Paper: "2105.05233", Steps: 50,
		Aliases: []string{"DDIMInverseScheduler"}, rising: true, final: schedule.FinalSigmaMin,
		make: func(Params) Sampler { return DDIMInverse{} }},
	{Name: "dpmpp_2m_inverse", Title: "DPM-Solver++(2M) inversion, data to noise", Paper: paperDPMPP, Steps: 25,
		Aliases: []string{"DPMSolverMultistepInverseScheduler"}, rising: true, final: schedule.FinalSigmaMin,
		make: func(Params) Sampler { return DPMSolverPP{Multistep{Inverse: true}} }},
	{Name: "lcm", Title: "Latent consistency", Paper: "2310.04378", Steps: 4, distilled: true,
		Aliases: []string{"LCMScheduler"}, options: originalOption(),
		make: func(Params) Sampler { return LCM{} }},
}
