package diffusers_test

import (
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
	"variance_type":              {nil, "fixed_small", "fixed_large", "learned", "learned_range"},
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
	"beta_min":                   {0.1, 0, -1, 1e300},
	"beta_max":                   {20, 0, -1, 1e300, 1e-300},
	"sampling_eps":               {1e-5, 0.5, 0, 1, -1, 1e-300},
	"correct_steps":              {0, 0, 1, -1, 1 << 40},
	"s_churn":                    {80, 0, -1, 1e300},
	"s_min":                      {0, 0.05, -1, 1e300},
	"s_max":                      {50, 0, -1, 1e300},
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
		"CosineDPMSolverMultistepScheduler", "FlowMatchLCMScheduler", "SCMScheduler", "DDPMWuerstchenScheduler",
		"ScoreSdeVeScheduler", "ScoreSdeVpScheduler", "KarrasVeScheduler", "LTXEulerAncestralRFScheduler"}
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
