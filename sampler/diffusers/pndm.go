package diffusers

import (
	"fmt"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// pndmStart is how many timesteps the Runge-Kutta start of PNDMScheduler spans.
const pndmStart = 4

// pndm plans PNDMScheduler, with and without skip_prk_steps.
func (s *Scheduler) pndm(n *schedule.Noise, kind schedule.Kind, o Options) (*sampler.Plan, error) {
	ts, err := s.discreteTimesteps(n, o)
	if err != nil {
		return nil, err
	}
	if !s.c.SkipPRKSteps && len(ts) < pndmStart {
		return nil, &Error{Field: "steps", Detail: fmt.Sprintf("%d: want at least %d without skip_prk_steps",
			len(ts), pndmStart)}
	}
	pts := pointsAt(n, ts)
	pts = append(pts, n.Point(-1)) // where the last step really ends is in the track
	return sampler.New(sampler.PNDM{RungeKutta: !s.c.SkipPRKSteps, Velocity: kind == schedule.V,
		Track: s.pndmTrack(n, ts)}, pts, kind)
}

// pndmTrack: steps go from t to t - T/steps, whatever the next timestep is, and half way lies T/steps/2 above
// the next one, or below the last.
func (s *Scheduler) pndmTrack(n *schedule.Noise, ts []int) []sampler.Transfer {
	final := n.Point(-1)
	if !s.c.SetAlphaToOne {
		final = n.Point(0)
	}
	at := func(t int) schedule.Point {
		if t < 0 {
			return final
		}
		return n.Point(t)
	}
	var track []sampler.Transfer
	add := func(eval, from, to int) {
		track = append(track, sampler.Transfer{At: at(eval), From: at(from), To: at(to)})
	}
	stride := n.Timesteps() / len(ts)
	half := stride / 2
	for i, t := range ts {
		switch {
		case !s.c.SkipPRKSteps && i < pndmStart-1:
			next := ts[i+1]
			add(t, t, t-half)
			add(next+half, t, next+half)
			add(next+half, t, next)
			add(next, t, next)
		case s.c.SkipPRKSteps && i == 0 && len(ts) > 1:
			add(t, t, t-stride)
			add(ts[1], ts[1]+stride, ts[1])
		default:
			add(t, t, t-stride)
		}
	}
	return track
}
