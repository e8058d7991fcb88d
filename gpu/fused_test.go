package gpu

import (
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/sampler"
)

// TestFusedLayout holds the struct against the offsets of gen/fused.go.
func TestFusedLayout(t *testing.T) {
	var f fused
	require.Equal(t, []uintptr{0, 88, 96, 104, 112, 120, 128, 136, 144, 152, 196, 240, 284, 288, 292, 296, 300, 304, 316},
		[]uintptr{unsafe.Offsetof(f.r), unsafe.Offsetof(f.slot), unsafe.Offsetof(f.known), unsafe.Offsetof(f.mask),
			unsafe.Offsetof(f.out), unsafe.Offsetof(f.in), unsafe.Offsetof(f.weights), unsafe.Offsetof(f.conds),
			unsafe.Offsetof(f.pitch), unsafe.Offsetof(f.x), unsafe.Offsetof(f.base), unsafe.Offsetof(f.push),
			unsafe.Offsetof(f.skip), unsafe.Offsetof(f.gain), unsafe.Offsetof(f.factor), unsafe.Offsetof(f.limit),
			unsafe.Offsetof(f.nextIn), unsafe.Offsetof(f.reads), unsafe.Offsetof(f.does)})
	require.Equal(t, []int{0, 1, 2, 3, 4, 5, 9, 11}, []int{regX, regBase, regD, regRaw, regUnc, regH, regN, regs})
}

// oddRow is a request of n elements whose registers hold anything, with what of a stage is drawn by rng. Memory is
// what alloc returns.
func oddRow(rng *rand.Rand, n int, alloc func(n int) []float32) (*cpuRow, *entry) {
	some := func() bool { return rng.IntN(2) == 0 }
	number := func() float32 { return float32(rng.NormFloat64()) * float32(rng.IntN(3)/2+rng.IntN(2)) } // zero at times
	fresh := func() []float32 {
		v := alloc(n)
		copy(v, odd(rng, n))
		return v
	}
	conds := 1 + rng.IntN(3)
	r := &cpuRow{seed: rng.Uint64(), x: fresh(), d: fresh(), in: alloc(conds * n), out: alloc(conds * n)}
	copy(r.out, odd(rng, conds*n))
	for range conds {
		r.weights, r.now = append(r.weights, 1), append(r.now, number())
	}
	e := &entry{skip: number(), out: number(), clip: max(0, number()), nextIn: number(), slot: uint32(rng.IntN(sampler.Slots)),
		draw: [2]uint32{1, 2}, gain: 0.5}
	for j := range regs {
		e.x[j] = number()
		if r.h[j%len(r.h)] == nil {
			r.h[j%len(r.h)] = fresh()
		}
	}
	if some() {
		r.base = fresh()
		e.flags |= flagBase
		for j := range regs {
			e.base[j] = number()
		}
	}
	if some() {
		e.flags |= flagPush
		for j := range regs {
			e.push[j] = number()
		}
	}
	if r.base == nil {
		e.x[regBase], e.push[regBase] = 0, 0
	}
	if rng.IntN(5) > 0 {
		e.flags |= flagEval
	} else {
		for _, k := range []*[regs]float32{&e.x, &e.base, &e.push} {
			k[regD], k[regRaw], k[regUnc] = 0, 0, 0
		}
	}
	if some() {
		r.known, r.mask = fresh(), alloc(n)
		for i := range r.mask {
			r.mask[i] = []float32{0, 1, rng.Float32()}[rng.IntN(3)]
		}
	}
	for bit, uses := range map[uint32]bool{flagNext: some(), flagUnc: e.uses(regUnc), flagN0: e.uses(regN),
		flagN1: e.uses(regN + 1)} {
		e.flags |= does(bit, uses)
	}
	if some() {
		r.scalars = &scalars{factor: number(), limit: 1 + abs(number())}
		if some() {
			r.scalars.rescale = &rescaling{}
		}
		if some() {
			r.scalars.limits = &limits{}
		}
	}
	return r, e
}

// memory is all that a row may write.
func (r *cpuRow) memory() [][]float32 {
	return append([][]float32{r.x, r.d, r.base, r.in, r.out, r.known, r.mask}, r.h[:]...)
}

// clone copies the row to guarded memory, and returns that too.
func (r *cpuRow) clone() (*cpuRow, [][]float32) {
	c, whole := *r, [][]float32(nil)
	take := func(v *[]float32) {
		if *v == nil {
			return
		}
		all, own := guarded(len(*v))
		copy(own, *v)
		*v = own
		whole = append(whole, all)
	}
	for _, v := range []*[]float32{&c.x, &c.d, &c.base, &c.in, &c.out, &c.known, &c.mask} {
		take(v)
	}
	for k := range c.h {
		take(&c.h[k])
	}
	return &c, whole
}

// TestFusedTwins compares the update with that in Go, for every length up to a few groups and stages that do
// anything, on any part of the elements.
func TestFusedTwins(t *testing.T) {
	forLevels(t, levels[1:], func(t *testing.T) {
		rng := rand.New(rand.NewPCG(11, 12))
		level := simd
		defer func() { simd = level }()
		for n := 1; n <= 150; n++ {
			for range 60 {
				r, e := oddRow(rng, n, func(n int) []float32 { return make([]float32, n) })
				lo := rng.IntN(n)
				hi := lo + 1 + rng.IntN(n-lo)
				if rng.IntN(2) == 0 {
					lo, hi = 0, n
				}
				got, all := r.clone()
				want, _ := r.clone()
				got.update(e, lo, hi)
				simd = generic
				want.update(e, lo, hi)
				simd = level
				k := 0
				for i, w := range want.memory() {
					if w == nil {
						continue
					}
					for j, v := range got.memory()[i] {
						if v != v && w[j] != w[j] {
							w[j] = v
						}
					}
					requireTwin(t, w, all[k], "%d elements from %d to %d, buffer %d, %+v", n, lo, hi, i, *e)
					k++
				}
			}
		}
	})
}

// TestFusedNoiseTwins makes more noise than at a time.
func TestFusedNoiseTwins(t *testing.T) {
	forLevels(t, levels[1:], func(t *testing.T) {
		rng := rand.New(rand.NewPCG(13, 14))
		level := simd
		defer func() { simd = level }()
		for range 20 {
			r, e := oddRow(rng, 2*noiseElems+77, func(n int) []float32 { return make([]float32, n) })
			e.x[regN], e.x[regN+1] = 0.5, 0.25
			e.flags |= flagN0 | flagN1
			got, _ := r.clone()
			got.update(e, 3, len(r.x))
			simd = generic
			r.update(e, 3, len(r.x))
			simd = level
			for i, v := range got.x {
				if w := r.x[i]; v != w && (v == v || w == w) {
					require.Failf(t, "bits differ", "element %d: want %v, got %v", i, w, v)
				}
			}
		}
	})
}
