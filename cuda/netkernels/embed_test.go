//go:build cuda

package netkernels

import (
	"encoding/binary"
	"math"

	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/stretchr/testify/require"
)

// sinusoids is the reference of the embeddings: angles in float32, functions in float64.
func sinusoids(angle func(row, k int) float32, rows, dim int, flip bool) []float64 {
	want, half := make([]float64, rows*dim), dim/2
	for row := range rows {
		for k := range half {
			s, c := math.Sincos(float64(angle(row, k)))
			if flip {
				s, c = c, s
			}
			want[row*dim+k], want[row*dim+half+k] = s, c
		}
	}
	return want
}

// ints uploads int32 numbers.
func (r *rig) ints(values []int32) *cuda.Buffer {
	r.t.Helper()
	bits := make([]byte, 4*len(values))
	for i, v := range values {
		binary.LittleEndian.PutUint32(bits[4*i:], uint32(v))
	}
	b, err := r.dev.Alloc(int64(len(bits)))
	require.NoError(r.t, err)
	require.NoError(r.t, r.dev.Write(b, 0, bits))
	return b
}

func (r *rig) embed(op EmbedTime, times, freqs []float32, p place) []float32 {
	r.t.Helper()
	t, f, y := r.params(times), r.params(freqs), r.output(op.Type, len(times), op.Dim, p)
	op.Rows, op.T, op.F, op.Y = len(times), t.At, f.At, y.Tensor
	r.run(op)
	got := r.read(y)
	r.unchanged(t)
	r.free(t, f, y)
	return got
}

// testEmbedTime: within 1e-7 for all angles up to 1e5, and beyond.
func testEmbedTime(r *rig) {
	times := []float32{0, 1, 999, 501.25, 0.02, 980.6, -3, 1e5, 99999.99, 1e-20}
	for i := range 200 { // about multiples of pi/2, where one of the two has few digits left
		times = append(times, float32(float64(i*317)*math.Pi/2))
	}
	for _, d := range dtypes {
		for _, c := range []struct {
			dim  int
			flip bool
			p    place
		}{{32, true, place{}}, {320, true, place{}}, {17, false, place{1, 2}}, {2, false, place{}}, {3, true, place{}}} {
			freqs := make([]float32, c.dim/2)
			for i := range freqs {
				freqs[i] = float32(math.Exp(-math.Log(10000) * float64(i) / float64(c.dim/2)))
			}
			ts := times
			if c.dim > 100 {
				ts = times[:10]
			}
			got := r.embed(EmbedTime{Type: d, Dim: c.dim, Flip: c.flip}, ts, freqs, c.p)
			want := sinusoids(func(row, k int) float32 { return ts[row] * freqs[k] }, len(ts), c.dim, c.flip)
			near(r.t, d, want, flat(0.05), got, "%v %+v", d, c) // 1e-7
			one := r.embed(EmbedTime{Type: d, Dim: c.dim, Flip: c.flip}, ts[5:6], freqs, c.p)
			sameBits(r.t, got[5*c.dim:6*c.dim], one, "%v %+v", d, c)
		}
		got := r.embed(EmbedTime{Type: d, Dim: 4}, []float32{float32(math.Inf(1)), float32(math.NaN())}, []float32{1, 0.5}, place{})
		for _, v := range got {
			require.True(r.t, v != v)
		}
	}
}

func testFourier(r *rig) {
	times := []float32{0.01, 0.3, 1, 50, 1378}
	for _, d := range dtypes {
		freqs := noise(Float32, 3, 19, 0, 16)
		got := r.embed(EmbedTime{Type: d, Dim: 38, Log: true}, times, freqs, place{0, 2})
		// A logarithm that is off by a last place moves an angle by as much of it.
		want := sinusoids(func(row, k int) float32 {
			l := float32(math.Log(float64(times[row])))
			return l * freqs[k] * 2 * math.Pi
		}, len(times), 38, false)
		largest := math.Log(1378) * 50 * 2 * math.Pi
		near(r.t, d, want, flat(largest*0.2), got, "%v", d)
	}
}

func testLookup(r *rig) {
	for _, d := range dtypes {
		for _, c := range []struct {
			dim int
			p   place
		}{{128, place{}}, {1, place{}}, {7, place{2, 3}}} {
			table, index := noise(Float32, 3, 11*c.dim, 0, 1), []int32{10, 0, 3, 3, 7}
			table[3*c.dim] = float32(math.Inf(1))
			x := r.ints(index)
			t, y := r.params(table), r.output(d, len(index), c.dim, c.p)
			r.run(Lookup{Type: d, Rows: len(index), Dim: c.dim, Index: x.Ptr(), Table: t.At, Y: y.Tensor})
			var want []float64
			for _, i := range index {
				want = append(want, wide(table[int(i)*c.dim:][:c.dim])...)
			}
			near(r.t, d, want, flat(0), r.read(y), "%v %+v", d, c)
			r.free(t, y)
			require.NoError(r.t, x.Free())
		}
	}
}
