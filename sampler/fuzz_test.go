package sampler_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"runtime/metrics"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/gpu"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// fuzzTrain is how many timesteps the forward process of the plans has, and with it the most steps.
const fuzzTrain = 60

// planArgs are the numbers that options are made of. Those of a plan are read in order; past the end they are 0, which is
// the default of most.
type planArgs struct {
	b []byte
}

// next is a byte, 0 at the end.
func (a *planArgs) next() byte {
	if len(a.b) == 0 {
		return 0
	}
	v := a.b[0]
	a.b = a.b[1:]
	return v
}

// rareNumbers are what programs forget.
var rareNumbers = []float64{0, 1, 0.5, -1, 2, 1e-3, 10, 1e-300, 1e300, -1e300, 1e38, 3, 100, 0.999999, 1.000001, 5e-324, math.NaN(),
	math.Inf(1), math.Inf(-1), math.MaxFloat64}

// number is a number that is rare, or one of a sixteenth from -4 to 12.
func (a *planArgs) number() float64 {
	if v := a.next(); int(v) < len(rareNumbers) {
		return rareNumbers[v]
	} else {
		return float64(v)/16 - 4
	}
}

// optional is a number, or nil.
func (a *planArgs) optional() *float64 {
	if a.next()%3 == 0 {
		return nil
	}
	v := a.number()
	return &v
}

// integer is a small number or one that is far too large.
func (a *planArgs) integer() int {
	switch v := int(int8(a.next())); v {
	case 126:
		return math.MaxInt
	case 127:
		return math.MinInt
	case 125:
		return 1 << 32
	default:
		return v
	}
}

// list is up to seven numbers, nil for none.
func (a *planArgs) list() (v []float64) {
	if n := a.next(); n < 8 {
		for range n {
			v = append(v, a.number())
		}
	}
	return v
}

func (a *planArgs) params() sampler.Params {
	return sampler.Params{Eta: a.optional(), KeepEpsilon: a.next()%3 == 1, Churn: a.number(), ChurnMin: a.number(), ChurnMax: a.number(),
		ChurnNoise: a.number(), Original: a.integer(), Order: a.integer(), Gamma: a.optional(), JumpLength: a.integer(),
		JumpSamples: a.integer()}
}

// onlyKnown drops the options that a sampler does not have, which it would refuse.
func onlyKnown(t *testing.T, e sampler.Entry, p sampler.Params) sampler.Params {
	t.Helper()
	known := map[string]bool{}
	for _, o := range e.Schema() {
		known[o.Field] = true
	}
	q := sampler.Params{}
	if known["Eta"] {
		q.Eta = p.Eta
	}
	if known["KeepEpsilon"] {
		q.KeepEpsilon = p.KeepEpsilon
	}
	if known["Churn"] {
		q.Churn, q.ChurnMin, q.ChurnMax, q.ChurnNoise = p.Churn, p.ChurnMin, p.ChurnMax, p.ChurnNoise
	}
	if known["Original"] {
		q.Original = p.Original
	}
	if known["Order"] {
		q.Order = p.Order
	}
	if known["Gamma"] {
		q.Gamma = p.Gamma
	}
	if known["JumpLength"] {
		q.JumpLength, q.JumpSamples = p.JumpLength, p.JumpSamples
	}
	return q
}

func (a *planArgs) grid(n *schedule.Noise, steps int) schedule.Grid {
	return schedule.Grid{Noise: n, Steps: steps, Spacing: schedule.Spacing(a.integer()), Offset: a.integer(),
		Curve: schedule.Curve(a.integer()), Final: schedule.Final(a.integer()), Exploding: a.next()%3 == 1, SigmaMin: a.number(),
		SigmaMax: a.number(), Rho: a.number(), Strength: a.number(), Timesteps: a.list(), Sigmas: a.list()}
}

func (a *planArgs) options() (o []sampler.Option) {
	flags := a.next()
	for i, option := range []func() sampler.Option{
		func() sampler.Option { return sampler.WithClip(a.number()) },
		func() sampler.Option { return sampler.WithInit(a.number()) },
		func() sampler.Option {
			return sampler.WithThreshold(sampler.Threshold{Quantile: a.number(), Max: a.number()})
		},
		func() sampler.Option { return sampler.WithRescale(a.number()) },
		func() sampler.Option { return sampler.WithInterval(a.number(), a.number()) },
		func() sampler.Option { return sampler.WithSigmas(a.number(), a.number()) },
		func() sampler.Option { return sampler.WithZeroInit(a.integer()) },
		func() sampler.Option {
			return sampler.WithProjection(&sampler.Projection{Kind: sampler.ProjectionKind(a.integer()), Eta: a.number(), Norm: a.number(),
				Momentum: a.number()})
		},
	} {
		if flags>>i&1 != 0 {
			o = append(o, option())
		}
	}
	return o
}

