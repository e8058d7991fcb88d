package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/sampler/diffusers"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// samplerFlags are the options of samplers, under diffusers' names; `cudiffuse samplers` lists who takes which.
type samplerFlags struct {
	Eta                    *float64 `help:"Noise of ddim (0 to 1, default 0), tcd (0.3) or the ancestral samplers (1)."`
	UseClippedModelOutput  *bool    `help:"ddim with a clip: take epsilon from the clipped prediction (default); =false keeps the textbook's." negatable:"" placeholder:"BOOL"`
	SChurn                 float64  `help:"euler: noise added in each step." default:"0"`
	STmin                  float64  `name:"s-tmin" help:"euler: churn only at or above this sigma." default:"0"`
	STmax                  float64  `name:"s-tmax" help:"euler: churn only at or below this sigma; 0 for no limit." default:"0"`
	SNoise                 float64  `help:"euler: scale of the churn noise; 0 means 1." default:"0"`
	OriginalInferenceSteps int      `help:"lcm, tcd: timesteps the network was distilled at; 0 means 50." default:"0"`
	Order                  int      `help:"lms, deis, unipc, sa_solver, ipndm_v, er_sde: order of the method; 0 means the usual one." default:"0"`
	Gamma                  *float64 `help:"gradient_estimation: extrapolation of the noise, 1 to 5, 2 if not given."`
	JumpLength             int      `help:"repaint: steps to go back; 0 means 10." default:"0"`
	JumpNSample            int      `name:"jump-n-sample" help:"repaint: how often those steps are run; 0 means 10." default:"0"`
}

func (f samplerFlags) params() sampler.Params {
	return sampler.Params{Eta: f.Eta, Churn: f.SChurn, ChurnMin: f.STmin, ChurnMax: f.STmax,
		ChurnNoise: f.SNoise, Original: f.OriginalInferenceSteps, Order: f.Order,
		Gamma: f.Gamma, JumpLength: f.JumpLength, JumpSamples: f.JumpNSample,
		KeepEpsilon: f.UseClippedModelOutput != nil && !*f.UseClippedModelOutput}
}

// scheduleFlags describe a forward process and a grid.
type scheduleFlags struct {
	BetaSchedule   string    `help:"linear, scaled_linear, squaredcos_cap_v2 or sigmoid." default:"linear"`
	BetaStart      float64   `help:"First beta." default:"0.0001"`
	BetaEnd        float64   `help:"Last beta." default:"0.02"`
	TrainedBetas   []float64 `help:"Explicit betas, one for each training timestep." placeholder:"B,..."`
	TrainTimesteps int       `name:"num-train-timesteps" help:"Training timesteps T." default:"1000"`
	ZeroSNR        bool      `name:"rescale-betas-zero-snr" help:"Rescale to zero terminal SNR."`
	PredictionType string    `help:"epsilon, v_prediction or sample." default:"epsilon"`
	ClipSample     float64   `help:"Clip the predicted clean sample to this range; 0 for none." default:"0" placeholder:"RANGE"`
	Spacing        string    `name:"timestep-spacing" help:"leading, trailing, linspace or truncated." default:"trailing"`
	StepsOffset    int       `help:"Added to the timesteps of leading spacing." default:"0"`
	ScheduleType   string    `help:"normal (the timesteps of the spacing), karras, exponential (lu_lambdas), polyexponential, beta, beta_timesteps, kl_optimal, uniform, sgm_uniform, simple, ddim_uniform, linear_quadratic, align_your_steps, align_your_steps_sdxl, align_your_steps_svd or gits." default:"normal"`
	FinalSigmas    string    `name:"final-sigmas-type" help:"zero or sigma_min." default:"zero"`
}

type planCmd struct {
	Sampler         string    `help:"Sampler, e.g. dpmpp_2m." xor:"what"`
	SchedulerConfig string    `help:"A diffusers scheduler_config.json in place of sampler and schedule flags." xor:"what" placeholder:"FILE"`
	Steps           int       `help:"Steps; 0 for the sampler's usual number." default:"0"`
	Timesteps       []float64 `help:"Explicit timesteps in place of steps." placeholder:"T,..."`
	Sigmas          []float64 `help:"Explicit sigmas, the final one included (with --scheduler-config)." placeholder:"S,..."`
	Strength        float64   `help:"lcm with --scheduler-config: share of the schedule that is run." default:"0"`
	Mu              *float64  `help:"Dynamic shift (with --scheduler-config)."`
	JSON            bool      `name:"json" help:"Print JSON (docs/plan.md) in place of a table."`

	samplerFlags  `embed:""`
	scheduleFlags `embed:""`
}

// Run prints the plan.
func (c *planCmd) Run(a *app) error {
	p, err := c.plan(a)
	if err != nil {
		return &usageError{err}
	}
	if c.JSON {
		return json.NewEncoder(a.stdout).Encode(p)
	}
	return printPlan(a, p)
}

