package gpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cudiffuse/cudiffuse/internal/gputest"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/stretchr/testify/require"
)

// sizes are below, at and past the threads of a block, blocks and chunks of elements.
var sizes = []int{1, 2, 255, 1023, 1024, 1025, 4096, 65537}

// TestScalarsMatchReference runs the requests with thresholds, rescale and in-painting on all sizes.
func TestScalarsMatchReference(t *testing.T) {
	nets := map[string]gputest.Net{"lattice": gputest.Lattice, "specials": gputest.Specials,
		"tiny": gputest.Tiny, "zero": gputest.Zero}
	dev := NewCPU(3)
	defer dev.Close()
	for _, elems := range sizes {
		reqs := gputest.Requests(elems)[gputest.Static:]
		for name, net := range nets {
			if testing.Short() && elems > 5000 {
				continue
			}
			t.Run(fmt.Sprintf("%s/%d", name, elems), func(t *testing.T) {
				got := gputest.Execute(t, dev, elems, reqs, net)
				for i := range reqs {
					want := gputest.Reference(elems, reqs[i], net, Normals, gputest.Float32)
					gputest.RequireExact(t, want, got[i], "request %d, %s", i, reqs[i].Plan.Sampler)
				}
			})
		}
	}
}

// TestRequestsReachEveryBound looks inside: the requests have limits at both bounds and between, and
// factors on both sides of 1, so that the comparison with the reference is about all of them.
func TestRequestsReachEveryBound(t *testing.T) {
	const elems = 1000
	reqs := gputest.Requests(elems)
	p := program(t, 1, elems, reqs...).(*cpuProgram)
	seen := map[string]int{}
	for e := p.Next(); e != nil; e = p.Next() {
		in, out := e.In.Host(), e.Out.Host()
		for _, row := range e.Active {
			lo, hi := row*elems, (row+1)*elems
			gputest.Lattice(e.Conds[row], e.T.Host()[row], in[lo:hi], out[lo:hi])
		}
		live := slices.Clone(p.live)
		evals := map[int]bool{}
		for _, i := range live {
			evals[i] = p.rows[i].reduces()
		}
		require.NoError(t, p.Step())
		for _, i := range live {
			if evals[i] {
				note(seen, p.rows[i].scalars)
			}
		}
	}
	for _, want := range []string{
		"limit 1", "limit most", "limit between", "factor below 1", "factor above 1",
	} {
		require.NotZero(t, seen[want], "%s: %v", want, seen)
	}
}

// note counts what the scalars of a stage were.
func note(seen map[string]int, s *scalars) {
	if s.limits != nil {
		switch s.limit {
		case 1:
			seen["limit 1"]++
		case s.limits.most:
			seen["limit most"]++
		default:
			seen["limit between"]++
		}
	}
	if s.rescale != nil {
		switch {
		case s.factor < 1:
			seen["factor below 1"]++
		case s.factor > 1:
			seen["factor above 1"]++
		}
	}
}

// TestDiffusersKnownAnswers is a stage whose raw is the guided output, against
//
//	def pat(mul): return torch.tensor([(i*mul % 65521 - 32760)/32 for i in range(1000)])[None,None,None]
//	c, u = pat(7919), pat(104729); m = u + 7.5*(c - u)
//	rescale_noise_cfg(m, c, guidance_rescale=0.7)[0,0,0,:6].tolist()
//	DDIMScheduler(thresholding=True, dynamic_thresholding_ratio=0.995,
//	  sample_max_value=2000.0)._threshold_sample(c)[0,0,0,:6].tolist()
//	... of c/2048, and with sample_max_value=1.0
//
// in diffusers 0.42.1 with torch 2.15.0.
func TestDiffusersKnownAnswers(t *testing.T) {
	const elems = 1000
	outputs := [][]float32{gputest.Pattern(elems, 7919, 65521), gputest.Pattern(elems, 104729, 65521)}
	small := slices.Clone(outputs[0])
	for i := range small {
		small[i] /= 2048
	}
	guided := []sampler.Weighted{{Weight: 7.5, Cond: 0}, {Weight: -6.5, Cond: 1}}
	alone := []sampler.Weighted{{Weight: 1, Cond: 0}}
	dynamic := func(most float64) *sampler.Threshold {
		return &sampler.Threshold{Quantile: 0.995, Max: most}
	}
	for name, c := range map[string]struct {
		conds     []sampler.Weighted
		first     []float32
		rescale   float64
		threshold *sampler.Threshold
		want      []float32
	}{
		"rescale": {guided, outputs[0], 0.7, nil, []float32{-379.5802917480469, -2644.310791015625,
			25.577640533447266, -2239.15283203125, 430.7355651855469, -1833.9949951171875}},
		"threshold": {alone, outputs[0], 0, dynamic(2000), []float32{-1, -0.7619921565055847,
			-0.5190785527229309, -0.2761650085449219, -0.033251456916332245, 0.20966209471225739}},
		"limit 1": {alone, small, 0, dynamic(2000), []float32{-0.4998779296875, -0.3790435791015625,
			-0.258209228515625, -0.1373748779296875, -0.01654052734375, 0.1042938232421875}},
		"maximum 1": {alone, outputs[0], 0, dynamic(1), []float32{-1, -1, -1, -1, -1, 1}},
	} {
		st := steps(1).Stages[0]
		st.From.Skip, st.From.Out, st.Clip, st.Push, st.X = 0, 1, 0.25, nil, sampler.Row{D: 1}
		if c.threshold == nil {
			st.X = sampler.Row{Raw: 1}
		}
		plan := &sampler.Plan{Init: 1, Stages: []sampler.Stage{st},
			Threshold: c.threshold, Rescale: c.rescale}
		p := program(t, 1, elems, sampler.Request{Plan: plan, Conds: c.conds})
		copy(p.Next().Out.Host(), c.first)
		if len(c.conds) > 1 {
			copy(p.Next().Out.Host()[elems:], outputs[1])
		}
		require.NoError(t, p.Step())
		got := make([]float32, elems)
		require.NoError(t, p.Read(0, got))
		for i, w := range c.want {
			require.InEpsilon(t, w, got[i], 4e-7, "%s, element %d", name, i)
		}
	}
}