// FuzzPlan makes plans of every sampler with any options on any grid: a typed error, or a plan that every device can run,
// of a size that the steps bound, without a NaN, also in what it gives for a network that is well behaved.
func FuzzPlan(f *testing.F) {
	names := sampler.Names()
	for i := range names {
		f.Add(uint8(i), int16(8), []byte{})
		f.Add(uint8(i), int16(5), []byte{1, 100, 1, 1, 2, 3, 1, 20, 2, 1, 70, 1, 2, 1, 1, 0, 1, 0, 1, 1, 0, 0, 0, 0, 255, 1, 1, 1, 1, 1, 1})
		f.Add(uint8(i), int16(fuzzTrain), []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 127, 127, 0, 1, byte(i % 16)})
	}
	f.Add(uint8(0), int16(-1), []byte{16, 16, 16, 16, 16, 16, 16, 16})
	betas, err := schedule.Linear(fuzzTrain, 1e-3, 0.2)
	require.NoError(f, err)
	zero, err := schedule.RescaleZeroTerminalSNR(betas)
	require.NoError(f, err)
	var noises []*schedule.Noise
	for _, b := range [][]float64{betas, zero, {0.5}} {
		n, err := schedule.New(b)
		require.NoError(f, err)
		noises = append(noises, n)
	}
	f.Fuzz(func(t *testing.T, index uint8, steps int16, args []byte) {
		e, err := sampler.Lookup(names[int(index)%len(names)])
		require.NoError(t, err)
		a := planArgs{args}
		p, kind := a.params(), schedule.Kind(a.integer())
		if a.next()%8 != 7 {
			p, kind = onlyKnown(t, e, p), schedule.Kind(uint(kind)%4)
		}
		n := noises[min(int(a.next()), 8)%len(noises)]
		g := a.grid(n, int(steps))
		before := allocated()
		plan, err := e.Plan(g, kind, p, a.options()...)
		require.Less(t, allocated()-before, uint64(64<<20))
		if err != nil {
			requirePlanError(t, err)
			return
		}
		requireFinite(t, plan)
		requireRuns(t, plan)
	})
}

func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

func requirePlanError(t *testing.T, err error) {
	t.Helper()
	var p *sampler.PlanError
	var s *schedule.Error
	require.True(t, errors.As(err, &p) || errors.As(err, &s), "%T: %v", err, err)
	require.Less(t, len(err.Error()), 1500)
}

// requireFinite checks a plan by its table and as JSON, which has no NaN.
func requireFinite(t *testing.T, p *sampler.Plan) {
	t.Helper()
	require.NoError(t, p.Validate())
	require.Positive(t, p.Steps())
	_, err := json.Marshal(p)
	require.NoError(t, err)
}

// ring is a network whose output is within [-1, 1], however wild its input.
type ring struct{}

func (ring) Shape() []int { return []int{3} }

func (ring) Forward(_ context.Context, e *sampler.Eval) error {
	for _, row := range e.Active {
		for i := row * e.Elems; i < (row+1)*e.Elems; i++ {
			x := float64(e.In.Host()[i])
			e.Out.Host()[i] = float32(x / (1 + math.Abs(x)))
		}
	}
	return nil
}

// requireRuns runs a short plan whose numbers are of a usual size: there is no NaN.
func requireRuns(t *testing.T, p *sampler.Plan) {
	t.Helper()
	if len(p.Stages) > 40 || math.Abs(p.Init) > 1e3 {
		return
	}
	for i := range p.Stages {
		st := &p.Stages[i]
		for _, r := range []*sampler.Row{&st.X, st.Base, st.Push} {
			for _, c := range coefficients(r) {
				if math.Abs(c) > 10 {
					return // numbers may grow out of a float32
				}
			}
		}
		if math.Abs(st.From.Skip) > 1e4 || math.Abs(st.From.Out) > 1e4 {
			return
		}
	}
	dev := gpu.NewCPU(1)
	defer dev.Close()
	out, err := sampler.Run(t.Context(), dev, ring{}, []sampler.Request{
		{Plan: p, Conds: []sampler.Weighted{{Weight: 2}, {Weight: -1}}, Seed: 1}})
	require.NoError(t, err)
	for _, v := range out[0] {
		require.False(t, math.IsNaN(float64(v)), "%v", out)
	}
}

func coefficients(r *sampler.Row) []float64 {
	if r == nil {
		return nil
	}
	c := r.Coefficients()
	return c[:]
}
