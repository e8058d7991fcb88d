package safetensors

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io/fs"
	"math"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// halfOracle is binary16 by its definition (IEEE 754-2019, 3.4), in float64 arithmetic:
// (-1)^s * 2^(e-15) * (1 + f/1024), or 2^-14 * f/1024 when e is 0.
func halfOracle(h uint16) float64 {
	sign := 1 - 2*float64(h>>15)
	e, f := int(h>>10)&31, float64(h&1023)/1024
	switch {
	case e == 31 && f == 0:
		return math.Inf(int(sign))
	case e == 31:
		return math.NaN()
	case e == 0:
		return math.Copysign(math.Ldexp(f, -14), sign)
	}
	return sign * math.Ldexp(1+f, e-15)
}

// brainOracle is the same for bfloat16: 8 exponent bits of bias 127, 7 fraction bits.
func brainOracle(b uint16) float64 {
	sign := 1 - 2*float64(b>>15)
	e, f := int(b>>7)&255, float64(b&127)/128
	switch {
	case e == 255 && f == 0:
		return math.Inf(int(sign))
	case e == 255:
		return math.NaN()
	case e == 0:
		return math.Copysign(math.Ldexp(f, -126), sign)
	}
	return sign * math.Ldexp(1+f, e-127)
}

// TestAllHalves reads a file of all 65536 values of each 16 bit type.
func TestAllHalves(t *testing.T) {
	for dtype, oracle := range map[DType]func(uint16) float64{F16: halfOracle, BF16: brainOracle} {
		file := raw(fmt.Sprintf(
			`{"w":{"dtype":"%s","shape":[256,256],"data_offsets":[0,131072]}}`, dtype), 0)
		for i := range 1 << 16 {
			file = binary.LittleEndian.AppendUint16(file, uint16(i))
		}
		f, err := Parse(bytes.NewReader(file), int64(len(file)), "all")
		require.NoError(t, err)
		as32, err := f.Float32s("w")
		require.NoError(t, err)
		as64, err := f.Float64s("w")
		require.NoError(t, err)
		for i := range 1 << 16 {
			want := oracle(uint16(i))
			if math.IsNaN(want) {
				require.True(t, math.IsNaN(float64(as32[i])) && math.IsNaN(as64[i]), "%s %04x", dtype, i)
				require.Equal(t, i>>15, int(math.Float32bits(as32[i])>>31), "sign of %s %04x", dtype, i)
				continue
			}
			require.Equal(t, math.Float64bits(want), math.Float64bits(as64[i]), "%s %04x", dtype, i)
			require.Equal(t, math.Float32bits(float32(want)), math.Float32bits(as32[i]), "%s %04x", dtype, i)
			require.Equal(t, want, float64(float32(want)), "the oracle's value fits a float32")
		}
	}
}

// TestReference reads a file by the reference implementation, see testdata/reference.py:
// beside each tensor X stand X.f32, X.f64 and X.i64 as torch converts it.
func TestReference(t *testing.T) {
	f, err := Open("testdata/reference.safetensors")
	require.NoError(t, err)
	defer f.Close()
	require.Equal(t, map[string]string{"format": "pt", "note": "ünïcode \"quoted\"\n"}, f.Metadata())
	got, err := f.Float32s("ünïcode \"quoted\"\n\t/\\ \U0001f600")
	require.NoError(t, err)
	require.Equal(t, []float32{1.5}, got)

	for _, d := range strings.Split(supported, ", ") {
		tensor, ok := f.Tensor(d)
		require.True(t, ok, d)
		require.Equal(t, DType(d), tensor.DType)
		scalar, _ := f.Tensor(d + ".scalar")
		require.Equal(t, []any{DType(d), 0, 1}, []any{scalar.DType, len(scalar.Shape), scalar.Elems()})
		empty, _ := f.Tensor(d + ".empty")
		require.Zero(t, empty.Elems())
		if DType(d).Float() {
			require.Equal(t, []int{3, 5}, tensor.Shape)
			require.Equal(t, []int{2, 0, 3}, empty.Shape)
			sameFloats(t, f, d)
			continue
		}
		a, err := f.Int64s(d)
		require.NoError(t, err)
		b, err := f.Int64s(d + ".i64")
		require.NoError(t, err)
		require.Equal(t, b, a, d)
		one, err := f.Int64s(d + ".scalar")
		require.NoError(t, err)
		require.Equal(t, a[1:2], one)
		_, err = f.Float32s(d)
		require.ErrorIs(t, err, ErrDType)
		require.ErrorContains(t, err, "dtype is "+d+", wanted F32")
		_, err = f.Float64s(d)
		require.ErrorIs(t, err, ErrDType)
	}
}

// sameFloats compares bits, the sign of zero included.
func sameFloats(t *testing.T, f *File, d string) {
	t.Helper()
	a, err := f.Float32s(d)
	require.NoError(t, err)
	b, err := f.Float32s(d + ".f32")
	require.NoError(t, err)
	for i := range a {
		if math.IsNaN(float64(b[i])) { // torch turns every F16 NaN into 7fffffff
			require.True(t, math.IsNaN(float64(a[i])), "%s[%d] as float32", d, i)
			continue
		}
		require.Equal(t, math.Float32bits(b[i]), math.Float32bits(a[i]), "%s[%d] as float32", d, i)
	}
	x, err := f.Float64s(d)
	require.NoError(t, err)
	y, err := f.Float64s(d + ".f64")
	require.NoError(t, err)
	for i := range x {
		if math.IsNaN(y[i]) {
			require.True(t, math.IsNaN(x[i]), "%s[%d] as float64", d, i)
			continue
		}
		require.Equal(t, math.Float64bits(y[i]), math.Float64bits(x[i]), "%s[%d] as float64", d, i)
	}
	one, err := f.Float32s(d + ".scalar")
	require.NoError(t, err)
	require.Equal(t, a[4:5], one)
	none, err := f.Float32s(d + ".empty")
	require.NoError(t, err)
	require.NotNil(t, none)
	require.Empty(t, none)
	_, err = f.Int64s(d)
	require.ErrorIs(t, err, ErrDType)
}

