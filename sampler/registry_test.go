package sampler_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/sampler/diffusers"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// TestLookup: every name and alias finds its entry however it is written, and no two collide.
func TestLookup(t *testing.T) {
	names := sampler.Names()
	require.True(t, slices.IsSorted(names))
	owner := map[string]string{}
	for _, name := range names {
		e, err := sampler.Lookup(name)
		require.NoError(t, err)
		require.Equal(t, name, e.Name)
		require.NotEmpty(t, e.Title)
		require.Regexp(t, `^\d{4}\.\d{5}$`, e.Paper)
		for _, alias := range append([]string{name}, e.Aliases...) {
			for _, written := range []string{alias, strings.ToUpper(alias), strings.ReplaceAll(alias, " ", "_"),
				strings.ReplaceAll(alias, "_", "-"), " " + alias} {
				found, err := sampler.Lookup(written)
				require.NoError(t, err, written)
				require.Equal(t, name, found.Name, written)
			}
			require.Empty(t, owner[alias], "%s is an alias of two", alias)
			owner[alias] = name
		}
	}
	for _, class := range diffusers.Classes() {
		require.Contains(t, owner, class, "diffusers' classes are names too")
	}
	for _, bad := range []string{"", " ", "nope", "ddim ddim", "dpm++", strings.Repeat("x", 1<<16)} {
		_, err := sampler.Lookup(bad)
		var e *sampler.PlanError
		require.ErrorAs(t, err, &e)
		require.ErrorContains(t, err, "want one of consistency, ddim, ddim_cfg_pp, ddim_inverse, ddpm, ")
		require.Less(t, len(err.Error()), 1500, "a long name is cut")
	}
}

// TestForeignNames: the names of the menus of A1111 and ComfyUI, and what they mean here.
func TestForeignNames(t *testing.T) {
	for written, want := range map[string]string{
		"Euler": "euler", "Euler a": "euler_ancestral", "Heun": "heun", "DPM2": "dpm_2", "DPM2 a": "dpm_2_ancestral",
		"LMS": "lms", "DPM++ 2S a": "dpmpp_2s_ancestral", "DPM++ 2M": "dpmpp_2m", "DPM++ SDE": "dpmpp_sde",
		"DPM++ 2M SDE": "dpmpp_2m_sde", "DPM++ 2M SDE Heun": "dpmpp_2m_sde_heun", "DPM++ 3M SDE": "dpmpp_3m_sde",
		"Restart": "restart", "DDIM": "ddim", "DDIM CFG++": "ddim_cfg_pp", "PLMS": "plms", "UniPC": "unipc_bh1",
		"LCM": "lcm", "DDPM": "ddpm",
		"euler_cfg_pp": "euler_cfg_pp", "euler_ancestral_cfg_pp": "euler_ancestral_cfg_pp",
		"dpmpp_2m_cfg_pp": "dpmpp_2m_cfg_pp", "dpmpp_sde_gpu": "dpmpp_sde", "dpmpp_2m_sde_gpu": "dpmpp_2m_sde",
		"dpmpp_2m_sde_heun_gpu": "dpmpp_2m_sde_heun", "dpmpp_3m_sde_gpu": "dpmpp_3m_sde", "ipndm": "ipndm",
		"ipndm_v": "ipndm_v", "deis": "deis", "res_multistep": "res_multistep",
		"res_multistep_cfg_pp": "res_multistep_cfg_pp", "res_multistep_ancestral": "res_multistep_ancestral",
		"res_multistep_ancestral_cfg_pp": "res_multistep_ancestral_cfg_pp",
		"gradient_estimation":            "gradient_estimation",
		"gradient_estimation_cfg_pp":     "gradient_estimation_cfg_pp", "er_sde": "er_sde", "sa_solver": "sa_solver",
		"sa_solver_pece": "sa_solver_pece", "uni_pc": "unipc_bh1", "uni_pc_bh2": "unipc_bh2",
	} {
		e, err := sampler.Lookup(written)
		require.NoError(t, err, written)
		require.Equal(t, want, e.Name, written)
	}
}

// TestEntriesPlan: each sampler makes a valid plan at its default steps, at 1 step and at every curve.
func TestEntriesPlan(t *testing.T) {
	for _, name := range sampler.Names() {
		e, err := sampler.Lookup(name)
		require.NoError(t, err)
		for _, steps := range []int{1, 2, e.Steps} {
			p := plan(t, name, steps, sampler.Params{})
			require.NoError(t, p.Validate())
			require.Equal(t, steps, p.Steps(), name)
			require.Equal(t, sampler.Cost{Evaluations: p.Evaluations(), Launches: len(p.Stages)}, p.Cost())
			last := p.Stages[len(p.Stages)-1]
			require.True(t, last.Final && last.Eval, name)
			require.Greater(t, p.Init, 0.0)
		}
		for _, curve := range []schedule.Curve{schedule.KarrasCurve, schedule.LambdaCurve, schedule.BetaCurve} {
			p, err := e.Plan(grid(t, 5, curve), schedule.Epsilon, sampler.Params{})
			if name == "lcm" || name == "tcd" { // they stand on the timesteps of their distillation
				require.ErrorContains(t, err, "schedule type "+curve.String()+": want normal")
				continue
			}
			require.NoError(t, err, "%s %s", name, curve)
			require.Equal(t, 5, p.Steps())
		}
	}
}

