package diffusers_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/sampler/diffusers"
)

var fourSteps = diffusers.Options{Steps: 4}

var configErrors = []struct {
	config string
	o      diffusers.Options
	want   string // in the message
}{
	{`[]`, fourSteps, "not a JSON object"},
	{`{"_class_name": 5}`, fourSteps, "_class_name"},
	{`{}`, fourSteps,
		`_class_name: "" is not supported: want one of CMStochasticIterative, CogVideoXDDIM, `},
	{`{"_class_name": "DDIMScheduler", "beta_start": "x"}`, fourSteps, "DDIMScheduler: json"},
	{`{"_class_name": "EulerDiscreteScheduler", "thresholding": true}`, fourSteps, "thresholding: this class has no"},
	{`{"_class_name": "UniPCMultistepScheduler", "thresholding": true, "predict_x0": false}`, fourSteps,
		"thresholding: contradicts predict_x0 false"},
	{`{"_class_name": "DDIMScheduler", "thresholding": true, "dynamic_thresholding_ratio": 1.5}`, fourSteps,
		"dynamic_thresholding_ratio: 1.5: want more than 0 and at most 1"},
	{`{"_class_name": "DDIMScheduler", "thresholding": true, "sample_max_value": 0.5}`, fourSteps,
		"sample_max_value: 0.5: want at least 1"},
	{`{"_class_name": "DDIMScheduler", "trained_betas": [0.1, 0.2]}`, fourSteps,
		"trained_betas: 2 values: want num_train_timesteps, 1000"},
	{`{"_class_name": "DDIMScheduler", "prediction_type": "score"}`, fourSteps, "prediction_type"},
	{`{"_class_name": "DDIMScheduler", "clip_sample_range": 0}`, fourSteps, "clip_sample_range: 0"},
	{`{"_class_name": "EulerDiscreteScheduler", "use_karras_sigmas": true, "use_beta_sigmas": true}`, fourSteps,
		"want at most one"},
	{`{"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 0}`, fourSteps, "flow shift 0: want a positive number"},
	{`{"_class_name": "FlowMatchEulerDiscreteScheduler", "use_dynamic_shifting": true}`, fourSteps, "mu: none: want"},
	{`{"_class_name": "FlowMatchEulerDiscreteScheduler", "time_shift_type": "cubic"}`, fourSteps, "want exponential, linear"},
	{`{"_class_name": "FlowMatchEulerDiscreteScheduler", "invert_sigmas": true, "stochastic_sampling": true}`, fourSteps,
		"stochastic_sampling: contradicts"},
	{`{"_class_name": "FlowMatchEulerDiscreteScheduler"}`, diffusers.Options{Timesteps: []float64{9, 1}},
		"timesteps: contradict the flow times"},
	{`{"_class_name": "IPNDMScheduler", "trained_betas": [0.1]}`, diffusers.Options{Steps: 1}, "trained_betas"},
	{`{"_class_name": "IPNDMScheduler"}`, diffusers.Options{Timesteps: []float64{9, 1}}, "timesteps: contradict"},
	{`{"_class_name": "TCDScheduler"}`, diffusers.Options{Steps: 51}, "steps 51: want 1 to 50"},
	{`{"_class_name": "TCDScheduler"}`, diffusers.Options{Steps: 5, Eta: 2}, "eta 2: want 0 to 1"},
	{`{"_class_name": "PNDMScheduler"}`, diffusers.Options{Steps: 3}, "steps: 3: want at least 4"},
	{`{"_class_name": "DPMSolverSinglestepScheduler", "algorithm_type": "sde-dpmsolver"}`, fourSteps,
		"want dpmsolver, dpmsolver++, sde-dpmsolver++"},
	{`{"_class_name": "DPMSolverSinglestepScheduler", "algorithm_type": "dpmsolver"}`, fourSteps,
		"want a final sigma above 0"},
	{`{"_class_name": "EDMEulerScheduler", "prediction_type": "sample"}`, fourSteps, "want epsilon or v_prediction"},
	{`{"_class_name": "EDMEulerScheduler", "sigma_data": 0}`, fourSteps, "sigma_data: 0: want a positive number"},
	{`{"_class_name": "EDMEulerScheduler", "sigma_schedule": "linear"}`, fourSteps, "want karras, exponential"},
	{`{"_class_name": "EDMEulerScheduler"}`, diffusers.Options{Timesteps: []float64{9, 1}}, "timesteps: contradict"},
	{`{"_class_name": "EDMDPMSolverMultistepScheduler", "algorithm_type": "sde-dpmsolver++", "solver_order": 3}`,
		fourSteps, "solver_order: 3: the SDE form"},
	{`{"_class_name": "FlowMatchHeunDiscreteScheduler", "shift": -1}`, fourSteps, "flow shift -1: want a positive"},
	{`{"_class_name": "FlowMatchHeunDiscreteScheduler"}`, diffusers.Options{Timesteps: []float64{9, 1}},
		"timesteps: contradict the flow times of this class: want steps"},
	{`{"_class_name": "FlowMatchHeunDiscreteScheduler"}`, diffusers.Options{Steps: 4, SChurn: -1}, "churn"},
	{`{"_class_name": "CMStochasticIterativeScheduler", "s_noise": -1}`, fourSteps, "noise scale -1: want finite"},
	{`{"_class_name": "CMStochasticIterativeScheduler"}`, diffusers.Options{Steps: 41}, "steps: 41: want 1 to 40"},
	{`{"_class_name": "CMStochasticIterativeScheduler", "sigma_data": -1}`, fourSteps, "sigma_data: -1"},
	{`{"_class_name": "CMStochasticIterativeScheduler", "rho": 0}`, fourSteps, "rho 0: want a positive number"},
	{`{"_class_name": "UniPCMultistepScheduler", "solver_p": "x"}`, fourSteps, "solver_p: another solver"},
	{`{"_class_name": "UniPCMultistepScheduler", "solver_type": "bh3"}`, fourSteps, "want bh1, bh2, "},
	{`{"_class_name": "UniPCMultistepScheduler", "solver_order": 5}`, fourSteps, "order 5: want 1 to 4"},
	{`{"_class_name": "UniPCMultistepScheduler", "use_flow_sigmas": true, "shift_terminal": 1.5}`, fourSteps,
		"shift_terminal: 1.5: want a number between 0 and 1"},
	{`{"_class_name": "UniPCMultistepScheduler", "use_flow_sigmas": true, "use_dynamic_shifting": true}`, fourSteps,
		"mu: none: want a number"},
	{`{"_class_name": "UniPCMultistepScheduler", "use_flow_sigmas": true, "flow_shift": -1}`, fourSteps,
		"flow shift -1: want a positive number"},
	{`{"_class_name": "FlowMatchLCMScheduler", "invert_sigmas": true}`, fourSteps, "invert_sigmas: true has no"},
	{`{"_class_name": "FlowMatchLCMScheduler", "scale_factors": [2]}`, fourSteps, "scale_factors: a sample has one"},
	{`{"_class_name": "CosineDPMSolverMultistepScheduler", "solver_order": 3}`, fourSteps, "solver_order: 3: the SDE form"},
	{`{"_class_name": "SCMScheduler"}`, diffusers.Options{Timesteps: []float64{1, 0.5}}, "want at least 2, from at most"},
	{`{"_class_name": "SCMScheduler"}`, diffusers.Options{Timesteps: []float64{2, 0}}, "want at least 2, from at most"},
	{`{"_class_name": "SCMScheduler", "prediction_type": "epsilon"}`, fourSteps, "prediction_type: want trigflow"},
	{`{"_class_name": "SCMScheduler", "sigma_data": 0}`, fourSteps, "sigma_data: 0"},
	{`{"_class_name": "RePaintScheduler", "eta": 2}`, fourSteps, "eta 2: want 0 to 1"},
	{`{"_class_name": "RePaintScheduler"}`, diffusers.Options{Steps: 4, JumpLength: -1}, "jump length -1"},
	{`{"_class_name": "RePaintScheduler"}`, diffusers.Options{Timesteps: []float64{9, 1}}, "timesteps: contradict"},
	{`{"_class_name": "SASolverScheduler", "predictor_order": 5}`, fourSteps, "want 1 to 4"},
	{`{"_class_name": "SASolverScheduler", "tau_func": "x"}`, fourSteps, "tau_func: code"},
	{`{"_class_name": "SASolverScheduler", "algorithm_type": "dpmsolver"}`, fourSteps, "want data_prediction, noise_"},
	{`{"_class_name": "DDIMInverseScheduler", "timestep_spacing": "linspace"}`, fourSteps, "want leading or trailing"},
	{`{"_class_name": "DDIMInverseScheduler", "prediction_type": "sample"}`, fourSteps, "a clean sample at sigma 0"},
	{`{"_class_name": "DDIMInverseScheduler"}`, diffusers.Options{Timesteps: []float64{9, 1}}, "timesteps: contradict"},
	{`{"_class_name": "DPMSolverMultistepInverseScheduler"}`, diffusers.Options{Timesteps: []float64{9, 1}},
		"timesteps: contradict"},
	{`{"_class_name": "DPMSolverMultistepInverseScheduler", "algorithm_type": "sde-dpmsolver++"}`, fourSteps,
		"want dpmsolver, dpmsolver++"},
	{`{"_class_name": "DPMSolverMultistepInverseScheduler", "use_flow_sigmas": true}`, fourSteps, "does not turn its flow"},
	{`{"_class_name": "DPMSolverMultistepInverseScheduler", "lambda_min_clipped": 100}`, fourSteps, "leaves no timestep"},
	{`{"_class_name": "DPMSolverMultistepInverseScheduler"}`, diffusers.Options{Steps: 1000}, "not distinct and rising"},
	{`{"_class_name": "UnCLIPScheduler", "prediction_type": "v_prediction"}`, fourSteps, "want epsilon or sample"},
	{`{"_class_name": "UnCLIPScheduler", "variance_type": "fixed_large"}`, fourSteps, "want fixed_small_log or learned_range"},
	{`{"_class_name": "UnCLIPScheduler", "beta_schedule": "linear"}`, fourSteps, "want squaredcos_cap_v2"},
	{`{"_class_name": "UnCLIPScheduler"}`, diffusers.Options{Steps: 1}, "steps: 1: want at least 2"},
	{`{"_class_name": "UnCLIPScheduler"}`, diffusers.Options{Timesteps: []float64{9, 1}}, "timesteps: contradict"},
	{`{"_class_name": "DDPMWuerstchenScheduler", "prediction_type": "sample"}`, fourSteps, "sample: want epsilon"},
	{`{"_class_name": "DDPMWuerstchenScheduler", "scaler": 0}`, fourSteps, "scaler: 0, s 0.008: want a positive"},
	{`{"_class_name": "DDPMWuerstchenScheduler"}`, diffusers.Options{Timesteps: []float64{9, 1}}, "from at most 1"},
	{`{"_class_name": "DDPMWuerstchenScheduler"}`, diffusers.Options{Timesteps: []float64{0.002, 0.001}},
		"1 points: want at least 2"},
	{`{"_class_name": "CogVideoXDDIMScheduler", "snr_shift_scale": 0}`, fourSteps, "SNR shift 0: want a positive"},
	{`{"_class_name": "CogVideoXDDIMScheduler", "rescale_betas_zero_snr": true}`, fourSteps, "zero terminal SNR"},
	{`{"_class_name": "CogVideoXDDIMScheduler"}`, diffusers.Options{Timesteps: []float64{9, 1}}, "timesteps: contradict"},
	{`{"_class_name": "CogVideoXDPMScheduler"}`, diffusers.Options{Timesteps: []float64{9, 1}}, "timesteps: contradict"},
	{`{"_class_name": "CogVideoXDPMScheduler", "thresholding": true}`, fourSteps, "has no dynamic thresholding"},
	{`{"_class_name": "ScoreSdeVeScheduler"}`, fourSteps, "correct_steps: 1: a corrector's step size is made of"},
	{`{"_class_name": "ScoreSdeVeScheduler", "correct_steps": 0}`, diffusers.Options{Steps: 1}, "want at least 2"},
	{`{"_class_name": "ScoreSdeVeScheduler", "correct_steps": 0, "sampling_eps": 1}`, fourSteps, "sampling_eps: 1: want"},
	{`{"_class_name": "ScoreSdeVeScheduler", "correct_steps": 0, "prediction_type": "sample"}`, fourSteps, "has none"},
	{`{"_class_name": "ScoreSdeVeScheduler", "correct_steps": 0, "sigma_min": 0}`, fourSteps, "sigma"},
	{`{"_class_name": "ScoreSdeVpScheduler", "beta_max": 0}`, fourSteps, "beta_min: 0.1, beta_max 0: want"},
	{`{"_class_name": "ScoreSdeVpScheduler"}`, diffusers.Options{Timesteps: []float64{9, 1}}, "timesteps: contradict"},
	{`{"_class_name": "KarrasVeScheduler"}`, diffusers.Options{Steps: 1}, "steps: 1: want at least 2"},
	{`{"_class_name": "KarrasVeScheduler", "s_noise": 0}`, fourSteps, "s_noise: 0: want a positive number"},
	{`{"_class_name": "KarrasVeScheduler", "s_churn": -1}`, fourSteps, "want numbers >= 0"},
	{`{"_class_name": "KarrasVeScheduler", "prediction_type": "sample"}`, fourSteps, "has none"},
	{`{"_class_name": "KarrasVeScheduler"}`, diffusers.Options{Timesteps: []float64{9, 1}}, "timesteps: contradict"},
	{`{"_class_name": "LTXEulerAncestralRFScheduler", "s_noise": 0}`, fourSteps, "s_noise: 0 with eta 1 leaves"},
	{`{"_class_name": "LTXEulerAncestralRFScheduler", "s_noise": -1}`, fourSteps, "noise scale -1: want a finite"},
	{`{"_class_name": "LTXEulerAncestralRFScheduler", "eta": 2}`, fourSteps, "eta 2: want 0 to 1"},
	{`{"_class_name": "LTXEulerAncestralRFScheduler", "invert_sigmas": true}`, fourSteps, "from data to noise"},
	{`{"_class_name": "LTXEulerAncestralRFScheduler"}`, diffusers.Options{Sigmas: []float64{2, 0}}, "want flow times"},
	{`{"_class_name": "LTXEulerAncestralRFScheduler"}`, diffusers.Options{Timesteps: []float64{9, 1}}, "contradict the flow"},
	{`{"_class_name": "DDIMScheduler"}`, diffusers.Options{}, "want exactly one"},
	{`{"_class_name": "DDIMScheduler"}`, diffusers.Options{Steps: 1001}, "steps: 1001: want 1 to 1000"},
	{`{"_class_name": "DDIMScheduler"}`, diffusers.Options{Timesteps: []float64{1, 2}}, "timesteps: 2 at 1"},
	{`{"_class_name": "DDIMScheduler"}`, diffusers.Options{Timesteps: []float64{}}, "too few"},
	{`{"_class_name": "DDIMScheduler"}`, diffusers.Options{Timesteps: []float64{9, 1}, Strength: 0.1},
		"strength: 0.1: leaves none"},
	{`{"_class_name": "LCMScheduler"}`, diffusers.Options{Steps: 1, Strength: -1}, "strength: -1"},
	{`{"_class_name": "DDIMScheduler"}`, diffusers.Options{Sigmas: []float64{1, 0}}, "sigmas: only Euler"},
	{`{"_class_name": "EulerDiscreteScheduler"}`, diffusers.Options{Sigmas: []float64{1, 2}}, "sigmas: 2 at 1"},
	{`{"_class_name": "DDIMScheduler"}`, diffusers.Options{Steps: 4, Mu: new(float64)}, "use_dynamic_shifting"},
}

