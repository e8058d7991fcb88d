package schedule_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// references are the levels of other programs, see testdata/make_grids.py.
type references struct {
	Levels []struct {
		Source, Name, End string
		Steps             int
		Tolerance         float64
		Options           struct{ Rho float64 }
		Levels            []float64
	}
	Flow []struct {
		Kind                string
		Steps, Tokens       int
		Shift, Mu, Terminal float64
		Levels              []float64
	}
}

func readReferences(t *testing.T) (r references) {
	t.Helper()
	b, err := os.ReadFile("testdata/grids.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &r))
	return r
}

// stableDiffusion is the forward process of the references; zeroSNR rescales it, which reaches sigma 4096.
func stableDiffusion(t *testing.T, zeroSNR bool) *schedule.Noise {
	t.Helper()
	b, err := schedule.ScaledLinear(1000, 0.00085, 0.012)
	require.NoError(t, err)
	if zeroSNR {
		b, err = schedule.RescaleZeroTerminalSNR(b)
		require.NoError(t, err)
	}
	n, err := schedule.New(b)
	require.NoError(t, err)
	return n
}

// TestGridsMatchReferences plans each reference's grid by the name that its program gives it.
func TestGridsMatchReferences(t *testing.T) {
	seen := map[schedule.Curve]int{}
	for _, r := range readReferences(t).Levels {
		curve, err := schedule.ParseCurve(r.Name)
		require.NoError(t, err)
		seen[curve]++
		g := schedule.Grid{Noise: stableDiffusion(t, curve == schedule.AYSVideoCurve), Steps: r.Steps, Curve: curve,
			Exploding: true, Rho: r.Options.Rho}
		if r.End == "sigma_min" {
			g.Final = schedule.FinalSigmaMin
		}
		pts, err := g.Points()
		require.NoError(t, err, "%s %s %d", r.Source, r.Name, r.Steps)
		require.Len(t, pts, len(r.Levels), "%s %s %d", r.Source, r.Name, r.Steps)
		for i, want := range r.Levels {
			require.InDelta(t, want, pts[i].Sigma, r.Tolerance*(1+want), "%s %s %d: level %d", r.Source, r.Name,
				r.Steps, i)
		}
	}
	seen[schedule.GITSCurve]++ // has a test of its own
	for _, c := range schedule.Curves()[1:] {
		require.NotZero(t, seen[c], "%v has references", c)
	}
}
