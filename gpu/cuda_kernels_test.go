//go:build cuda

package gpu

import (
	"context"
	"math"
	"testing"

	"github.com/cudiffuse/cudiffuse/internal/gputest"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/stretchr/testify/require"
)

// TestFillNoise: any range of any draw, with guard words around it.
func TestFillNoise(t *testing.T) {
	const guard = 1234.5
	dev := openCUDA(t, gputest.Float32)
	s, err := dev.Driver().NewStream()
	require.NoError(t, err)
	for _, c := range []struct{ n, first, draw int }{
		{1, 0, 0}, {4, 0, 1}, {5, 3, 2}, {1023, 1, 0}, {4096, 1_000_003, 7}, {300_000, 2, 1}, {3, 1 << 40, 1<<32 - 1},
	} {
		host := make([]float32, c.n+1)
		host[c.n] = guard
		b, err := dev.Driver().Alloc(int64(4 * len(host)))
		require.NoError(t, err)
		require.NoError(t, dev.Driver().Write(b, 0, bytesOf(host)))
		require.NoError(t, dev.FillNoise(s, b, c.n, 42, c.draw, c.first, 0.7))
		require.NoError(t, s.Sync(context.Background()))
		require.NoError(t, dev.Driver().Read(bytesOf(host), b, 0))
		want := make([]float32, c.n)
		Normals(want, 42, c.draw, c.first)
		scale(want, 0.7, want)
		require.Negative(t, gputest.Diff(want, host[:c.n]), "%+v", c)
		require.EqualValues(t, guard, host[c.n])
		require.NoError(t, b.Free())
	}
	b, err := dev.Driver().Alloc(8)
	require.NoError(t, err)
	var re *sampler.RequestError
	require.ErrorAs(t, dev.FillNoise(s, b, 3, 1, 0, 0, 1), &re)
	require.ErrorAs(t, dev.FillNoise(s, b, 0, 1, 0, 0, 1), &re)
	require.ErrorAs(t, dev.FillNoise(s, b, 1, 1, -1, 0, 1), &re)
	require.ErrorAs(t, dev.FillNoise(s, b, 1, 1, 0, -1, 1), &re)
}

// TestCasts sends every float16 and bfloat16 pattern through the device, and float32 numbers at and
// around the middle between neighbours.
func TestCasts(t *testing.T) {
	var values []float32
	for _, d := range []gputest.DType{gputest.Float16, gputest.BFloat16} {
		for p := range 1 << 16 {
			v := d.Decode(uint16(p))
			values = append(values, v)
			half := (float64(v) + float64(d.Decode(uint16(p)+1))) / 2
			values = append(values, float32(half), math.Nextafter32(float32(half), 0),
				math.Nextafter32(float32(half), float32(math.Inf(1))))
		}
	}
	for _, d := range gputest.DTypes {
		dev := openCUDA(t, d)
		s, err := dev.Driver().NewStream()
		require.NoError(t, err)
		b, err := newDeviceBuffer(dev, s, len(values), dtypeOf[d])
		require.NoError(t, err)
		got := make([]float32, len(values))
		require.NoError(t, b.Upload(values))
		require.NoError(t, b.Download(got))
		want := make([]float32, len(values))
		for i, v := range values {
			want[i] = d.Round(v)
		}
		i := gputest.Diff(want, got)
		require.Negative(t, i, "%v: element %d", d, i)
		var re *sampler.RequestError
		require.ErrorAs(t, b.Upload(values[1:]), &re)
		require.ErrorAs(t, b.Download(got[1:]), &re)
		require.NoError(t, b.Memory().Free())
	}
}