func TestBadValues(t *testing.T) {
	file := raw(`{"b":{"dtype":"BOOL","shape":[2],"data_offsets":[8,10]},`+
		`"u":{"dtype":"U64","shape":[],"data_offsets":[0,8]}}`, 0)
	file = append(file, 0, 0, 0, 0, 0, 0, 0, 0x80, 1, 2)
	f, err := Parse(bytes.NewReader(file), int64(len(file)), "f")
	require.NoError(t, err)
	_, err = f.Int64s("u")
	require.ErrorIs(t, err, ErrFormat)
	require.EqualError(t, err,
		`safetensors: f: tensor "u": holds 9223372036854775808, which is beyond an int64`)
	_, err = f.Int64s("b")
	require.EqualError(t, err,
		`safetensors: f: tensor "b": holds the byte 2, wanted 0 or 1 for a BOOL`)
	b, err := f.Bytes("b")
	require.NoError(t, err)
	require.Equal(t, []byte{1, 2}, b)
	_, err = f.Bytes("nope")
	require.ErrorIs(t, err, ErrMissing)
	require.EqualError(t, err, `safetensors: f: tensor "nope": is not among the file's 2 tensors`)
}

// TestLargeTensor crosses several chunks, from several goroutines.
func TestLargeTensor(t *testing.T) {
	want := make([]float32, chunk/2+3) // 2 chunks and 12 bytes
	for i := range want {
		want[i] = float32(i)
	}
	var b bytes.Buffer
	require.NoError(t, Write(&b, []Data{{Name: "w", Shape: []int{len(want)}, F32: want}}, nil))
	f, err := Parse(bytes.NewReader(b.Bytes()), int64(b.Len()), "f")
	require.NoError(t, err)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			got, err := f.Float32s("w")
			if err != nil || got[len(got)-1] != want[len(want)-1] {
				t.Errorf("%v", err)
			}
		})
	}
	got, err := f.Float32s("w")
	require.NoError(t, err)
	require.Equal(t, want, got)
	wg.Wait()
}

// TestCallerCannotChangeFile changes what the accessors gave out.
func TestCallerCannotChangeFile(t *testing.T) {
	file := raw(`{"__metadata__":{"a":"b"},"w":{`+f32x2+`}}`, 8)
	f, err := Parse(bytes.NewReader(file), int64(len(file)), "f")
	require.NoError(t, err)
	f.Tensors()[0].Shape[0] = 1 << 20
	one, _ := f.Tensor("w")
	one.Shape[0] = 1 << 20
	f.Metadata()["a"] = "c"
	got, err := f.Float32s("w")
	require.NoError(t, err)
	require.Len(t, got, 2)
	require.Equal(t, "b", f.Metadata()["a"])
}

func TestClosed(t *testing.T) {
	f, err := Open("testdata/reference.safetensors")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.NoError(t, f.Close())
	_, err = f.Float32s("F32")
	require.ErrorIs(t, err, fs.ErrClosed)
}

// zeros is a reader of any length that holds a prefix and then zeros, up to its end.
type zeros struct {
	prefix []byte
	end    int64
}

func (z zeros) ReadAt(b []byte, off int64) (int, error) {
	if off >= z.end {
		return 0, nil // breaks the contract of io.ReaderAt, too
	}
	clear(b)
	if off < int64(len(z.prefix)) {
		copy(b, z.prefix[off:])
	}
	return len(b), nil
}

// TestClaimsDoNotAllocate gives sizes and shapes of terabytes to small files.
func TestClaimsDoNotAllocate(t *testing.T) {
	big := zeros{claim(maxHeader, "x"), 1 << 50}
	lying := zeros{claim(maxHeader, "{}"), 10}
	shape := raw(with("[1099511627776]", "[0,4398046511104]"), 8)
	for name, parse := range map[string]func() error{
		"header that is none": func() error { _, err := Parse(big, big.end, "f"); return err },
		"untrue size":         func() error { _, err := Parse(lying, 1<<40, "f"); return err },
		"large shape": func() error {
			_, err := Parse(bytes.NewReader(shape), int64(len(shape)), "f")
			return err
		},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := parse()
		runtime.ReadMemStats(&after)
		require.ErrorIs(t, err, ErrFormat, name)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20), name)
	}
}

// TestShrunkFile loses its data after it was opened.
func TestShrunkFile(t *testing.T) {
	file := raw(entry(f32x2), 8)
	f, err := Parse(bytes.NewReader(file), int64(len(file)), "f")
	require.NoError(t, err)
	f.r = bytes.NewReader(file[:len(file)-3])
	_, err = f.Float32s("w")
	require.ErrorIs(t, err, ErrFormat)
	require.ErrorContains(t, err, `f: tensor "w": the file ends at byte`)
}
