package gpu

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/cudiffuse/cudiffuse/internal/gputest"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/stretchr/testify/require"
)

// TestBatchMatchesReference runs a mixed batch on every size and number of threads. The reference
// runs each request alone, so this is batch invariance too.
func TestBatchMatchesReference(t *testing.T) {
	for _, elems := range []int{1, 255, 784, 4096, 65537} { // below, at and past blocks and chunks
		reqs := gputest.Requests(elems)
		for name, net := range map[string]gputest.Net{
			"lattice":  gputest.Lattice,
			"specials": gputest.Specials,
		} {
			want := make([][]gputest.Stage, len(reqs))
			for i := range reqs {
				want[i] = gputest.Reference(elems, reqs[i], net, Normals)
			}
			for threads := 1; threads <= 4; threads++ {
				if testing.Short() && threads%2 == 0 {
					continue
				}
				t.Run(fmt.Sprintf("%s/%d/%d", name, elems, threads), func(t *testing.T) {
					dev := NewCPU(threads)
					defer dev.Close()
					got := gputest.Execute(t, dev, elems, reqs, net)
					for i := range reqs {
						gputest.RequireExact(t, want[i], got[i], "request %d, %s", i, reqs[i].Plan.Sampler)
					}
				})
			}
		}
	}
}

// TestPositionAndCompanyDoNotMatter shuffles a batch, repeats rows in it and takes rows away.
func TestPositionAndCompanyDoNotMatter(t *testing.T) {
	const elems = 4099
	dev := NewCPU(2)
	defer dev.Close()
	reqs := gputest.Requests(elems)
	alone := make([][]gputest.Stage, len(reqs))
	for i := range reqs {
		alone[i] = gputest.Execute(t, dev, elems, reqs[i:i+1], gputest.Specials)[0]
	}
	for _, order := range [][]int{{9, 8, 7, 6, 5, 4, 3, 2, 1, 0}, {3, 3, 1, 3}, {1, 0}, {5, 2, 7, 2, 9}} {
		batch := make([]sampler.Request, len(order))
		for i, k := range order {
			batch[i] = reqs[k]
		}
		got := gputest.Execute(t, dev, elems, batch, gputest.Specials)
		for i, k := range order {
			gputest.RequireExact(t, alone[k], got[i], "request %d at %d of %v", k, i, order)
		}
	}
}

// TestSideBySide runs several Programs of one device at once.
func TestSideBySide(t *testing.T) {
	const elems = 5000
	dev := NewCPU(3)
	defer dev.Close()
	reqs := gputest.Requests(elems)
	want := gputest.Execute(t, dev, elems, reqs, gputest.Lattice)
	got := make([][][]gputest.Stage, 4)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() { got[i] = gputest.Execute(t, dev, elems, reqs, gputest.Lattice) })
	}
	wg.Wait()
	for i := range got {
		for k := range want {
			gputest.RequireExact(t, want[k], got[i][k], "program %d, request %d", i, k)
		}
	}
}

// TestFaultsAreSeen shows that the comparison notices one wrong number in a plan: each mutation of
// the plan that uses every register must change the trace.
func TestFaultsAreSeen(t *testing.T) {
	const elems = 300
	dev := NewCPU(1)
	defer dev.Close()
	req := sampler.Request{Plan: gputest.Plans()["every register"], Conds: gputest.Conds(0, 2), Seed: 3}
	want := gputest.Reference(elems, req, gputest.Lattice, Normals)
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
		bad.Plan = gputest.Plans()["every register"]
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

// TestHash pins a mixed batch, so that builds for other processors (GOAMD64=v3 and arm64 have fused
// multiply-add) are compared with this one without running both.
func TestHash(t *testing.T) {
	const want = "d022e4db1deed5ddd0cdbdf83c7871ae2228f1d9e1c7317ee66331199d019e6d"
	dev := NewCPU(2)
	defer dev.Close()
	sum := sha256.New()
	for _, net := range []gputest.Net{gputest.Lattice, gputest.Specials} {
		for _, trace := range gputest.Execute(t, dev, 1000, gputest.Requests(1000), net) {
			for _, s := range trace {
				hash(sum, s.X)
				hash(sum, s.D)
				for _, in := range s.In {
					hash(sum, in)
				}
			}
		}
	}
	require.Equal(t, want, hex.EncodeToString(sum.Sum(nil)))
}

// hash adds values to a sum, with one payload for all not-a-numbers.
func hash(w io.Writer, v []float32) {
	b := make([]byte, 0, 4*len(v))
	for _, x := range v {
		bits := math.Float32bits(x)
		if x != x {
			bits = 0x7fc00000
		}
		b = binary.LittleEndian.AppendUint32(b, bits)
	}
	_, _ = w.Write(b)
}
