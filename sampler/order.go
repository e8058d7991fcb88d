package sampler

// orders are those of [Entry.Order]. Samplers that are not here have none.
var orders = map[string]int{
	"ddpm": 1, "ddpm_large": 1, "ddim": 1, "euler": 1, "euler_ancestral": 1, "flow_euler": 1, "flow_euler_ancestral": 1,
	"reverse_diffusion": 1, "repaint": 1,
	"gradient_estimation": 1, "gradient_estimation_cfg_pp": 1, "ddim_inverse": 1,
	"ddim_cfg_pp": 1, "euler_cfg_pp": 1, "euler_ancestral_cfg_pp": 1,
	"dpmsolver1": 1, "dpmsolver2": 2, "dpmsolver3": 3, "dpmpp_1": 1, "dpmpp_2m": 2, "dpmpp_3m": 3,
	"dpmpp_2m_sde": 2, "dpmpp_2m_sde_heun": 2, "dpmpp_3m_sde": 3, "dpmpp_2m_inverse": 2, "dpmpp_2m_cfg_pp": 2,
	"dpmsolver_2s": 2, "dpmsolver_3s": 3, "dpmpp_2s": 2, "dpmpp_3s": 3,
	"heun": 2, "flow_heun": 2, "dpm_2": 2, "dpm_2_ancestral": 2, "dpmpp_2s_ancestral": 2, "dpmpp_sde": 2, "restart": 2,
	"unipc_bh2": 3, "unipc_bh1": 4, "deis": 3, "lms": 4, "plms": 2, "pndm": 2, "ipndm": 2, "ipndm_v": 4, "er_sde": 3,
	"sa_solver": 2, "sa_solver_pece": 2, "res_multistep": 2, "res_multistep_ancestral": 2,
	"res_multistep_cfg_pp": 2, "res_multistep_ancestral_cfg_pp": 2,
}

// Order is the order of accuracy p of the sampler with its default options and without its noise: the error of n
// steps falls as 1/n^p where n is large, as measured on a network whose answers are known. What a last step of lower
// order does to UniPC is left out. 0 is that of samplers which jump to the clean sample in each step.
func (e Entry) Order() int { return orders[e.Name] }
