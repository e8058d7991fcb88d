package schedule_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// TestEveryCurveFallsToItsEnd: exactly the steps asked for, finite levels that fall strictly, the end asked for and
// timesteps that do not rise, with every curve, end and scale. What cannot be is a typed error.
func TestEveryCurveFallsToItsEnd(t *testing.T) {
	for _, zeroSNR := range []bool{false, true} {
		noise := stableDiffusion(t, zeroSNR)
		for _, c := range schedule.Curves()[1:] {
			for _, steps := range []int{1, 2, 3, 4, 7, 10, 20, 33, 50, 127, 500, 999, 1000} {
				for _, final := range []schedule.Final{schedule.FinalZero, schedule.FinalSigmaMin} {
					g := schedule.Grid{Noise: noise, Steps: steps, Curve: c, Final: final, Exploding: true}
					pts, err := g.Points()
					if impossible(c, steps, final, zeroSNR) {
						var e *schedule.Error
						require.ErrorAs(t, err, &e, "%v %d %v", c, steps, final)
						continue
					}
					require.NoError(t, err, "%v %d %v", c, steps, final)
					require.Len(t, pts, steps+1)
					end := 0.0
					if final == schedule.FinalSigmaMin {
						end = noise.SigmaAt(0)
					}
					require.Equal(t, end, pts[steps].Sigma)
					for i, p := range pts {
						require.False(t, math.IsNaN(p.Sigma) || math.IsInf(p.Sigma, 0) || math.IsNaN(p.T))
						require.True(t, p.T >= 0 && p.T <= 999, "%v", p.T)
						if i > 0 {
							require.Less(t, p.Sigma, pts[i-1].Sigma, "%v %d %v: level %d", c, steps, final, i)
							require.LessOrEqual(t, p.T, pts[i-1].T)
						}
					}
					g.Exploding = false
					vp, err := g.Points()
					require.NoError(t, err)
					for i, p := range vp {
						require.InDelta(t, 1, math.Hypot(p.Alpha, p.Sigma), 1e-12)
						require.Equal(t, pts[i].T, p.T)
					}
				}
			}
		}
	}
}

// impossible names the grids that cannot be.
func impossible(c schedule.Curve, steps int, final schedule.Final, zeroSNR bool) bool {
	toMin := final == schedule.FinalSigmaMin
	switch c {
	case schedule.AYSVideoCurve:
		return !zeroSNR || toMin && steps > 10 // starts at 700, and ends below the lowest level of this model
	case schedule.SimpleCurve:
		return toMin && steps == 1000
	case schedule.DDIMUniformCurve:
		return steps == 1000
	case schedule.BetaTimestepsCurve:
		return steps >= 139
	}
	return false
}

