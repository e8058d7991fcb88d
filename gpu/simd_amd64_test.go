package gpu

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// boxMuller is the routine of a level, for groups of as many pairs.
func boxMuller(v []float32) {
	if simd == avx2 {
		boxMullerAVX2(len(v), &v[0])
		return
	}
	for ; len(v) > 0; v = v[32:] {
		var words stream
		normalsAVX512(-32, &v[0], &words[0], 0)
	}
}

// pairsOf is how many pairs are in a group of boxMuller.
func pairsOf() int { return map[level]int{avx2: 8, avx512: 16}[simd] }

// some is a word with all bits clear, set or random.
func some(rng *rand.Rand) uint32 { return []uint32{0, math.MaxUint32, rng.Uint32()}[rng.IntN(3)] }

// TestNormalsExtremeKeys makes normals of whole groups under keys and counters with all bits clear, set and random.
func TestNormalsExtremeKeys(t *testing.T) {
	forLevels(t, levels[1:], func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 2))
		for range 20_000 {
			k0, k1, draw, high := some(rng), some(rng), some(rng), some(rng)
			n := group * (1 + rng.IntN(3))
			low := min(some(rng), -uint32(n/4)) // the last group may end where the word wraps around
			all, got := guarded(n)
			seed, first := uint64(k0)|uint64(k1)<<32, uint64(low)|uint64(high)<<32
			groups(got, seed, draw, first)
			want := make([]float32, n)
			for at := 0; at < n; at += lanes {
				normals4(want[at:min(at+lanes, n)], seed, draw, first+uint64(at/4))
			}
			requireTwin(t, want, all, "key %x %x, counter %x %x %x", k0, k1, low, high, draw)
		}
	})
}

// TestPhiloxAssembly compares the words of whole groups, under such keys and counters.
func TestPhiloxAssembly(t *testing.T) {
	if simd < avx2 {
		t.Skip("no AVX2")
	}
	const pairs = 8
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		k0, k1, draw, high := some(rng), some(rng), some(rng), some(rng)
		n := group * (1 + rng.IntN(3))
		low := min(some(rng), -uint32(n/4)) // the last group may end where the word wraps around
		all, got := guarded(n)
		words := newStream(uint64(k0)|uint64(k1)<<32, draw, high)
		philoxAVX2(n, &got[0], &words[0], low)
		want := make([]float32, n)
		for i := range n / 4 {
			var c [4]uint32
			c[0], c[1], c[2], c[3] = philox(low+uint32(i), high, draw, 0, k0, k1)
			for lane, w := range c {
				want[4*i/(2*pairs)*2*pairs+lane%2*pairs+2*i%pairs+lane/2] = math.Float32frombits(w)
			}
		}
		requireTwin(t, want, all, "key %x %x, counter %x %x %x", k0, k1, low, high, draw)
	}
}

// TestBoxMullerAssembly goes over every radius, that is every integer below 2^24 and beyond that
// every float32 and every tie between two of them, while the turns, 29 apart, go around once.
func TestBoxMullerAssembly(t *testing.T) {
	forLevels(t, levels[1:], testBoxMullerAssembly)
}

func testBoxMullerAssembly(t *testing.T) {
	step := uint64(1)
	if testing.Short() {
		step = 61
	}
	var pairs twinPairs
	turn := uint32(0)
	for octave := 23; octave < 32; octave++ {
		lo, shift := uint64(1)<<octave, uint64(max(octave-24, 0))
		if octave == 23 {
			lo = 0
		}
		for a := lo; a < 2<<octave; a += step << shift {
			pairs.add(t, uint32(a), turn)
			turn += 29 * uint32(step)
		}
	}
	for _, a := range []uint32{0, 1, math.MaxUint32 - 127, math.MaxUint32 - 128, math.MaxUint32} {
		for quarter := range uint32(8) {
			for d := range uint32(5) {
				pairs.add(t, a, quarter<<29+d-2)
			}
		}
	}
	for pairs.n > 0 {
		pairs.add(t, 0, 0)
	}
}

// twinPairs gathers pairs of a radius and a turn, and compares them when there are enough.
type twinPairs struct {
	n     int
	bits  [lanes]float32
	radii [lanes / 2]float32
	turns [lanes / 2]uint32
	first [2]uint32
	want  [lanes]float32
}

func (p *twinPairs) add(t *testing.T, a, b uint32) {
	if p.n == 0 {
		p.first = [2]uint32{a, b}
	}
	size := pairsOf()
	at := p.n/size*2*size + p.n%size
	p.bits[at], p.bits[at+size] = math.Float32frombits(a), math.Float32frombits(b)
	p.radii[p.n], p.turns[p.n] = uniform(a), b
	if p.n++; p.n < len(p.radii) {
		return
	}
	p.n = 0
	radius(p.radii[:])
	rotate(p.want[:], p.radii[:], p.turns[:])
	boxMuller(p.bits[:])
	for i, w := range p.want {
		if math.Float32bits(w) != math.Float32bits(p.bits[i]) {
			require.Failf(t, "bits differ", "normal %d from radius %d, turn %d: want %x, got %x",
				i, p.first[0], p.first[1], w, p.bits[i])
		}
	}
}
