package sampler_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

func evenLevels(n int) []schedule.Point {
	var pts []schedule.Point
	for i := range n {
		pts = append(pts, schedule.VP(float64(n-i), float64(n-i)))
	}
	return append(pts, schedule.VP(0, 0))
}

// TestRePaintSchedule: the steps of 8 with jumps of 2, run twice, are those of the paper's figure 9 in small.
func TestRePaintSchedule(t *testing.T) {
	p, err := sampler.New(sampler.RePaint{Eta: 1, Jump: 2, Samples: 2}, evenLevels(8), schedule.Epsilon)
	require.NoError(t, err)
	var order, final []int
	for _, st := range p.Stages {
		if !st.Eval {
			order = append(order, -1)
			continue
		}
		order = append(order, int(st.At.T)-1)
		if st.Final {
			final = append(final, st.Step)
		}
	}
	require.Equal(t, []int{7, 6, 5, 4, -1, 5, 4, 3, 2, -1, 3, 2, 1, 0, -1, 1, 0}, order)
	require.Equal(t, []int{0, 1, 2, 3, 4, 5, 6, 7}, final, "each step is done once")
	p, err = sampler.New(sampler.RePaint{Eta: 1, Jump: 2, Samples: 2}, evenLevels(9), schedule.Epsilon)
	require.NoError(t, err)
	require.Len(t, p.Stages, 9+4*(1+2), "jumps from the ends of steps 2, 4, 6 and 8, the first to the end of step 0")
	require.Equal(t, 2, p.Stages[2].Step)
	plain, err := sampler.New(sampler.RePaint{Eta: 1, Samples: 1}, evenLevels(8), schedule.Epsilon)
	require.NoError(t, err)
	ddim, err := sampler.New(sampler.DDIM{Eta: 1}, evenLevels(8), schedule.Epsilon)
	require.NoError(t, err)
	require.Equal(t, ddim.Stages, plain.Stages, "one sample is DDIM")
}

// TestRestartSchedule: where the intervals begin, what a restart costs, and that its noise is exact.
func TestRestartSchedule(t *testing.T) {
	pts := evenLevels(8) // levels 8 to 1, and 0
	s := sampler.Restart{Timesteps: levelTimesteps, Intervals: []sampler.RestartInterval{{Min: 2.2, Max: 5.5, Times: 2},
		{Min: 0.9, Max: 3, Steps: 5}, {Min: 1, Max: 9}, {Min: 20, Max: 30}}} // the last two do not fit
	p, err := sampler.New(s, pts, schedule.Epsilon)
	require.NoError(t, err)
	require.Equal(t, 8, p.Steps())
	require.Equal(t, 3, p.Draws())
	// Heun: 15 evaluations in 8 steps. Levels 5, 4, 3 lie between 2 and 5.5: 3 steps and the last one of 2.
	require.Equal(t, 15+2*2*3+2*5, p.Evaluations())
	var to []float64
	for i, st := range p.Stages {
		if st.Eval {
			continue
		}
		from, l := p.Stages[i-1].At, st.At.Sigma/st.At.Alpha
		to = append(to, l)
		require.InDelta(t, st.At.Alpha, st.X.X*from.Alpha, 1e-15)
		require.InDelta(t, st.At.Sigma, math.Hypot(st.X.X*from.Sigma, st.X.N[0]), 1e-15)
		require.Equal(t, st.At, p.Stages[i+1].At, "the network sees what the noise made")
	}
	require.InDeltaSlice(t, []float64{5.5, 5.5, 3}, to, 1e-12)
}

// TestRenoiseErrors: values outside their range are refused with the range.
func TestRenoiseErrors(t *testing.T) {
	for _, c := range []struct {
		s    sampler.Sampler
		want string
	}{
		{sampler.RePaint{Jump: -1}, "jump length -1"}, {sampler.RePaint{Samples: 1001}, "1001 samples"},
		{sampler.RePaint{Eta: 2}, "eta 2"},
		{sampler.Restart{Intervals: []sampler.RestartInterval{{Min: 1, Max: 1}}}, "want levels 0 < min < max"},
		{sampler.Restart{Intervals: []sampler.RestartInterval{{Min: 1, Max: math.Inf(1)}}}, "want levels"},
		{sampler.Restart{Intervals: []sampler.RestartInterval{{Min: 1, Max: 2, Times: -1}}}, "up to 1000"},
	} {
		_, err := sampler.New(c.s, evenLevels(8), schedule.Epsilon)
		var e *sampler.PlanError
		require.ErrorAs(t, err, &e)
		require.ErrorContains(t, err, c.want)
	}
}
