package gpu

import (
	"math"
	"slices"
	"testing"

	"github.com/cudiffuse/cudiffuse/internal/gputest"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/stretchr/testify/require"
)

func faultPlan() *sampler.Plan { return gputest.Plans()["every register"] }

// up changes the last bit.
func up(v *float32) { *v = math.Nextafter32(*v, math.MaxFloat32) }

// TestFaultsAreSeen shows that the comparison notices one wrong number in a plan: each mutation of
// the plan that uses every register must change the trace.
func TestFaultsAreSeen(t *testing.T) {
	const elems = 300
	dev := NewCPU(1)
	defer dev.Close()
	req := sampler.Request{Plan: faultPlan(), Conds: gputest.Conds(0, 2), Seed: 3}
	want := gputest.Reference(elems, req, gputest.Lattice, Normals, gputest.Float32)
	swap := func(a, b *float64) { *a, *b = *b, *a }
	const all = 4 // the first stage that uses every register
	for name, mutate := range map[string]func(*sampler.Plan){
		"init":         func(p *sampler.Plan) { p.Init = math.Nextafter(p.Init, 9) * (1 + 1e-7) },
		"x and d":      func(p *sampler.Plan) { swap(&p.Stages[all].X.X, &p.Stages[all].X.D) },
		"base and raw": func(p *sampler.Plan) { swap(&p.Stages[all].X.Base, &p.Stages[all].X.Raw) },
		"raw and unc":  func(p *sampler.Plan) { swap(&p.Stages[all].X.Raw, &p.Stages[all].X.Unc) },
		"d and raw":    func(p *sampler.Plan) { swap(&p.Stages[all].X.D, &p.Stages[all].X.Raw) },
		"h0 and h3":    func(p *sampler.Plan) { swap(&p.Stages[all].X.H[0], &p.Stages[all].X.H[3]) },
		"h1 and h2":    func(p *sampler.Plan) { swap(&p.Stages[all].X.H[1], &p.Stages[all].X.H[2]) },
		"n0 and n1":    func(p *sampler.Plan) { swap(&p.Stages[all].X.N[0], &p.Stages[all].X.N[1]) },
		"draws":        func(p *sampler.Plan) { p.Stages[all].Draws = [2]int{2, 1} },
		"clip":         func(p *sampler.Plan) { p.Stages[all].Clip = 0 },
		"skip":         func(p *sampler.Plan) { p.Stages[all].From.Skip = 0 },
		"out":          func(p *sampler.Plan) { p.Stages[all].From.Out *= 1 + 1e-7 },
		"timestep":     func(p *sampler.Plan) { p.Stages[all].At.T++ },
		"c_in":         func(p *sampler.Plan) { p.Stages[all].At.In *= 1 + 1e-7 },
		"slot":         func(p *sampler.Plan) { p.Stages[all].Slot = 3 },
		"base kept":    func(p *sampler.Plan) { p.Stages[all].Base = nil },
		"history kept": func(p *sampler.Plan) { p.Stages[all].Push = nil },
		"base row":     func(p *sampler.Plan) { swap(&p.Stages[all].Base.X, &p.Stages[all].Base.D) },
		"push row":     func(p *sampler.Plan) { swap(&p.Stages[all].Push.H[0], &p.Stages[all].Push.H[2]) },
		"no evaluation": func(p *sampler.Plan) {
			p.Stages[0].Eval, p.Stages[0].X.Raw, p.Stages[0].Push.D = false, 0, 0
		},
	} {
		bad := req
		bad.Plan = faultPlan()
		mutate(bad.Plan)
		got := gputest.Execute(t, dev, elems, []sampler.Request{bad}, gputest.Lattice)
		require.False(t, gputest.Equal(want, got[0]), name)
	}
	for name, change := range map[string]func(*sampler.Request){
		"seed":           func(r *sampler.Request) { r.Seed++ },
		"weights":        func(r *sampler.Request) { swap(&r.Conds[0].Weight, &r.Conds[1].Weight) },
		"condition":      func(r *sampler.Request) { r.Conds[1].Cond = 5 },
		"last condition": func(r *sampler.Request) { r.Conds[0], r.Conds[1] = r.Conds[1], r.Conds[0] },
	} {
		bad := req
		bad.Conds = slices.Clone(req.Conds)
		change(&bad)
		got := gputest.Execute(t, dev, elems, []sampler.Request{bad}, gputest.Lattice)
		require.False(t, gputest.Equal(want, got[0]), name)
	}
	got := gputest.Execute(t, dev, elems, []sampler.Request{req}, gputest.Lattice)
	require.True(t, gputest.Equal(want, got[0]))
}

