package diffusers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"

	"github.com/cudiffuse/cudiffuse/sampler"
)

// MaxConfigBytes bounds the size of a scheduler_config.json.
const MaxConfigBytes = 1 << 20

// Error is a scheduler config or option that cannot be used.
type Error struct {
	Class  string // the scheduler class, if known
	Field  string // the key or argument
	Detail string // what was found and what would be right
	Err    error
}

// Error implements error.
func (e *Error) Error() string {
	s := "scheduler config"
	if e.Class != "" {
		s += " " + e.Class
	}
	if e.Field != "" {
		s += ": " + e.Field
	}
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if e.Err != nil {
		s += fmt.Sprintf(": %.1000v", e.Err) // may quote the file
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// config holds the keys of every supported class under diffusers' names.
type config struct {
	Class             string    `json:"_class_name"`
	TrainTimesteps    int       `json:"num_train_timesteps"`
	BetaStart         float64   `json:"beta_start"`
	BetaEnd           float64   `json:"beta_end"`
	BetaSchedule      string    `json:"beta_schedule"`
	TrainedBetas      []float64 `json:"trained_betas"`
	PredictionType    string    `json:"prediction_type"`
	TimestepSpacing   string    `json:"timestep_spacing"`
	StepsOffset       int       `json:"steps_offset"`
	RescaleZeroSNR    bool      `json:"rescale_betas_zero_snr"`
	ClipSample        bool      `json:"clip_sample"`
	ClipRange         float64   `json:"clip_sample_range"`
	SetAlphaToOne     bool      `json:"set_alpha_to_one"`
	VarianceType      *string   `json:"variance_type"`
	Thresholding      bool      `json:"thresholding"`
	ThresholdRatio    float64   `json:"dynamic_thresholding_ratio"`
	SampleMax         float64   `json:"sample_max_value"`
	Karras            bool      `json:"use_karras_sigmas"`
	Exponential       bool      `json:"use_exponential_sigmas"`
	Beta              bool      `json:"use_beta_sigmas"`
	LuLambdas         bool      `json:"use_lu_lambdas"`
	FlowSigmas        bool      `json:"use_flow_sigmas"`
	FlowShift         float64   `json:"flow_shift"`
	DynamicShifting   bool      `json:"use_dynamic_shifting"`
	TimeShiftType     string    `json:"time_shift_type"`
	SolverOrder       int       `json:"solver_order"`
	PredictX0         bool      `json:"predict_x0"`
	DisableCorrector  []int     `json:"disable_corrector"`
	SolverP           any       `json:"solver_p"`
	ShiftTerminal     *float64  `json:"shift_terminal"`
	SkipPRKSteps      bool      `json:"skip_prk_steps"`
	Shift             float64   `json:"shift"`
	BaseShift         any       `json:"base_shift"` // this and the next three are for who computes mu
	MaxShift          any       `json:"max_shift"`
	BaseImageLength   any       `json:"base_image_seq_len"`
	MaxImageLength    any       `json:"max_image_seq_len"`
	InvertSigmas      bool      `json:"invert_sigmas"`
	Stochastic        bool      `json:"stochastic_sampling"`
	AlgorithmType     string    `json:"algorithm_type"`
	SolverType        string    `json:"solver_type"`
	LowerOrderFinal   bool      `json:"lower_order_final"`
	EulerAtFinal      bool      `json:"euler_at_final"`
	FinalSigmas       string    `json:"final_sigmas_type"`
	LambdaMinClipped  minusInf  `json:"lambda_min_clipped"`
	InterpolationType string    `json:"interpolation_type"`
	TimestepType      string    `json:"timestep_type"`
	SigmaMin          *float64  `json:"sigma_min"`
	SigmaMax          *float64  `json:"sigma_max"`
	SigmaData         float64   `json:"sigma_data"`
	SigmaSchedule     string    `json:"sigma_schedule"`
	Rho               float64   `json:"rho"`
	NoiseScale        float64   `json:"s_noise"`
	ClipDenoised      bool      `json:"clip_denoised"`
	OriginalSteps     int       `json:"original_inference_steps"`
	TimestepScaling   float64   `json:"timestep_scaling"`
	PredictorOrder    int       `json:"predictor_order"`
	CorrectorOrder    int       `json:"corrector_order"`
	Eta               float64   `json:"eta"`                // of RePaintScheduler
	NoiseSeed         any       `json:"noise_sampler_seed"` // seeds belong to requests
	UpscaleMode       any       `json:"upscale_mode"`       // without scale factors, which need several sizes
	ScaleFactors      []float64 `json:"scale_factors"`
	TauFunction       any       `json:"tau_func"` // code, which a config cannot hold
	SNRShift          float64   `json:"snr_shift_scale"`
	Scaler            float64   `json:"scaler"`
	CosineOffset      float64   `json:"s"` // of DDPMWuerstchenScheduler
	BetaMin           float64   `json:"beta_min"`
	BetaMax           float64   `json:"beta_max"`
	SamplingEnd       float64   `json:"sampling_eps"`
	CorrectSteps      int       `json:"correct_steps"`
	SNR               any       `json:"snr"` // of the corrector
	Churn             float64   `json:"s_churn"`
	ChurnMin          float64   `json:"s_min"`
	ChurnMax          float64   `json:"s_max"`
}

// minusInf reads a number, or Python's -Infinity, which older configs have as a bare word or a string.
type minusInf struct{ v *float64 }

func (m *minusInf) UnmarshalJSON(b []byte) error {
	s := strings.Trim(string(b), `"`)
	if s == "-inf" || s == "-Infinity" || s == "null" {
		m.v = nil
		return nil
	}
	m.v = new(float64)
	return json.Unmarshal(b, m.v)
}

// Scheduler is a parsed scheduler config.
type Scheduler struct {
	Unknown []string // keys that no supported class has; they change nothing here
	c       config
}

// Class returns the name of the diffusers class.
func (s *Scheduler) Class() string { return s.c.Class }

// Parse reads a scheduler_config.json.
func Parse(r io.Reader) (*Scheduler, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxConfigBytes+1))
	if err != nil {
		return nil, &Error{Err: err}
	}
	if len(b) > MaxConfigBytes {
		return nil, &Error{Detail: fmt.Sprintf("more than %d bytes", MaxConfigBytes)}
	}
	b = bytes.ReplaceAll(b, []byte("-Infinity"), []byte(`"-inf"`)) // Python writes it, JSON has no such number
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(b, &keys); err != nil {
		return nil, &Error{Detail: "not a JSON object", Err: err}
	}
	var head struct {
		Class string `json:"_class_name"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return nil, &Error{Field: "_class_name", Err: err}
	}
	class, ok := classes[head.Class]
	if !ok {
		return nil, &Error{Field: "_class_name", Detail: fmt.Sprintf("%.40q is not supported: want one of %s, "+
			"each with Scheduler at the end", head.Class,
			strings.ReplaceAll(strings.Join(Classes(), ", "), "Scheduler", ""))}
	}
	s := &Scheduler{c: config{TrainTimesteps: 1000, BetaStart: 1e-4, BetaEnd: 0.02, BetaSchedule: "linear",
		PredictionType: "epsilon", TimestepSpacing: "leading", ClipRange: 1, SetAlphaToOne: true,
		FlowShift: 1, Shift: 1, SolverOrder: 2, AlgorithmType: "dpmsolver++", SolverType: "midpoint",
		LowerOrderFinal: true, FinalSigmas: "zero", InterpolationType: "linear", TimestepType: "discrete",
		TimeShiftType: "exponential", OriginalSteps: 50, TimestepScaling: 10,
		SigmaData: 0.5, SigmaSchedule: "karras", Rho: karrasRho, NoiseScale: 1, ClipDenoised: true,
		PredictorOrder: 2, CorrectorOrder: 2,
		PredictX0: true, ThresholdRatio: sampler.DefaultQuantile, SampleMax: 1}}
	class.defaults(&s.c)
	if err := json.Unmarshal(b, &s.c); err != nil {
		return nil, &Error{Class: head.Class, Err: err}
	}
	if class.ignores != nil {
		class.ignores(&s.c)
	}
	known := knownKeys()
	for k := range keys {
		if !strings.HasPrefix(k, "_") && !slices.Contains(known, k) {
			s.Unknown = append(s.Unknown, k)
		}
	}
	sort.Strings(s.Unknown)
	return s, s.check()
}

// check refuses what is not supported or contradicts itself.
func (s *Scheduler) check() error {
	c, class := &s.c, classes[s.c.Class]
	fail := func(field, detail string) error { return &Error{Class: c.Class, Field: field, Detail: detail} }
	oneOf := func(field, got string, want ...string) error {
		if len(want) == 0 || slices.Contains(want, got) {
			return nil
		}
		return fail(field, fmt.Sprintf("%.40q: want %s", got, strings.Join(want, ", ")))
	}
	if c.Thresholding && !class.threshold {
		return fail("thresholding", "this class has no dynamic thresholding: want false")
	}
	if c.Thresholding && !c.PredictX0 {
		return fail("thresholding", "contradicts predict_x0 false, where no clean sample is predicted")
	}
	if c.Thresholding && !(c.ThresholdRatio > 0 && c.ThresholdRatio <= 1) {
		return fail("dynamic_thresholding_ratio",
			fmt.Sprintf("%v: want more than 0 and at most 1", c.ThresholdRatio))
	}
	if c.Thresholding && !(c.SampleMax >= 1) {
		return fail("sample_max_value", fmt.Sprintf("%v: want at least 1", c.SampleMax))
	}
	if c.Stochastic && c.InvertSigmas {
		return fail("stochastic_sampling", "contradicts invert_sigmas: want one of them")
	}
	if c.SolverP != nil {
		return fail("solver_p", "another solver as the predictor is not supported: want null")
	}
	curves := 0
	for _, on := range []bool{c.Karras, c.Exponential, c.Beta, c.LuLambdas, c.FlowSigmas} {
		if on {
			curves++
		}
	}
	if curves > 1 {
		return fail("use_karras_sigmas", "more than one of the use_*_sigmas options is set: want at most one")
	}
	if c.ClipSample && !(c.ClipRange > 0) {
		return fail("clip_sample_range", fmt.Sprintf("%v: want a positive number", c.ClipRange))
	}
	for _, e := range []error{
		oneOf("final_sigmas_type", c.FinalSigmas, "zero", "sigma_min"),
		oneOf("algorithm_type", c.AlgorithmType, class.algorithms...),
		oneOf("solver_type", c.SolverType, class.solvers...),
		oneOf("timestep_spacing", c.TimestepSpacing, "leading", "trailing", "linspace"),
		oneOf("interpolation_type", c.InterpolationType, "linear", "log_linear"),
		oneOf("sigma_schedule", c.SigmaSchedule, "karras", "exponential"),
		oneOf("timestep_type", c.TimestepType, "discrete", "continuous"),
		oneOf("time_shift_type", c.TimeShiftType, class.shifts...),
	} {
		if e != nil {
			return e
		}
	}
	return nil
}