func TestCurveNames(t *testing.T) {
	seen := map[string]schedule.Curve{}
	for _, c := range schedule.Curves() {
		require.Equal(t, c.String(), c.Names()[0])
		for _, n := range c.Names() {
			got, err := schedule.ParseCurve(n)
			require.NoError(t, err)
			require.Equal(t, c, got, n)
			require.NotContains(t, seen, n)
			seen[n] = c
		}
	}
	// Menu labels of A1111.
	for label, want := range map[string]schedule.Curve{"SGM Uniform": schedule.SGMUniformCurve,
		"Karras": schedule.KarrasCurve, "KL Optimal": schedule.KLOptimalCurve, "Uniform": schedule.UniformCurve,
		"Polyexponential": schedule.PolyexponentialCurve, "Align Your Steps": schedule.AYSCurve, "DDIM": schedule.DDIMUniformCurve} {
		got, err := schedule.ParseCurve(label)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err := schedule.ParseCurve("")
	require.ErrorContains(t, err, "normal, karras, ")
	require.Nil(t, schedule.Curve(-1).Names())
	require.Equal(t, "Curve(99)", schedule.Curve(99).String())
}

func TestExplicitSigmas(t *testing.T) {
	noise := stableDiffusion(t, false)
	pts, err := schedule.Grid{Noise: noise, Sigmas: []float64{14, 3, 0.5, 0}, Exploding: true}.Points()
	require.NoError(t, err)
	require.Len(t, pts, 4)
	for i, s := range []float64{14, 3, 0.5} {
		require.Equal(t, s, pts[i].Sigma)
		require.InDelta(t, s, noise.LogSigmaAt(pts[i].T), 1e-9, "the network is told the timestep of the level")
	}
	short, err := schedule.Grid{Noise: noise, Sigmas: []float64{14, 3, 0.5}, Exploding: true}.Points()
	require.NoError(t, err)
	require.Equal(t, pts, short)
	low, err := schedule.Grid{Noise: noise, Sigmas: []float64{14, 3}, Final: schedule.FinalSigmaMin}.Points()
	require.NoError(t, err)
	require.InDelta(t, noise.SigmaAt(0), low[2].Sigma/low[2].Alpha, 1e-12)
}

func TestLogSigmaAt(t *testing.T) {
	noise := stableDiffusion(t, false)
	require.InDelta(t, math.Sqrt(noise.SigmaAt(3)*noise.SigmaAt(4)), noise.LogSigmaAt(3.5), 1e-14)
	require.Equal(t, noise.SigmaAt(0), noise.LogSigmaAt(-5))
	require.Equal(t, noise.SigmaAt(0), noise.LogSigmaAt(math.NaN()))
	require.Equal(t, noise.SigmaAt(999), noise.LogSigmaAt(math.Inf(1)))
	require.Equal(t, noise.SigmaAt(998), noise.LogSigmaAt(998))
}

func TestBadCurvesAreRefused(t *testing.T) {
	noise := stableDiffusion(t, false)
	nan, inf := math.NaN(), math.Inf(1)
	call := func(_ []float64, err error) error { return err }
	grid := func(g schedule.Grid) error {
		if g.Noise = noise; g.Steps == 0 && g.Sigmas == nil {
			g.Steps = 5
		}
		_, err := g.Points()
		return err
	}
	for want, err := range map[string]error{
		"steps 0: want 1 to 1048576":   call(schedule.KLOptimal(0, 1, 2)),
		"sigma min NaN":                call(schedule.KLOptimal(3, nan, 2)),
		"noise level 1 2: want less":   call(schedule.KLOptimal(2, 2, 2)),
		"rho NaN":                      call(schedule.Polyexponential(3, 1, 2, nan)),
		"rho 0":                        call(schedule.Polyexponential(3, 1, 2, 0)),
		"noise level 2 1: want less":   call(schedule.Polyexponential(4, 1, 2, 1e6)),
		"steps -3":                     call(schedule.Uniform(-3, 1000)),
		"steps 1002: want 1 to 1001":   call(schedule.Uniform(1002, 1000)),
		"training timesteps 0":         call(schedule.Simple(1, 0)),
		"training timesteps 922":       call(schedule.SGMUniform(1, math.MaxInt)),
		"steps 1001: want 1 to 1000":   call(schedule.SGMUniform(1001, 1000)),
		"steps 92":                     call(schedule.Simple(math.MaxInt, 1000)),
		"steps 1000: want 1 to 999":    call(schedule.DDIMUniform(1000, 1000)),
		"steps 139: want fewer":        call(schedule.BetaTimesteps(139, 1000, 0.6, 0.6)),
		"beta distribution 0.6, NaN":   call(schedule.BetaTimesteps(5, 1000, 0.6, nan)),
		"steps 0: want 1 to 1000":      call(schedule.BetaTimesteps(0, 1000, 0.6, 0.6)),
		"threshold 1":                  call(schedule.LinearQuadratic(5, 1, 1, 0)),
		"threshold NaN":                call(schedule.LinearQuadratic(5, 1, nan, 0)),
		"linear steps 5":               call(schedule.LinearQuadratic(5, 1, 0.1, 5)),
		"linear steps -1":              call(schedule.LinearQuadratic(5, 1, 0.1, -1)),
		"sigma max +Inf":               call(schedule.LinearQuadratic(5, inf, 0.1, 0)),
		"align-your-steps table 9":     call(schedule.AlignYourSteps(5, 9)),
		"steps 1048577":                call(schedule.AlignYourSteps(1<<20+1, schedule.AYSVideo)),
		"steps 1001":                   grid(schedule.Grid{Steps: 1001, Curve: schedule.KLOptimalCurve}),
		"steps -1":                     grid(schedule.Grid{Steps: -1, Curve: schedule.SimpleCurve}),
		"schedule type 99":             grid(schedule.Grid{Curve: 99}),
		"schedule type -1":             grid(schedule.Grid{Curve: -1}),
		"rho 3: want none":             grid(schedule.Grid{Curve: schedule.SimpleCurve, Rho: 3}),
		"rho -3":                       grid(schedule.Grid{Curve: schedule.KarrasCurve, Rho: -3}),
		"sigma max 3: want none":       grid(schedule.Grid{Curve: schedule.AYSCurve, SigmaMax: 3}),
		"sigma min 3: want none":       grid(schedule.Grid{Curve: schedule.LinearQuadraticCurve, SigmaMin: 3}),
		"sigma max 14.61":              grid(schedule.Grid{Curve: schedule.AYSVideoCurve}),
		"noise level 1 3: want less":   grid(schedule.Grid{Sigmas: []float64{2, 3}}),
		"noise level 1 NaN":            grid(schedule.Grid{Sigmas: []float64{2, nan}}),
		"noise level 0 +Inf":           grid(schedule.Grid{Sigmas: []float64{inf, 1}}),
		"noise level 0 0":              grid(schedule.Grid{Sigmas: []float64{0}}),
		"noise level 1 0: want":        grid(schedule.Grid{Sigmas: []float64{1, 0}, Final: schedule.FinalSigmaMin}),
		"last noise level 0.001: want": grid(schedule.Grid{Sigmas: []float64{1, 1e-3}, Final: schedule.FinalSigmaMin}),
		"sigmas 1: want none":          grid(schedule.Grid{Sigmas: []float64{1}, Curve: schedule.KarrasCurve}),
		"sigmas 2: want none":          grid(schedule.Grid{Sigmas: []float64{2, 1}, Timesteps: []float64{5}}),
	} {
		var e *schedule.Error
		require.ErrorAs(t, err, &e, want)
		require.ErrorContains(t, err, want)
	}
}
