package diffusers_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/sampler/diffusers"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// typed tells whether an error is one that callers can take apart.
func typed(err error) bool {
	var d *diffusers.Error
	var p *sampler.PlanError
	var s *schedule.Error
	return asAny(err, &d) || asAny(err, &p) || asAny(err, &s)
}

// hostile holds values that a config may have by accident or by intent, for each key.
var hostile = map[string][]any{
	"num_train_timesteps":        {1000, 1, 0, -5, 2, 7, 1 << 40, 1e9, "x"},
	"beta_start":                 {1e-4, 0, -1, 1, 1e-300, 1e300, nil},
	"beta_end":                   {0.02, 0, -1, 1, 0.999},
	"beta_schedule":              {"linear", "scaled_linear", "squaredcos_cap_v2", "sigmoid", "laplace", ""},
	"trained_betas":              {nil, []float64{}, []float64{0.1}, []float64{0.1, 0.2, 0.3}, []float64{-1, 2}},
	"prediction_type":            {"epsilon", "v_prediction", "sample", "flow_prediction", "score", "trigflow"},
	"timestep_spacing":           {"leading", "trailing", "linspace", "random"},
	"steps_offset":               {0, 1, -1, 5000, -5000, 1 << 50},
	"rescale_betas_zero_snr":     {true, false},
	"clip_sample":                {true, false},
	"clip_sample_range":          {1, 0, -1, 1e300},
	"set_alpha_to_one":           {true, false},
	"variance_type":              {nil, "fixed_small", "fixed_large", "learned_range"},
	"use_karras_sigmas":          {true, false, false},
	"use_exponential_sigmas":     {true, false, false},
	"use_beta_sigmas":            {true, false, false},
	"use_lu_lambdas":             {true, false, false},
	"use_flow_sigmas":            {true, false, false},
	"flow_shift":                 {1, 3, 0, -1, 1e300},
	"use_dynamic_shifting":       {true, false},
	"solver_order":               {1, 2, 3, 0, -1, 4, 1 << 30},
	"algorithm_type":             {"dpmsolver", "dpmsolver++", "sde-dpmsolver", "sde-dpmsolver++", "deis"},
	"solver_type":                {"midpoint", "heun", "bh1", "bh2", "logrho"},
	"lower_order_final":          {true, false},
	"euler_at_final":             {true, false},
	"final_sigmas_type":          {"zero", "sigma_min"},
	"lambda_min_clipped":         {nil, "-inf", -5.1, 0, 100, -1e300},
	"interpolation_type":         {"linear", "log_linear"},
	"timestep_type":              {"discrete", "continuous"},
	"sigma_min":                  {nil, 0.1, 0, -1, 1e300},
	"sigma_max":                  {nil, 10, 0, -1, 1e-300},
	"sigma_data":                 {0.5, 1, 0, -1, 1e300, 1e-300},
	"sigma_schedule":             {"karras", "exponential", "linear"},
	"rho":                        {7, 0, -1, 1e-300, 1e300},
	"s_noise":                    {1, 0, -1, 1e300},
	"clip_denoised":              {true, false},
	"thresholding":               {true, false},
	"dynamic_thresholding_ratio": {0.9, 0.995, 0, 1, 2, -1},
	"sample_max_value":           {1, 1.5, 0.5, 1e300, -1},
	"shift":                      {1, 3, 0, -1, 1e300},
	"invert_sigmas":              {true, false},
	"stochastic_sampling":        {true, false},
	"skip_prk_steps":             {true, false},
	"predict_x0":                 {true, false},
	"disable_corrector":          {[]int{}, []int{0}, []int{-1, 2, 1 << 40}, nil},
	"solver_p":                   {nil, nil, "DPM"},
	"shift_terminal":             {nil, 0, 0.1, 1, -1, 1e300},
	"time_shift_type":            {"exponential", "linear", "cubic"},
	"original_inference_steps":   {50, 1, 0, -1, 1 << 40},
	"timestep_scaling":           {10, 0, -1, 1e300},
	"predictor_order":            {2, 1, 0, -1, 4, 5},
	"corrector_order":            {2, 1, 0, -1, 4, 5},
	"eta":                        {0, 1, -1, 2},
	"scale_factors":              {nil, []float64{}, []float64{2}},
	"tau_func":                   {nil, "x"},
	"snr_shift_scale":            {3, 1, 0, -1, 1e300, 1e-300},
	"scaler":                     {1, 2, 0.5, 0, -1, 1e300},
	"s":                          {0.008, 0, -1, 1, 1e300},
}

func pick[T any](r *rand.Rand, v ...T) T { return v[r.IntN(len(v))] }

func hostileOptions(r *rand.Rand) diffusers.Options {
	nan, inf := math.NaN(), math.Inf(1)
	num := func() float64 { return pick(r, 0, 0, 0, 0.5, 1, -1, nan, inf, -inf, 1e300, 1e-300) }
	o := diffusers.Options{Eta: num(), SChurn: num(), SMin: num(), SNoise: num(), SMax: num(),
		Strength: num(), OriginalSteps: pick(r, 0, 0, 50, -1, 1, 1<<40), UseClippedModelOutput: r.IntN(2) == 0}
	switch r.IntN(4) {
	case 0:
		o.Timesteps = pick(r, []float64{}, []float64{999, 500, 0}, []float64{2, 1}, []float64{0}, []float64{1, 2},
			[]float64{nan}, []float64{-1}, []float64{0.9, 0.1}, []float64{1e300})
	case 1:
		o.Sigmas = pick(r, []float64{}, []float64{1}, []float64{14, 3, 0}, []float64{1, 2}, []float64{nan, 0},
			[]float64{inf, 1, 0}, []float64{-1, -2}, []float64{1e300, 1e-300})
	default:
		o.Steps = pick(r, 1, 2, 3, 5, 10, 50, 999, 1000, 0, -1, 1<<40)
	}
	if r.IntN(8) == 0 {
		o.Mu = new(float64)
		*o.Mu = num()
	}
	return o
}