// TestDynamicFaultsAreSeen is the same for the numbers of thresholds, rescale and in-painting: each
// must matter. The limit is at the maximum in some stages, and below in others.
func TestDynamicFaultsAreSeen(t *testing.T) {
	const elems = 2300
	dev := NewCPU(1)
	defer dev.Close()
	good := func() sampler.Request {
		req := sampler.Request{Plan: faultPlan(), Conds: gputest.Conds(0, 2), Seed: 3,
			Inpaint: gputest.Inpaint(elems, 0)}
		req.Plan.Threshold, req.Plan.Rescale = &sampler.Threshold{Quantile: 0.9, Max: 3}, 0.7
		return req
	}
	want := gputest.Reference(elems, good(), gputest.Lattice, Normals, gputest.Float32)
	got := gputest.Execute(t, dev, elems, []sampler.Request{good()}, gputest.Lattice)
	gputest.RequireExact(t, want, got[0], "without a fault")
	for name, change := range map[string]func(*sampler.Request){
		"no threshold": func(r *sampler.Request) { r.Plan.Threshold = nil },
		"quantile":     func(r *sampler.Request) { r.Plan.Threshold.Quantile = 0.9001 },
		"maximum":      func(r *sampler.Request) { r.Plan.Threshold.Max *= 1 + 1e-7 },
		"no rescale":   func(r *sampler.Request) { r.Plan.Rescale = 0 },
		"phi":          func(r *sampler.Request) { r.Plan.Rescale *= 1 + 1e-7 },
		"first condition": func(r *sampler.Request) {
			r.Conds[0], r.Conds[1] = r.Conds[1], r.Conds[0] // m is the same but for the order of its sum
		},
		"no in-painting":   func(r *sampler.Request) { r.Inpaint = nil },
		"mask and known":   func(r *sampler.Request) { r.Inpaint.Mask[1], r.Inpaint.Known[1] = 1, 0 },
		"one bit of known": func(r *sampler.Request) { up(&r.Inpaint.Known[7]) },
		"one bit of mask":  func(r *sampler.Request) { up(&r.Inpaint.Mask[9]) },
	} {
		bad := good()
		change(&bad)
		got := gputest.Execute(t, dev, elems, []sampler.Request{bad}, gputest.Lattice)
		require.False(t, gputest.Equal(want, got[0]), name)
	}
}

// TestScalarFaultsAreSeen plants faults in the reductions themselves.
func TestScalarFaultsAreSeen(t *testing.T) {
	const elems = 2300
	req := sampler.Request{Plan: steps(1), Conds: gputest.Conds(0, 2), Seed: 3}
	req.Plan.Threshold, req.Plan.Rescale = &sampler.Threshold{Quantile: 0.9, Max: 100}, 0.7
	want := gputest.Reference(elems, req, gputest.Lattice, Normals, gputest.Float32)
	for name, fault := range map[string]func(*scalars){
		"none":  func(*scalars) {},
		"rank":  func(s *scalars) { s.limits.rank-- },
		"lerp":  func(s *scalars) { s.limits.lerp += 0.01 },
		"most":  func(s *scalars) { s.limits.most = 1 },
		"phi":   func(s *scalars) { s.rescale.phi *= 1.00001 },
		"keep":  func(s *scalars) { up(&s.rescale.keep) },
		"order": func(s *scalars) { *s = scalars{rescale: s.rescale, v: s.v} },
	} {
		dev := &faultyRow{NewCPU(1), func(r *cpuRow) { fault(r.scalars) }}
		got := gputest.Execute(t, dev, elems, []sampler.Request{req}, gputest.Lattice)
		require.Equal(t, name == "none", gputest.Equal(want, got[0]), name)
		require.NoError(t, dev.Close())
	}
}

// faultyRow changes the first request once it is bound.
type faultyRow struct {
	*CPU
	fault func(*cpuRow)
}

func (f *faultyRow) Program(elems int, reqs []sampler.Request) (sampler.Program, error) {
	p, err := f.CPU.Program(elems, reqs)
	if err == nil {
		f.fault(&p.(*cpuProgram).rows[0])
	}
	return p, err
}
