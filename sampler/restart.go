package sampler

import (
	"fmt"
	"math"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// Restart is the sampler of Xu et al., "Restart Sampling for Improving Generative Processes" (2023),
// arXiv:2306.14878, Algorithm 1: [Heun], and at the lower level of an interval the noise of the interval is
// added again and its ODE is solved again, Times times. The noise forgets what errors there were; the ODE keeps
// the number of steps low.
//
// The steps of a restart are those of Karras et al. 2022 (rho 7) from Max to the grid's point next to Min. An
// interval that the grid does not span is left out.
type Restart struct {
	Intervals []RestartInterval // nil means one of 0.1 to 2
	Timesteps Timesteps         // of the points between those of the grid
}

// RestartInterval is an interval of the level sigma/alpha.
type RestartInterval struct {
	Min, Max float64
	Steps    int // of each restart; 0 means as many as the grid has in the interval
	Times    int // 0 means once
}

// Name implements [Sampler].
func (Restart) Name() string { return "restart" }

func (o Restart) withNoise(n *schedule.Noise) Sampler { o.Timesteps = timestepsOf(n); return o }

// Plan implements [Sampler].
func (o Restart) Plan(pts []schedule.Point) (*Plan, error) {
	if pts[0].Alpha == 0 {
		return nil, noSignal(o.Name())
	}
	if o.Intervals == nil {
		o.Intervals = []RestartInterval{{Min: 0.1, Max: 2}}
	}
	at := map[int][]RestartInterval{} // by the step that ends at Min
	for _, v := range o.Intervals {
		if !(v.Min > 0 && v.Max > v.Min) || !finite(v.Max) || v.Steps < 0 || v.Steps > 1000 ||
			v.Times < 0 || v.Times > 1000 {
			return nil, &PlanError{Sampler: o.Name(), Step: -1, Detail: fmt.Sprintf("interval %+v: want levels "+
				"0 < min < max, steps and times up to 1000", v)}
		}
		if k := nearest(pts, v.Min); k > 0 && level(pts[k]) < v.Max && v.Max <= level(pts[0]) {
			at[k-1] = append(at[k-1], v)
		}
	}
	p, err := Heun{}.Plan(pts)
	if err != nil {
		return nil, err
	}
	whole := p.Stages
	p.Stages = nil
	var n draws
	for _, st := range whole {
		i := st.Step
		p.Stages = append(p.Stages, st)
		if !st.Final {
			continue
		}
		for _, v := range at[i] {
			again, err := o.restart(pts, i+1, v, &n)
			if err != nil {
				return nil, err
			}
			p.Stages[len(p.Stages)-1].Final = false
			p.Stages = append(p.Stages, again...)
		}
	}
	return p, nil
}

// restart returns the stages of an interval that ends at pts[k]; the last one is final.
func (o Restart) restart(pts []schedule.Point, k int, v RestartInterval, n *draws) ([]Stage, error) {
	steps := v.Steps
	for j := k - 1; v.Steps == 0 && j >= 0 && level(pts[j]) < v.Max; j-- {
		steps++
	}
	levels, err := schedule.Karras(max(steps, 1)+1, level(pts[k]), v.Max, 7)
	if err != nil {
		return nil, &PlanError{Sampler: o.Name(), Step: k - 1, Err: err}
	}
	var grid []schedule.Point
	for _, l := range levels[:len(levels)-1] {
		j := k
		for j > 1 && level(pts[j-1]) < l {
			j--
		}
		grid = append(grid, o.Timesteps.at(l, pts[j-1], pts[j]))
	}
	ode, err := Heun{}.Plan(append(grid, pts[k]))
	if err != nil {
		return nil, err
	}
	var out []Stage
	for range max(v.Times, 1) {
		out = append(append(out, renoise(pts[k], grid[0], n.next())), ode.Stages...)
	}
	for i := range out {
		out[i].Step, out[i].Final = k-1, i == len(out)-1
	}
	return out, nil
}

// nearest returns the point whose level is next to l in the logarithm, among those above 0.
func nearest(pts []schedule.Point, l float64) int {
	best, least := 0, math.Inf(1)
	for i, p := range pts {
		if d := math.Abs(math.Log(level(p) / l)); p.Sigma > 0 && d < least {
			best, least = i, d
		}
	}
	return best
}