// TestConfigErrors: what was wrong is named, with what would be right.
func TestConfigErrors(t *testing.T) {
	for _, c := range configErrors {
		s, err := diffusers.Parse(strings.NewReader(c.config))
		if err == nil {
			_, err = s.Plan(c.o)
		}
		var e *diffusers.Error
		require.ErrorAs(t, err, &e, "%s %+v", c.config, c.o)
		require.ErrorContains(t, err, c.want, "%s %+v", c.config, c.o)
	}
	_, err := diffusers.Parse(strings.NewReader(strings.Repeat(" ", diffusers.MaxConfigBytes+1)))
	require.ErrorContains(t, err, "more than")
	_, err = diffusers.Parse(strings.NewReader(`{"_class_name": "DDIMScheduler", "eta": ` + strings.Repeat("1", 1<<12) + `}`))
	require.Error(t, err)
	require.Less(t, len(err.Error()), 2000)
	for _, key := range []string{"_class_name", "beta_schedule", "prediction_type", "timestep_spacing"} { // long values are cut
		text, err := json.Marshal(map[string]string{"_class_name": "DDIMScheduler", key: strings.Repeat("x", 1<<16)})
		require.NoError(t, err)
		s, err := diffusers.Parse(bytes.NewReader(text))
		if err == nil {
			_, err = s.Plan(fourSteps)
		}
		require.ErrorContains(t, err, strings.Repeat("x", 40))
		require.Less(t, len(err.Error()), 2000, key)
	}
}