func (c *planCmd) plan(a *app) (*sampler.Plan, error) {
	if c.SchedulerConfig != "" {
		return c.fromConfig(a)
	}
	if c.Sampler == "" {
		return nil, fmt.Errorf("want --sampler (one of %s) or --scheduler-config FILE",
			strings.Join(sampler.Names(), ", "))
	}
	if c.Sigmas != nil || c.Mu != nil || c.Strength != 0 {
		return nil, fmt.Errorf("--sigmas, --mu and --strength go with --scheduler-config")
	}
	e, err := sampler.Lookup(c.Sampler)
	if err != nil {
		return nil, err
	}
	steps := c.Steps
	switch {
	case steps != 0 && c.Timesteps != nil:
		return nil, fmt.Errorf("--steps and --timesteps: want one of them")
	case steps < 0:
		return nil, fmt.Errorf("--steps %d: want 1 to %d", steps, c.TrainTimesteps)
	case steps == 0:
		steps = e.Steps
	}
	g, kind, opts, err := c.grid(steps, c.Timesteps)
	if err != nil {
		return nil, err
	}
	return e.Plan(g, kind, c.params(), opts...)
}

// grid builds the forward process and the grid that the flags describe.
func (f scheduleFlags) grid(steps int, ts []float64) (schedule.Grid, schedule.Kind, []sampler.Option, error) {
	var none schedule.Grid
	noise, err := f.noise()
	if err != nil {
		return none, 0, nil, err
	}
	kind, err := schedule.ParseKind(f.PredictionType)
	if err != nil {
		return none, 0, nil, err
	}
	spacing, err := schedule.ParseSpacing(f.Spacing)
	if err != nil {
		return none, 0, nil, err
	}
	curve, err := schedule.ParseCurve(f.ScheduleType)
	if err != nil {
		return none, 0, nil, err
	}
	final := schedule.FinalZero
	switch f.FinalSigmas {
	case "zero":
	case "sigma_min":
		final = schedule.FinalSigmaMin
	default:
		return none, 0, nil, fmt.Errorf("--final-sigmas-type %q: want zero or sigma_min", f.FinalSigmas)
	}
	if f.ClipSample < 0 || f.ClipSample != f.ClipSample {
		return none, 0, nil, fmt.Errorf("--clip-sample %v: want a positive range, or 0 for none", f.ClipSample)
	}
	var opts []sampler.Option
	if f.ClipSample > 0 {
		opts = append(opts, sampler.WithClip(f.ClipSample))
	}
	return schedule.Grid{Noise: noise, Steps: steps, Timesteps: ts, Spacing: spacing, Offset: f.StepsOffset,
		Curve: curve, Final: final}, kind, opts, nil
}

func (f scheduleFlags) noise() (*schedule.Noise, error) {
	betas := f.TrainedBetas
	if betas == nil {
		var err error
		if betas, err = schedule.Betas(f.BetaSchedule, f.TrainTimesteps, f.BetaStart, f.BetaEnd); err != nil {
			return nil, err
		}
	}
	if f.ZeroSNR {
		var err error
		if betas, err = schedule.RescaleZeroTerminalSNR(betas); err != nil {
			return nil, err
		}
	}
	return schedule.New(betas)
}

func (c *planCmd) fromConfig(a *app) (*sampler.Plan, error) {
	if c.Gamma != nil {
		return nil, fmt.Errorf("--gamma goes with --sampler: no class of diffusers takes it")
	}
	f, err := os.Open(c.SchedulerConfig)
	if err != nil {
		return nil, fmt.Errorf("--scheduler-config: %w", err)
	}
	defer f.Close()
	s, err := diffusers.Parse(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.SchedulerConfig, err)
	}
	for _, k := range s.Unknown {
		a.log.Warn("unknown key in scheduler config", "file", c.SchedulerConfig, "key", k)
	}
	o := diffusers.Options{Steps: c.Steps, Timesteps: c.Timesteps, Sigmas: c.Sigmas, SChurn: c.SChurn,
		SMin: c.STmin, SMax: c.STmax, SNoise: c.SNoise, OriginalSteps: c.OriginalInferenceSteps,
		Strength: c.Strength, Mu: c.Mu, Order: c.Order, Gamma: c.Eta,
		JumpLength: c.JumpLength, JumpSamples: c.JumpNSample}
	if c.Eta != nil {
		o.Eta = *c.Eta
	}
	if c.UseClippedModelOutput != nil {
		o.UseClippedModelOutput = *c.UseClippedModelOutput
	}
	return s.Plan(o)
}

// printPlan writes the table for people: one line a stage, only the coefficients that are not zero.
func printPlan(a *app, p *sampler.Plan) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "# %s: %d steps, %d evaluations; x starts as %.6g * noise\n",
		p.Sampler, p.Steps(), p.Evaluations(), p.Init)
	fmt.Fprintln(w, "step\tt\talpha\tsigma\tc_in\tx0 from x\tfrom out\tupdate")
	for _, st := range p.Stages {
		update := "x = " + formatRow(st.X)
		if st.Base != nil {
			update += "; base = " + formatRow(*st.Base)
		}
		if st.Push != nil {
			update += fmt.Sprintf("; h%d = %s", st.Slot, formatRow(*st.Push))
		}
		fmt.Fprintf(w, "%d\t%.6g\t%.5f\t%.5f\t%.5f\t%.5g\t%.5g\t%s\n", st.Step, st.At.T, st.At.Alpha,
			st.At.Sigma, st.At.In, st.From.Skip, st.From.Out, update)
	}
	return w.Flush()
}

func formatRow(r sampler.Row) string {
	names := sampler.RegisterNames()
	var parts []string
	for i, c := range r.Coefficients() {
		if c != 0 {
			parts = append(parts, fmt.Sprintf("%.5g*%s", c, names[i]))
		}
	}
	if parts == nil {
		return "0"
	}
	return strings.ReplaceAll(strings.Join(parts, " + "), "+ -", "- ")
}
