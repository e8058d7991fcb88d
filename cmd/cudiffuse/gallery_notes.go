package main

// note is what the page says of a sampler beyond its registry entry.
type note struct {
	name    string
	a1111   string // its names in the menus of other programs; "" where there is none
	comfyUI string
	config  string // a class of diffusers and its settings, where the class alone is another sampler
	use     string // when to use it
	picture string // why there is no picture; "" means there is one
	student bool   // drawn by the distilled model
}

// family is a group of samplers under one heading.
type family struct {
	title string
	about string
	notes []note
}

// Why some samplers are not drawn.
const (
	noFlow = "No picture: the sampler is for rectified-flow networks on their own grids (SD3, FLUX), and the " +
		"bundled model is a variance-preserving diffusion model."
	noInversion = "No picture: it goes from data to noise, and what it returns is noise."
	noConsist   = "No picture: it wants a network with the boundary condition of consistency models at sigma 0.002; " +
		"the bundled student was distilled for `lcm`, at 50 timesteps, and is not one."
)

// families is the page, in its order. TestGalleryPage holds it to the registry.
var families = []family{
	{"First order, one evaluation a step", "The simplest methods: each step takes the newest prediction alone.",
		[]note{
			{name: "ddim", a1111: "DDIM", comfyUI: "ddim",
				use: "The deterministic baseline of order 1, and the one to edit and invert with; `eta` from 0 to 1 adds noise, up to that of DDPM. Wants about 50 steps."},
			{name: "euler", a1111: "Euler", comfyUI: "euler",
				use: "DDIM with eta 0 in another scale, order 1; `s-churn` adds noise. A safe first choice where nothing is known of the network."},
			{name: "dpmpp_1", config: "DPMSolverMultistepScheduler solver_order=1",
				use: "DPM-Solver++ of order 1, which is DDIM with eta 0 up to rounding; for comparisons of orders."},
			{name: "dpmsolver1", config: "DPMSolverMultistepScheduler algorithm_type=dpmsolver solver_order=1 final_sigmas_type=sigma_min",
				use: "DPM-Solver of order 1: DDIM's steps, but ending at the smallest sigma, so a little noise is left; for comparisons of orders."},
			{name: "gradient_estimation", comfyUI: "gradient_estimation",
				use: "Deterministic, Euler along an extrapolated noise (`gamma` 2); order 1 as published, though often better than Euler in 10 to 20 steps."},
		}},
	{"Multistep, one evaluation a step", "Deterministic methods that keep earlier predictions: the most accuracy for an evaluation.",
		[]note{
			{name: "dpmpp_2m", a1111: "DPM++ 2M", comfyUI: "dpmpp_2m",
				use: "The field's default: deterministic, order 2, steady under guidance. Use it with 15 to 25 steps unless there is a reason not to."},
			{name: "dpmpp_3m",
				use: "Deterministic, order 3: as `dpmpp_2m` in few steps with weak guidance, less steady when guidance is strong. The authors' code and diffusers' `solver_order=3` give the curvature half its weight and are of order 2, so their images differ."},
			{name: "dpmsolver2", config: "DPMSolverMultistepScheduler algorithm_type=dpmsolver solver_order=2 final_sigmas_type=sigma_min",
				use: "Deterministic, order 2, over the predicted noise in place of the clean image; `dpmpp_2m` is steadier under guidance."},
			{name: "dpmsolver3",
				use: "Deterministic, order 3, over the predicted noise; unconditional models with 15 or more steps. The authors' code and diffusers' `solver_order=3` give the curvature half its weight and are of order 2, so their images differ."},
			{name: "unipc_bh2", comfyUI: "uni_pc_bh2",
				use: "Deterministic, a predictor of order 2 and a corrector that costs nothing and makes it 3. Good in 5 to 10 steps."},
			{name: "unipc_bh1", a1111: "UniPC", comfyUI: "uni_pc", config: "UniPCMultistepScheduler solver_type=bh1 solver_order=3",
				use: "The same with B = h and one order more, which is what A1111 and ComfyUI call UniPC; its authors advise it for weak or no guidance."},
			{name: "deis", comfyUI: "deis",
				use: "Deterministic exponential integrator, order 3 by default; few steps without strong guidance."},
			{name: "lms", a1111: "LMS", comfyUI: "lms",
				use: "Deterministic Adams-Bashforth method, order 4 by default; accurate in many steps, noisy in few."},
			{name: "ipndm", comfyUI: "ipndm",
				use: "Deterministic, four predictions with the weights of even steps, so order 2 on other grids; cheap, and good in 10 to 20 steps."},
			{name: "ipndm_v", comfyUI: "ipndm_v",
				use: "iPNDM with the weights of the steps that there are: order 4 in the limit, as `lms`."},
			{name: "plms", a1111: "PLMS", config: "PNDMScheduler skip_prk_steps=true",
				use: "Deterministic, the sampler of the first Stable Diffusion; one evaluation more than steps. To repeat its images; noisy in fewer than 10 steps."},
			{name: "pndm", use: "PLMS with its Runge-Kutta start, nine evaluations more; to repeat published results."},
			{name: "res_multistep", comfyUI: "res_multistep",
				use: "Deterministic, order 2, the heun form of DPM-Solver++; what `dpmpp_2m` is good for."},
		}},
	{"Singlestep and two evaluations a step", "Deterministic methods without a memory of earlier steps. " +
		"The singlestep forms spend the points of the grid, so a step of the request is one evaluation; the others evaluate twice a step.",
		[]note{
			{name: "dpmsolver_2s", config: "DPMSolverSinglestepScheduler algorithm_type=dpmsolver solver_order=2 final_sigmas_type=sigma_min",
				use: "Deterministic, order 2 over pairs of points, from about 10 steps on; for grids or masks that change between steps, which a memory would not survive."},
			{name: "dpmsolver_3s", config: "DPMSolverSinglestepScheduler algorithm_type=dpmsolver solver_order=3 final_sigmas_type=sigma_min",
				use: "Deterministic, order 3 over triples of points; unconditional models with 15 or more steps. In 5 steps it breaks down, as the picture shows."},
			{name: "dpmpp_2s", use: "Deterministic, order 2 over pairs of points, with the clean image as prediction; guided models where a memory is unwanted."},
			{name: "dpmpp_3s", config: "DPMSolverSinglestepScheduler solver_order=3",
				use: "Deterministic, order 3 over triples of points; as `dpmpp_2s`, and less steady under strong guidance."},
			{name: "heun", a1111: "Heun", comfyUI: "heun",
				use: "Deterministic, order 2, two evaluations a step: EDM's sampler. Accurate from about 30 evaluations on, poor in very few; `s-churn` adds noise, which corrects errors in many steps."},
			{name: "dpm_2", a1111: "DPM2", comfyUI: "dpm_2",
				use: "Deterministic midpoint method of order 2, two evaluations a step; as Heun."},
		}},
	{"With noise in each step", "Stochastic methods: the noise corrects earlier errors, so they win in many steps and lose in few. " +
		"More steps change the image, not only its accuracy.",
		[]note{
			{name: "ddpm", use: "The reverse process as trained, exact in 1000 steps only; a reference, not a fast sampler."},
			{name: "ddpm_large", config: "DDPMScheduler variance_type=fixed_large",
				use: "DDPM with the larger variance; exact in 1000 steps only, and visibly noisy in few."},
			{name: "reverse_diffusion",
				use: "The predictor of score-based models, `ddpm_large` in the other scale; exact in 1000 steps only, a reference for networks of that kind."},
			{name: "euler_ancestral", a1111: "Euler a", comfyUI: "euler_ancestral",
				use: "Stochastic, order 1: soft, varied images in 20 to 40 steps; `eta` less than 1 for less noise."},
			{name: "dpm_2_ancestral", a1111: "DPM2 a", comfyUI: "dpm_2_ancestral",
				use: "Stochastic midpoint method, two evaluations a step; to repeat images made with it."},
			{name: "dpmpp_2s_ancestral", a1111: "DPM++ 2S a", comfyUI: "dpmpp_2s_ancestral",
				use: "Stochastic, order 2 without its noise, two evaluations a step; detailed images in 20 to 30 steps."},
			{name: "dpmpp_sde", a1111: "DPM++ SDE", comfyUI: "dpmpp_sde",
				use: "Stochastic, two evaluations a step; popular for 10 to 15 steps on large networks."},
			{name: "dpmpp_2m_sde", a1111: "DPM++ 2M SDE", comfyUI: "dpmpp_2m_sde", config: "DPMSolverMultistepScheduler algorithm_type=sde-dpmsolver++",
				use: "Stochastic form of `dpmpp_2m`, one evaluation a step; 25 to 50 steps."},
			{name: "dpmpp_2m_sde_heun", a1111: "DPM++ 2M SDE Heun", comfyUI: "dpmpp_2m_sde_heun", config: "DPMSolverMultistepScheduler algorithm_type=sde-dpmsolver++ solver_type=heun",
				use: "The same with the heun form of its second-order term."},
			{name: "dpmpp_3m_sde", a1111: "DPM++ 3M SDE", comfyUI: "dpmpp_3m_sde",
				use: "The same with two earlier predictions; its authors' community advises more steps (30 and up) and less guidance. The curvature has its full weight, unlike in k-diffusion: see `dpmpp_3m`."},
			{name: "res_multistep_ancestral", comfyUI: "res_multistep_ancestral",
				use: "Stochastic form of `res_multistep`, one evaluation a step."},
			{name: "er_sde", comfyUI: "er_sde",
				use: "Stochastic with a noise scale chosen for few steps, up to order 3; the stochastic one to try in 10 to 20 steps."},
			{name: "sa_solver", comfyUI: "sa_solver",
				use: "Stochastic Adams predictor and corrector, one evaluation a step; `eta` is its tau, and 0 makes it deterministic."},
			{name: "sa_solver_pece", comfyUI: "sa_solver_pece",
				use: "The same, evaluating again after the corrector: about two evaluations a step."},
			{name: "restart", a1111: "Restart",
				use: "Heun that returns to a noisier level and solves again: for quality where evaluations do not matter much."},
		}},
	{"Guidance in the form of CFG++", "They step with the noise of the unconditional prediction and want a small guidance scale, 0.6 to 2, where others want 5 to 12. " +
		"With one condition they are the samplers that they are named for.",
		[]note{
			{name: "ddim_cfg_pp", a1111: "DDIM CFG++", use: "Deterministic at eta 0, order 1: DDIM for strong guidance without its burnt colours, and for inversion under guidance."},
			{name: "euler_cfg_pp", comfyUI: "euler_cfg_pp", use: "The same in Euler's scale; deterministic, order 1."},
			{name: "euler_ancestral_cfg_pp", comfyUI: "euler_ancestral_cfg_pp", use: "With Euler ancestral's noise; stochastic."},
			{name: "dpmpp_2m_cfg_pp", comfyUI: "dpmpp_2m_cfg_pp", use: "Deterministic, multistep: CFG++ in 15 to 25 steps."},
			{name: "res_multistep_cfg_pp", comfyUI: "res_multistep_cfg_pp", use: "Deterministic, multistep; as `dpmpp_2m_cfg_pp`, of another form."},
			{name: "res_multistep_ancestral_cfg_pp", comfyUI: "res_multistep_ancestral_cfg_pp", use: "The same with noise; stochastic. As in ComfyUI a condition acts on a small share of a long step, so at 5 steps the picture has lost its classes."},
			{name: "gradient_estimation_cfg_pp", comfyUI: "gradient_estimation_cfg_pp", use: "Gradient estimation with this guidance; deterministic, order 1."},
		}},
	{"For distilled weights", "They jump to the clean image in each step and add noise anew. With weights that were not distilled for it the images are blurred.",
		[]note{
			{name: "lcm", a1111: "LCM", comfyUI: "lcm", student: true,
				use: "1 to 8 steps with weights distilled for latent consistency (LCM, LCM-LoRA), which have guidance built in."},
			{name: "tcd", student: true,
				use: "2 to 8 steps with weights distilled for trajectory consistency (TCD-LoRA); `eta` is its gamma: 0 deterministic, 1 nearly LCM. Drawn with the bundled LCM student, which was not distilled for it, so the images get worse with more steps."},
			{name: "consistency", picture: noConsist,
				use: "1 or 2 steps with consistency models, distilled or trained as such."},
		}},
	{"Inpainting", "",
		[]note{
			{name: "repaint", use: "Stochastic: DDIM with DDPM's noise that jumps back again and again, so that the new part fits the known one; from some 20 steps on, at many times the evaluations. Drawn here without a known part, where it only corrects itself."},
		}},
	{"Rectified flow", "",
		[]note{
			{name: "flow_euler", picture: noFlow, use: "The usual sampler of flow networks: deterministic, order 1, 20 to 50 steps, 4 for distilled ones."},
			{name: "flow_euler_ancestral", picture: noFlow, use: "Stochastic, order 1, for flows: `euler_ancestral` on their own scale, LTX-Video's and ComfyUI's; `eta` less than 1 for less noise."},
			{name: "flow_heun", picture: noFlow, use: "Deterministic, order 2, two evaluations a step; where accuracy matters more than time."},
			{name: "flow_lcm", picture: noFlow, use: "Stochastic, 1 to 8 steps with flow weights distilled for consistency."},
		}},
	{"Inversion", "From data to noise: the noise gives the data back under the sampler of the same name, for editing.",
		[]note{
			{name: "ddim_inverse", picture: noInversion, use: "Inverts `ddim` with eta 0; order 1, so use 50 steps or more and no guidance."},
			{name: "dpmpp_2m_inverse", picture: noInversion, use: "Inverts `dpmpp_2m`; order 2, so about half the steps do."},
		}},
}