func grid(t *testing.T, steps int, c schedule.Curve) schedule.Grid {
	t.Helper()
	betas, err := schedule.Linear(1000, 1e-4, 0.02)
	require.NoError(t, err)
	n, err := schedule.New(betas)
	require.NoError(t, err)
	return schedule.Grid{Noise: n, Steps: steps, Curve: c, Spacing: schedule.Trailing}
}

// TestOptions: a sampler takes the options that it lists and refuses all others, always with the same words.
func TestOptions(t *testing.T) {
	half, two := 0.5, 2.
	params := map[string]sampler.Params{
		"eta": {Eta: &half}, "keep-epsilon": {KeepEpsilon: true}, "s-churn": {Churn: 1}, "s-tmin": {ChurnMin: 1},
		"s-tmax": {ChurnMax: 1}, "s-noise": {ChurnNoise: 1}, "original-inference-steps": {Original: 100},
		"order": {Order: 2}, "gamma": {Gamma: &two},
		"jump-length": {JumpLength: 2}, "jump-n-sample": {JumpSamples: 3},
	}
	taken := 0
	for _, name := range sampler.Names() {
		e, err := sampler.Lookup(name)
		require.NoError(t, err)
		for option, p := range params {
			_, err := tryPlan(name, 3, p)
			if slices.Contains(e.Options(), option) {
				require.NoError(t, err, "%s %s", name, option)
				taken++
				continue
			}
			var pe *sampler.PlanError
			require.ErrorAs(t, err, &pe, "%s %s", name, option)
			require.ErrorContains(t, err, "has no option "+option+": it takes ")
		}
	}
	require.Equal(t, 41, taken)
	all := sampler.Params{Eta: &half, KeepEpsilon: true, Churn: 1, ChurnMin: 1, ChurnMax: 1, ChurnNoise: 1, Original: 1}
	for range 20 {
		_, err := tryPlan("dpm_2", 3, all)
		require.EqualError(t, err, "plan of dpm_2: has no option eta: it takes no options")
		_, err = tryPlan("euler_a", 3, all)
		require.EqualError(t, err, "plan of euler_ancestral: has no option keep-epsilon: it takes eta")
	}
}

// TestOptionValues: values outside their range are refused with the range.
func TestOptionValues(t *testing.T) {
	bad := func(name string, p sampler.Params, want string) {
		t.Helper()
		_, err := tryPlan(name, 3, p)
		var e *sampler.PlanError
		require.ErrorAs(t, err, &e)
		require.ErrorContains(t, err, want)
	}
	for _, eta := range []float64{-0.1, 1.1, math.NaN(), math.Inf(1)} {
		bad("ddim", sampler.Params{Eta: &eta}, "want 0 to 1")
		bad("euler_a", sampler.Params{Eta: &eta}, "want 0 to 1")
		bad("dpm2 a", sampler.Params{Eta: &eta}, "want 0 to 1")
		bad("dpm++ 2s a", sampler.Params{Eta: &eta}, "want 0 to 1")
		bad("dpm++ sde", sampler.Params{Eta: &eta}, "want 0 to 1")
		bad("tcd", sampler.Params{Eta: &eta}, "want 0 to 1")
	}
	for _, v := range []float64{-1, math.NaN(), math.Inf(-1)} {
		bad("euler", sampler.Params{Churn: v}, "want 0 or more")
		bad("euler", sampler.Params{Churn: 1, ChurnNoise: v}, "want 0 or more")
	}
	bad("euler", sampler.Params{ChurnMin: math.NaN()}, "s-tmin NaN: want 0 or more")
	bad("euler", sampler.Params{ChurnNoise: math.Inf(1)}, "want numbers >= 0")
	bad("flow_heun", sampler.Params{Churn: -1}, "want 0 or more")
	bad("heun", sampler.Params{ChurnNoise: math.Inf(1)}, "want numbers >= 0")
	bad("lms", sampler.Params{Order: 5}, "order 5: want 1 to 4")
	bad("lms", sampler.Params{Order: -1}, "order -1")
	bad("lcm", sampler.Params{Original: 2}, "steps 3: want 1 to 2")
	bad("lcm", sampler.Params{Original: -2}, "original-inference-steps -2: want 1 or more")
	bad("lcm", sampler.Params{Original: 1001}, "original steps 1001")

	_, err := sampler.Entry{}.Sampler(sampler.Params{})
	require.ErrorContains(t, err, "want one from Lookup")
	for _, name := range sampler.Names() {
		e, err := sampler.Lookup(name)
		require.NoError(t, err)
		_, err = e.Plan(schedule.Grid{Steps: 3}, schedule.V, sampler.Params{})
		var s *schedule.Error
		require.ErrorAs(t, err, &s, "no forward process")
	}
}