// TestInpaintKeepsKnown: a plan that ends in d returns the known part bit for bit, and without mask
// what it returns without in-painting.
func TestInpaintKeepsKnown(t *testing.T) {
	const elems = 1500
	plan := steps(3)
	plan.Stages[2].X = sampler.Row{D: 1}
	plain := sampler.Request{Plan: plan, Conds: gputest.Conds(0, 2), Seed: 5}
	half, all := plain, plain
	half.Inpaint = &sampler.Inpaint{Known: gputest.Pattern(elems, 7, 1009), Mask: make([]float32, elems)}
	all.Inpaint = &sampler.Inpaint{Known: make([]float32, elems), Mask: make([]float32, elems)}
	for i := range elems {
		half.Inpaint.Mask[i] = float32(i % 2)
		all.Inpaint.Mask[i], all.Inpaint.Known[i] = 1, float32(math.NaN())
	}
	dev := NewCPU(2)
	defer dev.Close()
	got := gputest.Execute(t, dev, elems, []sampler.Request{plain, half, all}, gputest.Lattice)
	require.Equal(t, -1, gputest.Diff(got[0][3].X, got[2][3].X))
	x := got[1][3].X
	for i := 0; i < elems; i += 2 {
		require.Equal(t, math.Float32bits(half.Inpaint.Known[i]), math.Float32bits(x[i]), "element %d", i)
	}
	require.NotEqual(t, x[1], half.Inpaint.Known[1])
}

// TestKnownPartIsCopied: what the caller does with the slices afterwards does not matter.
func TestKnownPartIsCopied(t *testing.T) {
	const elems = 9
	req := sampler.Request{Plan: steps(2), Conds: gputest.Conds(0, 1), Inpaint: gputest.Inpaint(elems, 1)}
	kept := []([]float32){slices.Clone(req.Inpaint.Known), slices.Clone(req.Inpaint.Mask)}
	want := gputest.Reference(elems, req, gputest.Lattice, Normals, gputest.Float32)
	dev := &spoiler{NewCPU(1), req.Inpaint}
	defer dev.Close()
	got := gputest.Execute(t, dev, elems, []sampler.Request{req}, gputest.Lattice)
	gputest.RequireExact(t, want, got[0], "spoiled after it was bound")
	require.NotEqual(t, kept[0][1], req.Inpaint.Known[1])
}

// spoiler overwrites the known part as soon as it is bound.
type spoiler struct {
	*CPU
	part *sampler.Inpaint
}

func (s *spoiler) Program(elems int, reqs []sampler.Request) (sampler.Program, error) {
	p, err := s.CPU.Program(elems, reqs)
	fill(s.part.Known, -7)
	fill(s.part.Mask, 0.25)
	return p, err
}

// lattice returns n numbers whose order statistics are all different.
func lattice(n int) []float32 { return gputest.Pattern(n, 7919, 65521) }

// gaussian returns n numbers around mean.
func gaussian(rng *rand.Rand, n int, mean, std float64) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(mean + float64(std*rng.NormFloat64()))
	}
	return v
}
