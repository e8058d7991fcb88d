package gpu

import (
	"bufio"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// population is the number of normals of the statistical tests. Their seeds are fixed, so they pass
// or fail for good; the thresholds are those of one test in 10000 failing by chance.
func population() int {
	if testing.Short() {
		return 1 << 20
	}
	return 10_000_000
}

const (
	ksCritical = 2.2253 // sqrt(-ln(1e-4/2)/2): P(sqrt(n)*D > k) = 1e-4, Kolmogorov's limit law
	zCritical  = 3.8906 // P(|z| > 3.8906) = 1e-4
)

// ksDistance sorts v and returns its largest distance to the standard normal distribution function.
func ksDistance(v []float32) float64 {
	slices.Sort(v)
	d, n := 0.0, float64(len(v))
	for i, x := range v {
		f := 0.5 * math.Erfc(-float64(x)/math.Sqrt2)
		d = max(d, f-float64(i)/n, float64(i+1)/n-f)
	}
	return d
}

func TestNormalsKolmogorovSmirnov(t *testing.T) {
	v := make([]float32, population())
	Normals(v, 20240601, 3, 0)
	ks := ksDistance(v) * math.Sqrt(float64(len(v)))
	t.Logf("sqrt(n)*D = %.3f, critical %.3f", ks, ksCritical)
	require.Less(t, ks, ksCritical)

	// The test is sharp enough to see a scale that is off by 0.5 %.
	for i := range v {
		v[i] *= 1.005
	}
	if !testing.Short() {
		require.Greater(t, ksDistance(v)*math.Sqrt(float64(len(v))), ksCritical)
	}
}

// TestNormalsLanesKolmogorovSmirnov looks at each lane of a Philox block alone.
func TestNormalsLanesKolmogorovSmirnov(t *testing.T) {
	v := make([]float32, 1<<20)
	Normals(v, 77, 0, 0)
	for lane := range 4 {
		w := make([]float32, 0, len(v)/4)
		for i := lane; i < len(v); i += 4 {
			w = append(w, v[i])
		}
		require.Less(t, ksDistance(w)*math.Sqrt(float64(len(w))), ksCritical, "lane %d", lane)
	}
}

// TestNormalsMoments compares each moment with its standard error under the null hypothesis.
func TestNormalsMoments(t *testing.T) {
	v := make([]float32, population())
	Normals(v, 5, 1, 0)
	n := float64(len(v))
	var m1, m2, m3, m4, tail float64
	for _, f := range v {
		x := float64(f)
		m1 += x
		m2 += x * x
		m3 += x * x * x
		m4 += x * x * x * x
		if math.Abs(x) > 4 {
			tail++
		}
	}
	p := math.Erfc(4 / math.Sqrt2)
	for _, c := range []struct {
		name           string
		got, want, err float64
	}{
		{"mean", m1 / n, 0, math.Sqrt(1 / n)},
		{"variance", m2 / n, 1, math.Sqrt(2 / n)},                   // var(x^2) = 3-1
		{"third moment", m3 / n, 0, math.Sqrt(15 / n)},              // E x^6
		{"fourth moment", m4 / n, 3, math.Sqrt(96 / n)},             // E x^8 - 9
		{"beyond 4 sigma", tail, n * p, math.Sqrt(n * p * (1 - p))}, // binomial
	} {
		z := (c.got - c.want) / c.err
		t.Logf("%-14s %.6g, %+.2f standard errors", c.name, c.got, z)
		require.Less(t, math.Abs(z), zCritical, c.name)
	}
}

func correlation(a, b []float32) float64 {
	s := 0.0
	for i, x := range a {
		s += float64(x) * float64(b[i])
	}
	return s / math.Sqrt(float64(len(a))) // in standard errors
}

// squares are x^2-1 over its deviation: their correlation sees pairs that share a radius.
func squares(v []float32) []float32 {
	w := make([]float32, len(v))
	for i, x := range v {
		w[i] = (x*x - 1) / math.Sqrt2
	}
	return w
}

func TestNormalsIndependence(t *testing.T) {
	n := population() / 4
	v := make([]float32, n+4)
	Normals(v, 8, 2, 0)
	for lag := 1; lag <= 4; lag++ {
		require.Less(t, math.Abs(correlation(v[:n], v[lag:lag+n])), zCritical, "lag %d", lag)
		require.Less(t, math.Abs(correlation(squares(v[:n]), squares(v[lag:lag+n]))), zCritical, "lag %d", lag)
	}
	w := make([]float32, n)
	for _, o := range []struct {
		seed        uint64
		draw, first int
	}{{8, 3, 0}, {9, 2, 0}, {8 + 1<<32, 2, 0}, {8, 2, n + 4}, {2, 8, 0}, {^uint64(8), 2, 0}} {
		Normals(w, o.seed, o.draw, o.first)
		require.Less(t, math.Abs(correlation(v[:n], w)), zCritical, "%+v", o)
		require.Less(t, math.Abs(correlation(squares(v[:n]), squares(w))), zCritical, "%+v", o)
	}
}

// TestNormalsTails drives the radius with its extreme integers.
func TestNormalsTails(t *testing.T) {
	r := []float32{uniform(0), uniform(math.MaxUint32)} // 2^-33, and 1 after rounding
	radius(r)
	require.InDelta(t, math.Sqrt(66*math.Ln2), r[0], 1e-6)
	require.Less(t, r[0], float32(6.8))
	require.Zero(t, r[1])
	for _, b := range []uint32{0, 1, 1<<29 - 1, 1 << 29, 1<<29 + 1, 1 << 30, 3 << 29, 1 << 31, 3 << 30,
		7 << 29, math.MaxUint32} {
		c, s := direction(b)
		ws, wc := math.Sincos(2 * math.Pi * float64(b) / (1 << 32))
		require.InDelta(t, wc, c, 2e-7, "%x", b)
		require.InDelta(t, ws, s, 2e-7, "%x", b)
	}
}

// TestNormalsFormula recomputes normals in float64 from Philox and the formula of Box and Muller.
func TestNormalsFormula(t *testing.T) {
	const seed, draw, first = 0x0123456789abcdef, 7, 1<<34 - 400 // blocks cross 2^32
	v := make([]float32, 1000)
	Normals(v, seed, draw, first)
	for i, got := range v {
		e := uint64(first + i)
		var c [4]uint32
		c[0], c[1], c[2], c[3] = philox(uint32(e/4), uint32(e/4>>32), draw, 0, seed&math.MaxUint32, seed>>32)
		pair := c[e%4&2:]
		r := math.Sqrt(-2 * math.Log((float64(pair[0])+0.5)/(1<<32)))
		sin, cos := math.Sincos(2 * math.Pi * float64(pair[1]) / (1 << 32))
		require.InDelta(t, r*[2]float64{cos, sin}[e%2], got, 2e-6, "element %d", e)
	}
}

// TestNormalsAnySplit makes pieces of a range, on several threads, with guards beside each.
func TestNormalsAnySplit(t *testing.T) {
	const n, guard = 5000, -77
	want := make([]float32, n)
	Normals(want, 42, 9, 0)
	for _, procs := range []int{1, 2, 4} {
		old := runtime.GOMAXPROCS(procs)
		defer runtime.GOMAXPROCS(old)
		var wg sync.WaitGroup
		bad := make([]string, 300)
		for k := range bad {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(1, uint64(k)))
				lo := rng.IntN(n)
				hi := lo + rng.IntN(min(n-lo, 1+3*k)+1)
				buf := make([]float32, hi-lo+2)
				buf[0], buf[len(buf)-1] = guard, guard
				Normals(buf[1:len(buf)-1], 42, 9, lo)
				if !slices.Equal(buf[1:len(buf)-1], want[lo:hi]) || buf[0] != guard || buf[len(buf)-1] != guard {
					bad[k] = fmt.Sprintf("elements %d to %d", lo, hi)
				}
			})
		}
		wg.Wait()
		for _, s := range bad {
			require.Empty(t, s)
		}
	}
	Normals(nil, 1, 1, 3)
}

