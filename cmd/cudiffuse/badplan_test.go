package main

import "fmt"

var badPlans = []badCase{
	{"plan", "want --sampler (one of consistency, ddim, "},
	{"plan --sampler ddim --scheduler-config @ddim.json", "--sampler and --scheduler-config can't be used together"},
	{"plan --sampler nope", `unknown sampler "nope": want one of consistency`},
	{"plan --sampler ddim --steps 1001", "steps 1001: want 1 to 1000"},
	{"plan --sampler ddim --steps -1", "--steps -1: want 1 to 1000"},
	{"plan --sampler ddim --steps 5 --timesteps 3,2,1", "--steps and --timesteps: want one of them"},
	{"plan --sampler ddim --timesteps 1,2,3", "want falling values from 999 to 0"},
	{"plan --sampler ddim --timesteps 1000,1", "want falling values from 999 to 0"},
	{"plan --sampler ddim --timesteps NaN", "want falling values from 999 to 0"},
	{"plan --sampler ddim --sigmas 3,1,0", "--sigmas, --mu and --strength go with --scheduler-config"},
	{"plan --sampler ddim --beta-start -1", "beta start -1: want a number between 0 and 1"},
	{"plan --sampler ddim --beta-start NaN", "beta start NaN: want a number between 0 and 1"},
	{"plan --sampler ddim --beta-end 0.00001", "beta end 1e-05: want a number between beta start and 1"},
	{"plan --sampler ddim --beta-schedule cosine", `beta schedule "cosine": want linear, scaled_linear`},
	{"plan --sampler ddim --num-train-timesteps 0", "training timesteps 0: want 1 to"},
	{"plan --sampler ddim --num-train-timesteps 99999999", "training timesteps 99999999: want 1 to"},
	{"plan --sampler ddim --steps 1 --trained-betas 0.1,2", "beta[1] 2: want a number between 0 and 1"},
	{"plan --sampler ddim --prediction-type score", `prediction type "score": want epsilon, v_prediction`},
	{"plan --sampler ddim --prediction-type flow_prediction", "want a flow grid"},
	{"plan --sampler ddim --timestep-spacing random", `timestep spacing "random": want leading`},
	{"plan --sampler ddim --schedule-type linear", `schedule type "linear": want normal`},
	{"plan --sampler ddim --final-sigmas-type one", `--final-sigmas-type "one": want zero or sigma_min`},
	{"plan --sampler ddim --clip-sample -1", "--clip-sample -1: want a positive range, or 0 for none"},
	{"plan --sampler ddim --steps-offset 5000 --timestep-spacing leading", "steps offset 5000: want one that keeps"},
	{"plan --sampler ddim --rescale-betas-zero-snr", "want v_prediction or sample with zero terminal SNR"},
	{"plan --sampler dpm_2 --eta 1", "has no option eta: it takes no options"},
	{"plan --sampler lcm --steps 51", "steps 51: want 1 to 50, the original steps"},

	{"plan --scheduler-config nope.json --steps 5", "--scheduler-config: open nope.json: no such file"},
	{"plan --scheduler-config @tiny --steps 5", "is a directory"},
	{"plan --scheduler-config @file --steps 5", "not a JSON object"},
	{"plan --scheduler-config @other.json --steps 5", `"OtherScheduler" is not supported: want one of`},
	{"plan --scheduler-config @threshold.json --steps 5", "dynamic_thresholding_ratio: 2: want more than 0 and at most 1"},
	{"plan --scheduler-config @curves.json --steps 5", "more than one of the use_*_sigmas options is set: want at most one"},
	{"plan --scheduler-config @betas.json --steps 5", "beta end 0.0001: want a number between beta start and 1"},
	{"plan --scheduler-config @kind.json --steps 5", `prediction type "score": want epsilon`},
	{"plan --scheduler-config @zerosnr.json --steps 5", "want v_prediction or sample with zero terminal SNR"},
	{"plan --scheduler-config @final.json --steps 5", "the grid ends at sigma 0: want a final sigma above 0"},
	{"plan --scheduler-config @ddim.json", "0 of steps, timesteps and sigmas given: want exactly one"},
	{"plan --scheduler-config @ddim.json --steps 5 --timesteps 3,2", "2 of steps, timesteps and sigmas given"},
	{"plan --scheduler-config @ddim.json --steps 1001", "steps: 1001: want 1 to 1000"},
	{"plan --scheduler-config @ddim.json --timesteps 1,2", "timesteps: 2 at 1: want falling values from 0 to 999"},
	{"plan --scheduler-config @ddim.json --sigmas 3,1,0", "only EulerDiscreteScheduler and FlowMatchEulerDiscreteScheduler take them"},
	{"plan --scheduler-config @ddim.json --steps 5 --eta 2", "eta 2: want 0 to 1"},
	{"plan --scheduler-config @ddim.json --steps 5 --strength 2", "strength: 2: want a number above 0, at most 1"},
	{"plan --scheduler-config @ddim.json --steps 5 --mu 1", "use_dynamic_shifting"},
	{"plan --scheduler-config @euler.json --sigmas 1,2,0", "sigmas: 2 at 1: want falling numbers"},
	{"plan --scheduler-config @lcm.json --steps 51", "steps 51: want 1 to 50"},
}

// plans writes scheduler configs, each with one fault.
func (f fixtures) plans() {
	for name, c := range map[string][2]string{
		"ddim":      {"DDIMScheduler", ""},
		"euler":     {"EulerDiscreteScheduler", ""},
		"lcm":       {"LCMScheduler", ""},
		"other":     {"OtherScheduler", ""},
		"threshold": {"DDIMScheduler", `, "thresholding": true, "dynamic_thresholding_ratio": 2`},
		"curves":    {"EulerDiscreteScheduler", `, "use_karras_sigmas": true, "use_beta_sigmas": true`},
		"betas":     {"DDIMScheduler", `, "beta_start": 0.02, "beta_end": 0.0001`},
		"kind":      {"DDIMScheduler", `, "prediction_type": "score"`},
		"zerosnr":   {"EulerDiscreteScheduler", `, "rescale_betas_zero_snr": true`},
		"final":     {"DPMSolverMultistepScheduler", `, "algorithm_type": "dpmsolver", "final_sigmas_type": "zero"`},
	} {
		f.write(name+".json", fmt.Appendf(nil, `{"_class_name": %q%s}`, c[0], c[1]))
	}
}
