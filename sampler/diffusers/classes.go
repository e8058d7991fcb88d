package diffusers

import (
	"maps"
	"slices"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// class is what differs between the scheduler classes.
type class struct {
	defaults   func(*config) // where they are not the common ones
	ignores    func(*config) // takes back keys that the class has and does not use
	shifted    bool          // its forward process has a shifted SNR
	threshold  bool          // has dynamic thresholding
	betaless   bool          // its noise levels do not come from betas
	algorithms []string      // values of algorithm_type; nil when the class has no such key
	solvers    []string      // values of solver_type; nil when the class has no such key
	shifts     []string      // values of time_shift_type; nil when the class has no such key
	plan       func(*Scheduler, *schedule.Noise, schedule.Kind, Options) (*sampler.Plan, error)
}

var classes = map[string]class{
	"DDPMScheduler":         {defaults: clipped, threshold: true, plan: (*Scheduler).discrete},
	"DDIMScheduler":         {defaults: clipped, threshold: true, plan: (*Scheduler).discrete},
	"DDPMParallelScheduler": {defaults: clipped, threshold: true, plan: (*Scheduler).discrete},
	"DDIMParallelScheduler": {defaults: clipped, threshold: true, plan: (*Scheduler).discrete},
	cogDDIMClass:            {defaults: cogVideoX, ignores: unclipped, shifted: true, plan: (*Scheduler).cogDDIM},
	cogDPMClass:             {defaults: cogVideoX, ignores: unclipped, shifted: true, plan: (*Scheduler).cogDPM},
	scoreVEClass:            {defaults: scoreVE, betaless: true, plan: (*Scheduler).scoreVE},
	scoreVPClass:            {defaults: scoreVP, betaless: true, plan: (*Scheduler).scoreVP},
	karrasVEClass:           {defaults: karrasVE, betaless: true, plan: (*Scheduler).karrasVE},
	flowAncestralClass: {defaults: flowAncestral, betaless: true, plan: (*Scheduler).flowAncestral,
		shifts: []string{"exponential", "linear"}},
	unclipClass:     {defaults: unclip, ignores: unclipGrid, plan: (*Scheduler).unclip},
	wuerstchenClass: {defaults: wuerstchen, betaless: true, plan: (*Scheduler).wuerstchen},
	"DPMSolverMultistepScheduler": {defaults: linspace, threshold: true, plan: (*Scheduler).multistep,
		algorithms: []string{"dpmsolver", "dpmsolver++", "sde-dpmsolver", "sde-dpmsolver++"},
		solvers:    []string{"midpoint", "heun"}, shifts: []string{"exponential"}},
	singlestepClass: {defaults: singlestep, threshold: true, plan: (*Scheduler).singlestep,
		algorithms: []string{"dpmsolver", "dpmsolver++", "sde-dpmsolver++"},
		solvers:    []string{"midpoint", "heun"}, shifts: []string{"exponential"}},
	"UniPCMultistepScheduler": {defaults: uniPC, threshold: true, plan: (*Scheduler).uniPC,
		solvers: []string{"bh1", "bh2", "midpoint", "heun", "logrho"},
		shifts:  []string{"exponential", "linear"}},
	"DEISMultistepScheduler": {defaults: deis, threshold: true, plan: (*Scheduler).deis,
		algorithms: []string{"deis", "dpmsolver", "dpmsolver++"}, // all mean deis, and all solvers logrho
		solvers:    []string{"logrho", "midpoint", "heun", "bh1", "bh2"}, shifts: []string{"exponential"}},
	"PNDMScheduler": {defaults: func(c *config) { c.SetAlphaToOne = false }, plan: (*Scheduler).pndm},
	flowMatch: {plan: (*Scheduler).flowEuler, betaless: true, defaults: flowing,
		shifts: []string{"exponential", "linear"}},
	flowHeunClass: {plan: (*Scheduler).flowHeun, betaless: true, defaults: flowing},
	"IPNDMScheduler": {plan: (*Scheduler).ipndm, betaless: true,
		defaults: func(c *config) { c.PredictionType = "v_prediction" }},
	consistencyClass: {plan: (*Scheduler).consistency, betaless: true,
		defaults: func(c *config) { c.TrainTimesteps = 40 }},
	edmEulerClass: {defaults: common, plan: (*Scheduler).edm, betaless: true},
	edmDPMClass: {defaults: common, plan: (*Scheduler).edm, betaless: true, threshold: true,
		algorithms: []string{"dpmsolver++", "sde-dpmsolver++"}, solvers: []string{"midpoint", "heun"}},
	"TCDScheduler":                    {plan: (*Scheduler).tcd, defaults: latent},
	"EulerDiscreteScheduler":          {defaults: linspace, plan: (*Scheduler).exploding},
	"EulerAncestralDiscreteScheduler": {defaults: linspace, plan: (*Scheduler).exploding},
	"HeunDiscreteScheduler":           {defaults: linspaceStableDiffusion, plan: (*Scheduler).exploding},
	"KDPM2DiscreteScheduler":          {defaults: linspaceStableDiffusion, plan: (*Scheduler).exploding},
	"KDPM2AncestralDiscreteScheduler": {defaults: linspaceStableDiffusion, plan: (*Scheduler).exploding},
	"LMSDiscreteScheduler":            {defaults: linspace, plan: (*Scheduler).exploding},
	"LCMScheduler":                    {defaults: latent, threshold: true, plan: (*Scheduler).discrete},
	ddimInverseClass:                  {defaults: clipped, plan: (*Scheduler).ddimInverse},
	dpmInverseClass: {defaults: dpmInverse, threshold: true, plan: (*Scheduler).dpmInverse,
		algorithms: []string{"dpmsolver", "dpmsolver++"}, solvers: []string{"midpoint", "heun"}},
	"DPMSolverSDEScheduler": {defaults: linspaceStableDiffusion, plan: (*Scheduler).exploding},
	edmCosineClass: {defaults: cosine, plan: (*Scheduler).edm, betaless: true,
		algorithms: []string{"sde-dpmsolver++"}, solvers: []string{"midpoint", "heun"}},
	flowLCMClass: {plan: (*Scheduler).flowLCM, betaless: true, defaults: flowing,
		shifts: []string{"exponential", "linear"}},
	trigFlowClass: {plan: (*Scheduler).trigFlow, betaless: true,
		defaults: func(c *config) { c.PredictionType = trigFlow }},
	repaintClass: {defaults: clipped, plan: (*Scheduler).repaint},
	saSolverClass: {defaults: saSolver, threshold: true, plan: (*Scheduler).saSolver,
		algorithms: []string{"data_prediction", "noise_prediction"}},
}

func flowing(c *config) { c.PredictionType = "flow_prediction" }

func common(*config) {}

func clipped(c *config) { c.ClipSample = true }

func cosine(c *config) {
	lo, hi := 0.3, 500.0
	c.SigmaMin, c.SigmaMax, c.SigmaData, c.SigmaSchedule = &lo, &hi, 1, "exponential"
	c.PredictionType, c.AlgorithmType = "v_prediction", "sde-dpmsolver++"
}

func saSolver(c *config) { c.TimestepSpacing, c.AlgorithmType = "linspace", "data_prediction" }

func linspace(c *config) { c.TimestepSpacing = "linspace" }

func singlestep(c *config) { c.TimestepSpacing, c.LowerOrderFinal = "linspace", false }

func uniPC(c *config) { c.TimestepSpacing, c.SolverType = "linspace", "bh2" }

func deis(c *config) {
	c.TimestepSpacing, c.AlgorithmType, c.SolverType = "linspace", "deis", "logrho"
}

func latent(c *config) { c.BetaSchedule, c.BetaStart, c.BetaEnd = "scaled_linear", 0.00085, 0.012 }

func linspaceStableDiffusion(c *config) {
	c.TimestepSpacing, c.BetaStart, c.BetaEnd = "linspace", 0.00085, 0.012
}

// Classes returns the supported class names.
func Classes() []string { return slices.Sorted(maps.Keys(classes)) }
