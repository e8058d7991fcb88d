package schedule_test

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// probes are the timesteps of the values below, which numpy 2.4 computed in float64 from the formulas of
// diffusers 0.42 (betas, np.cumprod(1-beta), rescale_zero_terminal_snr).
var probes = []int{0, 1, 500, 998, 999}

var betaCases = []struct {
	name       string
	start, end float64
	beta, bar  [5]float64
	zero       [5]float64 // alpha-bar after the zero-terminal-SNR rescale
}{
	{"linear", 1e-4, 0.02,
		[5]float64{0.0001, 0.00011991991991991993, 0.010059959959959959, 0.01998008008008008, 0.02},
		[5]float64{0.9999, 0.9997800920720721, 0.07779665836502389, 4.118193638138445e-05, 4.035829765375676e-05},
		[5]float64{0.9999, 0.9997793254331531, 0.0752462157043267, 4.213262465088072e-09, 0}},
	{"scaled_linear", 0.00085, 0.012,
		[5]float64{0.00085, 0.0008546986554056862, 0.00481495414171188, 0.011982376333083366, 0.012},
		[5]float64{0.99915, 0.9982960278384514, 0.2763326838229746, 0.004716698899875748, 0.004660098513077238},
		[5]float64{0.99915, 0.9982334461401825, 0.24101878275731575, 1.9678880566212916e-07, 0}},
	{"sigmoid", 1e-4, 0.02,
		[5]float64{0.00014920520081703202, 0.00014979833041933025, 0.010079879790061013, 0.01995020166958067, 0.01995079479918297},
		[5]float64{0.9998507947991829, 0.9997010188194536, 0.29888762784675893, 4.0489620005560006e-05, 3.968181990533219e-05},
		[5]float64{0.999850794799183, 0.9997000693114607, 0.2957541807533249, 4.121529502443045e-09, 0}},
	{"squaredcos_cap_v2", 0, 0,
		[5]float64{4.128422482196914e-05, 4.614175273665033e-05, 0.003155691441585007, 0.7499993929011166, 0.999},
		[5]float64{0.999958715775178, 0.9999125759273678, 0.49228517244880304, 2.4287669070348544e-06, 2.4287669070348567e-09},
		[5]float64{0.9999587157751779, 0.9999125736533471, 0.4922645385316662, 2.277811478992018e-06, 0}},
}

func TestBetasMatchReference(t *testing.T) {
	for _, c := range betaCases {
		b, err := schedule.Betas(c.name, 1000, c.start, c.end)
		require.NoError(t, err)
		n, err := schedule.New(b)
		require.NoError(t, err)
		rescaled, err := schedule.RescaleZeroTerminalSNR(b)
		require.NoError(t, err)
		z, err := schedule.New(rescaled)
		require.NoError(t, err)
		require.True(t, z.ZeroTerminal())
		require.Equal(t, schedule.ZeroSNRAlphaBar, z.WithTerminalFloor().AlphaBar(999))
		for i, k := range probes {
			require.InEpsilon(t, c.beta[i], b[k], 1e-11, "%s beta %d", c.name, k)
			require.InEpsilon(t, c.bar[i], n.AlphaBar(k), 1e-11, "%s abar %d", c.name, k)
			if k < 998 {
				require.InEpsilon(t, c.zero[i], z.AlphaBar(k), 1e-11, "%s rescaled %d", c.name, k)
			} else { // the rescaled value is a small difference
				require.InDelta(t, c.zero[i], z.AlphaBar(k), 1e-11, "%s rescaled %d", c.name, k)
			}
		}
	}
}

