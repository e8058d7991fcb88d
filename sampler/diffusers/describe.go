package diffusers

import (
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// Noise returns the forward process that the config describes. A class whose noise levels are not those of
// betas has none, which is an error.
func (s *Scheduler) Noise() (*schedule.Noise, error) {
	if classes[s.c.Class].betaless {
		return nil, &Error{Class: s.c.Class, Detail: "its noise levels are its own: want a class with betas"}
	}
	n, err := s.noise()
	if err != nil {
		return nil, &Error{Class: s.c.Class, Err: err}
	}
	return n, nil
}

// Kind returns what the network predicts.
func (s *Scheduler) Kind() (schedule.Kind, error) {
	if s.c.Class == trigFlowClass && s.c.PredictionType == trigFlow {
		return schedule.V, nil // x = cos(t)*x0 + sin(t)*epsilon
	}
	k, err := schedule.ParseKind(s.c.PredictionType)
	if err != nil {
		return 0, &Error{Class: s.c.Class, Field: "prediction_type", Err: err}
	}
	return k, nil
}

// Clip returns the limit of the predicted clean sample, 0 for none.
func (s *Scheduler) Clip() float64 {
	if s.c.ClipSample {
		return s.c.ClipRange
	}
	return 0
}

// Threshold returns the dynamic thresholding that the config asks for, the zero value for none. It takes the
// place of the clip.
func (s *Scheduler) Threshold() sampler.Threshold {
	if s.c.Thresholding {
		return sampler.Threshold{Quantile: s.c.ThresholdRatio, Max: s.c.SampleMax}
	}
	return sampler.Threshold{}
}

// Spacing returns how the config spreads timesteps, and the offset of leading spacing.
func (s *Scheduler) Spacing() (schedule.Spacing, int) { return s.spacing(), s.c.StepsOffset }

// OriginalSteps returns how many timesteps an LCM network was distilled at, 0 for other classes.
func (s *Scheduler) OriginalSteps() int {
	if s.c.Class != "LCMScheduler" {
		return 0
	}
	return s.c.OriginalSteps
}