var update = flag.Bool("update", false, "rewrite testdata/normals.txt")

// TestNormalsGolden pins the stream: results of saved seeds may never change. Each line of the file
// is seed, draw, first element and the bits of 8 normals.
func TestNormalsGolden(t *testing.T) {
	const file = "testdata/normals.txt"
	if *update {
		writeGolden(t, file)
	}
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	count := 0
	for in := bufio.NewScanner(f); in.Scan(); {
		var seed uint64
		var draw, first int
		var bits [8]string
		_, err := fmt.Sscan(in.Text(), &seed, &draw, &first, &bits[0], &bits[1], &bits[2], &bits[3],
			&bits[4], &bits[5], &bits[6], &bits[7])
		require.NoError(t, err)
		var v [8]float32
		Normals(v[:], seed, draw, first)
		for i, b := range bits {
			want, err := strconv.ParseUint(b, 16, 32)
			require.NoError(t, err)
			require.Equal(t, uint32(want), math.Float32bits(v[i]), "%s, element %d", in.Text(), first+i)
			count++
		}
	}
	require.Equal(t, 4096, count)
}

func writeGolden(t *testing.T, file string) {
	f, err := os.Create(file)
	require.NoError(t, err)
	for i := range 512 {
		seed, draw, first := uint64(i/64)*0x9E3779B97F4A7C15, i/16%4, i%16*8
		if i%16 == 15 {
			first = i * 1_000_000_007 // far, and at any lane
		}
		var v [8]float32
		Normals(v[:], seed, draw, first)
		fmt.Fprint(f, seed, " ", draw, " ", first)
		for _, x := range v {
			fmt.Fprintf(f, " %08x", math.Float32bits(x))
		}
		fmt.Fprintln(f)
	}
	require.NoError(t, f.Close())
}