// The levels are numpy's and scipy's for scaled_linear, 6 levels.
func TestCurvesMatchReference(t *testing.T) {
	const lo, hi = 0.02916715815172038, 14.614641229333643
	check := func(want []float64, got []float64, err error) {
		t.Helper()
		require.NoError(t, err)
		require.InDeltaSlice(t, want, got, 1e-11)
	}
	v, err := schedule.Karras(6, lo, hi, 7)
	check([]float64{14.614641229333643, 6.082149208471242, 2.232154544358539, 0.6925703768065329,
		0.16975657575723424, 0.02916715815172038}, v, err)
	v, err = schedule.Exponential(6, lo, hi)
	check([]float64{14.614641229333637, 4.215114244752603, 1.2157115469009985, 0.3506321488458646,
		0.10112835081452129, 0.029167158151720367}, v, err)
	v, err = schedule.BetaQuantile(6, lo, hi, 0.6, 0.6)
	check([]float64{14.614641229333639, 12.821769225239331, 9.324475333110637, 5.319333054374717,
		1.8220391622460281, 0.029167158151720367}, v, err)
	v, err = schedule.LambdaUniform(6, -math.Log(hi), -math.Log(lo))
	check([]float64{14.614641229333637, 4.215114244752603, 1.2157115469009985, 0.3506321488458646,
		0.10112835081452129, 0.029167158151720367}, v, err)
}

func TestSpacings(t *testing.T) {
	for _, c := range []struct {
		s    schedule.Steps
		want []float64
	}{
		// numpy: np.linspace(0, 999, 7).astype(int)
		{schedule.Steps{N: 7, Train: 1000, Spacing: schedule.Truncated}, []float64{999, 832, 666, 499, 333, 166, 0}},
		// Lin et al. 2023, Table 2, for T 1000 and 10 steps
		{schedule.Steps{N: 10, Train: 1000, Spacing: schedule.Leading, Offset: 1},
			[]float64{901, 801, 701, 601, 501, 401, 301, 201, 101, 1}},
		{schedule.Steps{N: 10, Train: 1000, Spacing: schedule.Trailing},
			[]float64{999, 899, 799, 699, 599, 499, 399, 299, 199, 99}},
		{schedule.Steps{N: 10, Train: 1000, Spacing: schedule.Linspace},
			[]float64{999, 888, 777, 666, 555, 444, 333, 222, 111, 0}},
		{schedule.Steps{N: 4, Train: 1000, Spacing: schedule.Linspace, Spare: true}, []float64{999, 749, 500, 250}},
		{schedule.Steps{N: 3, Train: 1000, Spacing: schedule.Linspace, Real: true}, []float64{999, 499.5, 0}},
		{schedule.Steps{N: 1, Train: 1000, Spacing: schedule.Linspace}, []float64{0}},
		{schedule.Steps{N: 1, Train: 1000, Spacing: schedule.Trailing}, []float64{999}},
	} {
		got, err := c.s.Timesteps()
		require.NoError(t, err)
		require.Equal(t, c.want, got, "%+v", c.s)
	}
}

// TestSpacingsStayInRange sweeps step counts: T to every spacing, falling and within 0..T-1.
func TestSpacingsStayInRange(t *testing.T) {
	for _, sp := range []schedule.Spacing{schedule.Leading, schedule.Trailing, schedule.Linspace, schedule.Truncated} {
		for n := 1; n <= 1000; n++ {
			ts, err := schedule.Steps{N: n, Train: 1000, Spacing: sp}.Timesteps()
			require.NoError(t, err)
			require.Len(t, ts, n)
			for i, v := range ts {
				require.True(t, v >= 0 && v <= 999 && (i == 0 || v < ts[i-1]), "%v n=%d: %v at %d", sp, n, v, i)
			}
		}
	}
}

func TestTextbookLogSNRIsTwiceLambda(t *testing.T) {
	b, err := schedule.Linear(1000, 1e-4, 0.02)
	require.NoError(t, err)
	n, err := schedule.New(b)
	require.NoError(t, err)
	for _, k := range probes {
		p := n.Point(k)
		require.InDelta(t, math.Log(p.Alpha/p.Sigma), n.Lambda(k), 1e-12)
		require.InDelta(t, 2*n.Lambda(k), n.LogSNR(k), 1e-12)
		require.InDelta(t, float64(k), n.TimestepAt(n.SigmaAt(float64(k))), 1e-9, "TimestepAt inverts SigmaAt")
	}
}

