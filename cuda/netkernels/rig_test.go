//go:build cuda

package netkernels

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/cudiffuse/cudiffuse/build"
	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/cudiffuse/cudiffuse/internal/emu"
	"github.com/cudiffuse/cudiffuse/internal/gputest"
	"github.com/stretchr/testify/require"
)

// rig runs operations on a device with the committed kernels.
type rig struct {
	t       testing.TB
	dev     *cuda.Device
	module  *cuda.Module
	stream  *cuda.Stream
	kernels map[string]*cuda.Kernel // loaded
	ran     map[string]bool         // launched
}

// newRig opens the first device until the test ends; nothing may be left on it then. Without a GPU the test is
// skipped, which is a failure where CUDA_REQUIRED=1 says that there must be one.
func newRig(t testing.TB) *rig {
	t.Helper()
	dev, err := cuda.Open(0, cuda.Options{})
	if err != nil {
		if os.Getenv("CUDA_REQUIRED") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	t.Cleanup(func() {
		require.NoError(t, dev.Close())
		if _, err := emu.Counters(); err == nil {
			leaks, err := emu.Leaks()
			require.NoError(t, err)
			require.Zero(t, leaks)
		}
	})
	r := &rig{t: t, dev: dev, kernels: map[string]*cuda.Kernel{}, ran: map[string]bool{}}
	ptx, err := build.PTX()
	require.NoError(t, err)
	r.module, err = dev.LoadModule(cuda.Image{Name: "kernels", PTX: ptx, Native: build.Native})
	require.NoError(t, err)
	r.stream, err = dev.NewStream()
	require.NoError(t, err)
	return r
}

// with is the rig for a part of the test.
func (r *rig) with(t testing.TB) *rig {
	part := *r
	part.t = t
	return &part
}

// run validates an operation, runs its launches in order, and names their kernels.
func (r *rig) run(op Op) []string {
	r.t.Helper()
	require.NoError(r.t, op.Validate())
	return r.launch(op.Launches())
}

func (r *rig) launch(launches []Launch) (names []string) {
	r.t.Helper()
	for _, l := range launches {
		k, ok := r.kernels[l.Kernel]
		if !ok {
			var err error
			k, err = r.module.Kernel(l.Kernel)
			require.NoError(r.t, err)
			r.kernels[l.Kernel] = k
		}
		p, err := k.Prepare(l.Geometry, l.Args...)
		require.NoError(r.t, err)
		require.NoError(r.t, r.stream.Launch(p))
		require.NoError(r.t, r.stream.Sync(context.Background()))
		require.NoError(r.t, p.Close())
		r.ran[l.Kernel] = true
		names = append(names, l.Kernel)
	}
	return names
}

// place is how rows lie in memory: their channels are `before` elements into rows of `before`+channels+`after`.
type place struct{ before, after int }

// field is rows of pixels on the device, a slice of wider rows. What is around the slice holds guard bytes.
type field struct {
	Tensor
	rows, channels int
	place          place
	dtype          DType
	guard          byte
	buf            *cuda.Buffer
	sent           []byte
}

const (
	guardBytes  = 256  // before and after the rows, a multiple of the widest access
	inputGuard  = 0xff // NaN of every type: what is read by mistake shows
	outputGuard = 0xa5
)

// input uploads rows of channels, rounded to the type.
func (r *rig) input(d DType, channels int, p place, values []float32) *field {
	r.t.Helper()
	f := r.field(d, len(values)/channels, channels, p, inputGuard)
	for i, v := range values {
		f.put(f.sent, i, v)
	}
	require.NoError(r.t, r.dev.Write(f.buf, 0, f.sent))
	return f
}

// output makes rows of channels that hold guard bytes.
func (r *rig) output(d DType, rows, channels int, p place) *field {
	r.t.Helper()
	f := r.field(d, rows, channels, p, outputGuard)
	require.NoError(r.t, r.dev.Write(f.buf, 0, f.sent))
	return f
}

func (r *rig) field(d DType, rows, channels int, p place, guard byte) *field {
	r.t.Helper()
	f := &field{rows: rows, channels: channels, place: p, dtype: d, guard: guard}
	f.Stride = p.before + channels + p.after
	f.sent = make([]byte, 2*guardBytes+rows*f.Stride*int(d.size()))
	for i := range f.sent {
		f.sent[i] = guard
	}
	var err error
	f.buf, err = r.dev.Alloc(int64(len(f.sent)))
	require.NoError(r.t, err)
	require.Zero(r.t, f.buf.Ptr()%256)
	f.At = f.buf.Ptr() + guardBytes + uint64(p.before)*uint64(d.size())
	return f
}

// from is the field's tensor from a row on.
func (f *field) from(row int) Tensor {
	return Tensor{f.At + uint64(row*f.Stride)*uint64(f.dtype.size()), f.Stride}
}

// at is the byte of element i of the slice.
func (f *field) at(i int) int {
	return guardBytes + (i/f.channels*f.Stride+f.place.before+i%f.channels)*int(f.dtype.size())
}

func (f *field) put(b []byte, i int, v float32) {
	if f.dtype == Float32 {
		binary.LittleEndian.PutUint32(b[f.at(i):], math.Float32bits(v))
		return
	}
	binary.LittleEndian.PutUint16(b[f.at(i):], stored(f.dtype).Encode(v))
}

func (f *field) get(b []byte, i int) float32 {
	if f.dtype == Float32 {
		return math.Float32frombits(binary.LittleEndian.Uint32(b[f.at(i):]))
	}
	return stored(f.dtype).Decode(binary.LittleEndian.Uint16(b[f.at(i):]))
}

// read fetches a field; every byte outside its slice must be as it was.
func (r *rig) read(f *field) []float32 {
	r.t.Helper()
	b := make([]byte, len(f.sent))
	require.NoError(r.t, r.dev.Read(b, f.buf, 0))
	out := make([]float32, f.rows*f.channels)
	size := int(f.dtype.size())
	for i := range out {
		out[i] = f.get(b, i)
		for j := range size {
			b[f.at(i)+j] = f.guard
		}
	}
	for i, v := range b {
		if v != f.guard {
			require.Failf(r.t, "written outside", "byte %d of rows %d bytes apart, %d channels at %d", i-guardBytes,
				f.Stride*size, f.channels, f.place.before)
		}
	}
	return out
}

// unchanged requires that an input is as it was sent.
func (r *rig) unchanged(f *field) {
	r.t.Helper()
	b := make([]byte, len(f.sent))
	require.NoError(r.t, r.dev.Read(b, f.buf, 0))
	require.Equal(r.t, f.sent, b, "an input was written")
}

// params uploads float32 parameters of one row.
func (r *rig) params(values []float32) *field {
	r.t.Helper()
	return r.input(Float32, len(values), place{}, values)
}

// free gives the memory of fields back.
func (r *rig) free(fields ...*field) {
	r.t.Helper()
	for _, f := range fields {
		if f != nil {
			require.NoError(r.t, f.buf.Free())
		}
	}
}

// dtypes are the types of activations.
var dtypes = []DType{Float32, Float16, BFloat16}

// stored is how test code rounds to a type.
func stored(d DType) gputest.DType {
	return map[DType]gputest.DType{Float32: gputest.Float32, Float16: gputest.Float16, BFloat16: gputest.BFloat16}[d]
}

// noise is n normal numbers times deviation around mean, rounded to the type.
func noise(d DType, seed uint64, n int, mean, deviation float64) []float32 {
	rng := rand.New(rand.NewPCG(seed, 1))
	out := make([]float32, n)
	for i := range out {
		out[i] = stored(d).Round(float32(mean + deviation*rng.NormFloat64()))
	}
	return out
}

// wide converts for a reference.
func wide(s []float32) []float64 {
	out := make([]float64, len(s))
	for i, v := range s {
		out[i] = float64(v)
	}
	return out
}

// float32Error is what float32 arithmetic may lose, relative to the scale of the data.
const float32Error = 2e-6

// mismatch is the first element that is further from the reference than float32 arithmetic at the scale and one
// rounding to the type allow, with a report; -1 if there is none. NaN wants NaN, and an infinity itself.
func mismatch(d DType, want []float64, scale func(i int) float64, got []float32) (int, string) {
	if len(want) != len(got) {
		return 0, fmt.Sprintf("%d elements, wanted %d", len(got), len(want))
	}
	for i, w := range want {
		e := float32Error * scale(i)
		if math.IsNaN(w) || math.IsInf(w, 0) {
			e = 0
		}
		low, high := stored(d).Round(float32(w-e)), stored(d).Round(float32(w+e))
		if math.IsNaN(w) && got[i] != got[i] || low <= got[i] && got[i] <= high {
			continue
		}
		return i, fmt.Sprintf("element %d is %g, wanted %g +- %.2g and a rounding", i, got[i], w, e)
	}
	return -1, ""
}

// near requires that there is no mismatch.
func near(t testing.TB, d DType, want []float64, scale func(i int) float64, got []float32, format string, a ...any) {
	t.Helper()
	if i, report := mismatch(d, want, scale, got); i >= 0 {
		require.Fail(t, report, append([]any{format}, a...)...)
	}
}

// flat is the same scale for every element.
func flat(scale float64) func(int) float64 { return func(int) float64 { return scale } }

// sameBits requires equal bits.
func sameBits(t testing.TB, want, got []float32, format string, a ...any) {
	t.Helper()
	require.Equal(t, len(want), len(got))
	for i := range want {
		if math.Float32bits(want[i]) != math.Float32bits(got[i]) {
			require.Failf(t, "bits differ", "element %d: %g and %g, %s", i, want[i], got[i], fmt.Sprintf(format, a...))
		}
	}
}
