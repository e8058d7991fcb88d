package schedule

import "fmt"

// custom returns the timesteps and noise levels of Grid.Sigmas without a last 0, which is the end of FinalZero.
func (g Grid) custom(noise *Noise) (ts, levels []float64, err error) {
	if g.Curve != ByTimestep || len(g.Timesteps) > 0 {
		return nil, nil, &Error{Field: "sigmas", Value: len(g.Sigmas), Want: "none with timesteps or a schedule type"}
	}
	if len(g.Sigmas) > MaxTimesteps {
		return nil, nil, &Error{Field: "sigmas", Value: len(g.Sigmas), Want: fmt.Sprintf("at most %d", MaxTimesteps)}
	}
	levels = append(levels, g.Sigmas...)
	last := len(levels) - 1
	bottom := 0.0
	if g.Final == FinalSigmaMin {
		bottom = noise.SigmaAt(0)
	} else if last > 0 && levels[last] == 0 {
		levels = levels[:last]
	}
	if err := checkFalling(levels); err != nil {
		return nil, nil, err
	}
	if v := levels[len(levels)-1]; v <= bottom {
		return nil, nil, &Error{Field: "last noise level", Value: v, Want: fmt.Sprintf("more than the final %v", bottom)}
	}
	for _, s := range levels {
		ts = append(ts, noise.TimestepAt(s))
	}
	return ts, levels, nil
}
