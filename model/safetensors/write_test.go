package safetensors

import (
	"bytes"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sample has every type that can be written, and names that need escapes.
func sample() []Data {
	return []Data{
		{Name: "b", Shape: []int{2, 2},
			F32: []float32{1, float32(math.Copysign(0, -1)), 3, float32(math.Inf(1))}},
		{Name: "scalar", F64: []float64{math.Pi}},
		{Name: "a<\"\\\x00\u2028é😀>", Shape: []int{3}, I64: []int64{math.MinInt64, 0, math.MaxInt64}},
		{Name: "empty", Shape: []int{0, 3}},
		{Name: "empty ints", Shape: []int{0}, I64: []int64{}},
	}
}

func TestRoundTrip(t *testing.T) {
	meta := map[string]string{"format": "pt", "<&>\n": "\u2028\"😀"}
	var first []byte
	for range 20 { // any order, the same bytes
		in := sample()
		slices.Reverse(in[1:])
		var b bytes.Buffer
		require.NoError(t, Write(&b, in, meta))
		if first == nil {
			first = b.Bytes()
		}
		require.Equal(t, first, b.Bytes())
		var c bytes.Buffer
		require.NoError(t, Write(&c, sample(), meta))
		require.Equal(t, first, c.Bytes())
	}
	f, err := Parse(bytes.NewReader(first), int64(len(first)), "f")
	require.NoError(t, err)
	require.Equal(t, meta, f.Metadata())
	require.Len(t, f.Tensors(), len(sample()))
	require.True(t, slices.IsSortedFunc(f.Tensors(), func(a, b Tensor) int {
		return strings.Compare(a.Name, b.Name)
	}))
	for _, d := range sample() {
		got, ok := f.Tensor(d.Name)
		require.True(t, ok, d.Name)
		require.Equal(t, len(d.Shape), len(got.Shape))
		require.True(t, slices.Equal(d.Shape, got.Shape))
		require.Zero(t, got.off%int64(got.DType.Size()), "aligned to its element")
		switch got.DType {
		case F32:
			v, err := f.Float32s(d.Name)
			require.NoError(t, err)
			require.True(t, slices.Equal(bits(d.F32), bits(v)), d.Name)
		case F64:
			v, err := f.Float64s(d.Name)
			require.NoError(t, err)
			require.Equal(t, d.F64, v)
		case I64:
			v, err := f.Int64s(d.Name)
			require.NoError(t, err)
			require.Equal(t, d.I64, v)
		}
	}
}

func bits(v []float32) []uint32 {
	out := make([]uint32, len(v))
	for i := range v {
		out[i] = math.Float32bits(v[i])
	}
	return out
}

// TestWrittenBytes is the layout, by hand from the format's description.
func TestWrittenBytes(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, Write(&b, []Data{
		{Name: "y", F32: []float32{1}},
		{Name: "z", Shape: []int{1}, I64: []int64{2}},
	}, map[string]string{"k": "v"}))
	const head = `{"__metadata__":{"k":"v"},` +
		`"z":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},` +
		`"y":{"dtype":"F32","shape":[],"data_offsets":[8,12]}}    `
	require.Equal(t, 0, len(head)%8)
	require.Equal(t, string(claim(uint64(len(head)), head))+
		"\x02\x00\x00\x00\x00\x00\x00\x00"+"\x00\x00\x80\x3f", b.String())
}

func TestWriteRefuses(t *testing.T) {
	one := []float32{1}
	for _, c := range []struct {
		name string
		in   []Data
		meta map[string]string
		want string
	}{
		{"two slices", []Data{{Name: "w", F32: one, I64: []int64{1}}}, nil,
			"2 of F32, I64 and F64 are set"},
		{"too few", []Data{{Name: "w", Shape: []int{2}, F32: one}}, nil,
			"1 values, wanted 2 for shape [2]"},
		{"none", []Data{{Name: "w", Shape: []int{2}}}, nil, "0 values, wanted 2"},
		{"negative", []Data{{Name: "w", Shape: []int{-1}, F32: one}}, nil, "negative dimension"},
		{"overflow", []Data{{Name: "w", Shape: []int{math.MaxInt, 3}, F32: one}}, nil, "overflows"},
		{"rank", []Data{{Name: "w", Shape: slices.Repeat([]int{1}, 17), F32: one}}, nil,
			"rank is 17"},
		{"name", []Data{{Name: "w\xff", F32: one}}, nil, "not valid UTF-8"},
		{"reserved", []Data{{Name: "__metadata__", F32: one}}, nil, "reserved"},
		{"twice", []Data{{Name: "w", F32: one}, {Name: "w", F32: one}}, nil, "given twice"},
		{"metadata", nil, map[string]string{"k": "\xff"}, "metadata \"k\" is not valid UTF-8"},
	} {
		var b bytes.Buffer
		err := Write(&b, c.in, c.meta)
		require.ErrorIs(t, err, ErrFormat, c.name)
		require.ErrorContains(t, err, c.want, c.name)
		require.Zero(t, b.Len(), "nothing is written")
	}
}

// full is a writer that fails after n bytes.
type full int

func (n *full) Write(p []byte) (int, error) {
	k := min(len(p), int(*n))
	*n -= full(k)
	if k < len(p) {
		return k, errFull
	}
	return k, nil
}

var errFull = errors.New("disk full")

func TestWriteFails(t *testing.T) {
	for _, n := range []full{0, 1, 100, 70_000} {
		err := Write(&n, []Data{{Name: "w", Shape: []int{50_000}, F32: make([]float32, 50_000)}}, nil)
		require.ErrorIs(t, err, errFull)
		require.EqualError(t, err, "safetensors: cannot be written: disk full")
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.safetensors")
	require.NoError(t, WriteFile(path, sample(), nil))
	before, err := os.ReadFile(path)
	require.NoError(t, err)

	// A failure leaves the old file, and nothing else.
	err = WriteFile(path, []Data{{Name: "w", Shape: []int{2}}}, nil)
	require.ErrorIs(t, err, ErrFormat)
	require.ErrorContains(t, err, path+`: tensor "w": `)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, after)

	// Success replaces it.
	require.NoError(t, WriteFile(path, []Data{{Name: "w", F32: []float32{7}}}, nil))
	f, err := Open(path)
	require.NoError(t, err)
	v, err := f.Float32s("w")
	require.NoError(t, err)
	require.Equal(t, []float32{7}, v)
	require.NoError(t, f.Close())

	// A folder in the way: the new file is complete by then, but cannot take its place.
	require.NoError(t, os.Mkdir(filepath.Join(dir, "d"), 0o777))
	require.Error(t, WriteFile(filepath.Join(dir, "d"), sample(), nil))
	err = WriteFile(filepath.Join(dir, "no", "m.safetensors"), sample(), nil)
	require.ErrorIs(t, err, fs.ErrNotExist)

	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 2, "m.safetensors and d")
}