var fourSteps = diffusers.Options{Steps: 4}

var configErrors = []struct {
	config string
	o      diffusers.Options
	want   string // in the message
}{
	{`[]`, fourSteps, "not a JSON object"},
	{`{"_class_name": 5}`, fourSteps, "_class_name"},
	{`{}`, fourSteps,
		`_class_name: "" is not supported: want one of CMStochasticIterativeScheduler, Cog`},
	{`{"_class_name": "DDIMScheduler", "beta_start": "x"}`, fourSteps, "DDIMScheduler: json"},
	{`{"_class_name": "EulerDiscreteScheduler", "thresholding": true}`, fourSteps, "thresholding: this class has no"},
	{`{"_class_name": "UniPCMultistepScheduler", "thresholding": true, "predict_x0": false}`, fourSteps,
		"thresholding: contradicts predict_x0 false"},
	{`{"_class_name": "DDIMScheduler", "thresholding": true, "dynamic_thresholding_ratio": 1.5}`, fourSteps,
		"dynamic_thresholding_ratio: 1.5: want more than 0 and at most 1"},
	{`{"_class_name": "DDIMScheduler", "thresholding": true, "sample_max_value": 0.5}`, fourSteps,
		"sample_max_value: 0.5: want at least 1"},
	{`{"_class_name": "DDPMScheduler", "variance_type": "learned_range"}`, fourSteps, "variance_type: \"learned"},
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
	{`{"_class_name": "UnCLIPScheduler", "variance_type": "fixed_large"}`, fourSteps, "want fixed_small_log"},
	{`{"_class_name": "UnCLIPScheduler", "variance_type": "learned_range"}`, fourSteps, "learned variance is not"},
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

// TestUnknownKeys: keys of other classes or versions are listed, not refused.
func TestUnknownKeys(t *testing.T) {
	s, err := diffusers.Parse(strings.NewReader(`{"_class_name": "DDIMScheduler", "zeta": 1, "alpha": 2,
		"_diffusers_version": "0.1", "lower_case": true}`))
	require.NoError(t, err)
	require.Equal(t, []string{"alpha", "lower_case", "zeta"}, s.Unknown)
}

// TestHostileConfigs: whatever a config and the options hold, there is a valid plan or a typed error.
func TestHostileConfigs(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	keys := slices.Sorted(maps.Keys(hostile))
	plans := 0
	for range 5000 {
		c := map[string]any{"_class_name": pick(r, diffusers.Classes()...)}
		for range r.IntN(5) {
			k := pick(r, keys...)
			c[k] = pick(r, hostile[k]...)
		}
		text, err := json.Marshal(c)
		require.NoError(t, err)
		o := hostileOptions(r)
		func() {
			defer func() {
				if p := recover(); p != nil {
					t.Errorf("%s %+v: panic: %v", text, o, p)
				}
			}()
			s, err := diffusers.Parse(strings.NewReader(string(text)))
			if err == nil {
				var p *sampler.Plan
				if p, err = s.Plan(o); err == nil {
					plans++
					err = p.Validate()
				}
			}
			if err != nil && !typed(err) {
				t.Errorf("%s %+v: %T %v", text, o, err, err)
			}
		}()
	}
	require.Greater(t, plans, 300, "enough of the random configs make a plan")
}

func asAny[T error](err error, target *T) bool { return errors.As(err, target) }

// TestThreshold: the config's values, diffusers' defaults, and none without thresholding.
func TestThreshold(t *testing.T) {
	for text, want := range map[string]sampler.Threshold{
		`{"_class_name": "DDIMScheduler"}`:                       {},
		`{"_class_name": "DDIMScheduler", "thresholding": true}`: {Quantile: 0.995, Max: 1},
		`{"_class_name": "DDPMScheduler", "thresholding": true, "dynamic_thresholding_ratio": 0.9,
			"sample_max_value": 1.5}`: {Quantile: 0.9, Max: 1.5},
	} {
		s, err := diffusers.Parse(strings.NewReader(text))
		require.NoError(t, err)
		require.Equal(t, want, s.Threshold())
		p, err := s.Plan(diffusers.Options{Steps: 2})
		require.NoError(t, err)
		require.Equal(t, want != sampler.Threshold{}, p.Threshold != nil)
		if p.Threshold != nil {
			require.Equal(t, want, *p.Threshold)
			require.Zero(t, p.Stages[0].Clip, "in place of the clip")
		}
	}
}

// TestNoise: classes with betas have a forward process; the others say that theirs is another.
func TestNoise(t *testing.T) {
	without := []string{"FlowMatchEulerDiscreteScheduler", "IPNDMScheduler", "EDMEulerScheduler",
		"EDMDPMSolverMultistepScheduler", "FlowMatchHeunDiscreteScheduler", "CMStochasticIterativeScheduler",
		"CosineDPMSolverMultistepScheduler", "FlowMatchLCMScheduler", "SCMScheduler", "DDPMWuerstchenScheduler"}
	for _, class := range diffusers.Classes() {
		s, err := diffusers.Parse(strings.NewReader(`{"_class_name": "` + class + `"}`))
		require.NoError(t, err)
		n, err := s.Noise()
		if slices.Contains(without, class) {
			require.ErrorContains(t, err, class+": its noise levels are its own")
			continue
		}
		require.NoError(t, err, class)
		require.Equal(t, 1000, n.Timesteps())
	}
}