// TestKindsInvertTheForwardProcess builds x and the exact network output for each kind and expects x0.
func TestKindsInvertTheForwardProcess(t *testing.T) {
	const x0, eps = 0.37, -1.3
	b, err := schedule.Linear(1000, 1e-4, 0.02)
	require.NoError(t, err)
	n, err := schedule.New(b)
	require.NoError(t, err)
	for _, p := range []schedule.Point{n.Point(3), n.Point(500), schedule.VP(1, 2.5), schedule.VE(1, 2.5), schedule.VE(9, 80)} {
		x := p.Alpha*x0 + p.Sigma*eps
		a, s := p.Alpha*p.In, p.Sigma*p.In // variance preserving
		outs := map[schedule.Kind]float64{schedule.Epsilon: eps, schedule.V: a*eps - s*x0, schedule.X0: x0}
		for k, out := range outs {
			c, err := k.Scaling(p)
			require.NoError(t, err)
			require.InDelta(t, x0, c.Skip*x+c.Out*out, 1e-12, "%v at %+v", k, p)
		}
	}
	p := schedule.Flow(0, 0.3)
	c, err := schedule.Velocity.Scaling(p)
	require.NoError(t, err)
	require.InDelta(t, x0, c.Skip*(p.Alpha*x0+p.Sigma*eps)+c.Out*(eps-x0), 1e-15)
}

func TestBadValuesAreRefused(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	call := func(_ []float64, err error) error { return err }
	steps := func(s schedule.Steps) error { return call(s.Timesteps()) }
	for want, err := range map[string]error{
		"training timesteps 0":       call(schedule.Linear(0, 1e-4, 0.02)),
		"training timesteps 1073741": call(schedule.Linear(1<<30, 1e-4, 0.02)),
		"beta start NaN":             call(schedule.Linear(10, nan, 0.02)),
		"beta start 0":               call(schedule.ScaledLinear(10, 0, 0.02)),
		"beta end 1e-05":             call(schedule.Sigmoid(10, 1e-4, 1e-5)),
		"beta end 1:":                call(schedule.Linear(10, 1e-4, 1)),
		`beta schedule "cosine"`:     call(schedule.Betas("cosine", 10, 1e-4, 0.02)),
		"steps 0":                    steps(schedule.Steps{N: 0, Train: 1000}),
		"steps 1001: want 1 to 1000": steps(schedule.Steps{N: 1001, Train: 1000}),
		"steps offset 2000":          steps(schedule.Steps{N: 10, Train: 1000, Offset: 2000}),
		"steps offset -5":            steps(schedule.Steps{N: 10, Train: 1000, Offset: -5}),
		"last timestep 1001":         steps(schedule.Steps{N: 10, Train: 1000, Last: 1001}),
		"sigma min 0":                call(schedule.Karras(5, 0, 1, 7)),
		"sigma max +Inf":             call(schedule.Exponential(5, 1, inf)),
		"rho -1":                     call(schedule.Karras(5, 1, 2, -1)),
		"beta distribution 0, 1":     call(schedule.BetaQuantile(5, 1, 2, 0, 1)),
	} {
		var e *schedule.Error
		require.ErrorAs(t, err, &e, want)
		require.Contains(t, err.Error(), want)
		require.NotEmpty(t, e.Want)
	}
	for i, bad := range [][]float64{{}, {nan}, {0.1, 0}, {1, 0.1}, {1.5}, {-0.1}} {
		_, err := schedule.New(bad)
		require.Error(t, err, "betas %d", i)
	}
	_, err := schedule.Epsilon.Scaling(schedule.Point{Sigma: 1, In: 1})
	require.True(t, errors.Is(err, schedule.ErrZeroSNR))
}

func ExampleGrid() {
	betas, _ := schedule.Linear(1000, 1e-4, 0.02)
	noise, _ := schedule.New(betas)
	pts, _ := schedule.Grid{Noise: noise, Steps: 4, Spacing: schedule.Trailing}.Points()
	for _, p := range pts {
		fmt.Printf("t %3.0f  alpha %.4f  sigma %.4f\n", p.T, p.Alpha, p.Sigma)
	}
	// Output:
	// t 999  alpha 0.0064  sigma 1.0000
	// t 749  alpha 0.0579  sigma 0.9983
	// t 499  alpha 0.2803  sigma 0.9599
	// t 249  alpha 0.7239  sigma 0.6899
	// t  -1  alpha 1.0000  sigma 0.0000
}
