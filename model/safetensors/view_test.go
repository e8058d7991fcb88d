package safetensors_test

import (
	"bytes"
	"io"
	"math"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/model/safetensors"
)

// matrices is a file of a 3x2 matrix, 0..5, and a vector, 10..13.
func matrices(t *testing.T) *safetensors.File {
	var b bytes.Buffer
	require.NoError(t, safetensors.Write(&b, []safetensors.Data{
		{Name: "m", Shape: []int{3, 2}, F32: []float32{0, 1, 2, 3, 4, 5}},
		{Name: "v", Shape: []int{4}, F32: []float32{10, 11, 12, 13}},
	}, nil))
	f, err := safetensors.Parse(bytes.NewReader(b.Bytes()), int64(b.Len()), "file")
	require.NoError(t, err)
	return f
}

// TestView reads parts, renamed, cut, reshaped and transposed, through the parser of files.
func TestView(t *testing.T) {
	v, err := matrices(t).View([]safetensors.Part{
		{Name: "z", Tensor: "v", Shape: []int{2, 2}},
		{Name: "row", Tensor: "m", Shape: []int{2}, First: 2},
		{Name: "t", Tensor: "m", Shape: []int{2, 3}, Transpose: true},
		{Name: "none", Tensor: "v", Shape: []int{0}, First: 4},
		{Name: "last", Tensor: "v", Shape: []int{}, First: 3},
	})
	require.NoError(t, err)
	f, err := safetensors.Parse(v, v.Size(), "view")
	require.NoError(t, err)
	for name, want := range map[string][]float32{
		"z": {10, 11, 12, 13}, "row": {2, 3}, "t": {0, 2, 4, 1, 3, 5}, "none": {}, "last": {13},
	} {
		got, err := f.Float32s(name)
		require.NoError(t, err, name)
		require.Equal(t, want, got, name)
	}
	all, err := io.ReadAll(io.NewSectionReader(v, 0, v.Size()))
	require.NoError(t, err)
	require.NoError(t, iotest.TestReader(io.NewSectionReader(v, 0, v.Size()), all))
	_, err = v.ReadAt(make([]byte, 1), -1)
	require.ErrorIs(t, err, safetensors.ErrFormat)
	n, err := v.ReadAt(make([]byte, 1), v.Size())
	require.Zero(t, n)
	require.Equal(t, io.EOF, err)
}

func TestViewRefuses(t *testing.T) {
	f := matrices(t)
	for name, c := range map[string]struct {
		part safetensors.Part
		want error
	}{
		"no tensor":   {safetensors.Part{Name: "a", Tensor: "none"}, safetensors.ErrMissing},
		"too long":    {safetensors.Part{Name: "a", Tensor: "v", Shape: []int{5}}, safetensors.ErrShape},
		"past":        {safetensors.Part{Name: "a", Tensor: "v", Shape: []int{2}, First: 3}, safetensors.ErrShape},
		"before":      {safetensors.Part{Name: "a", Tensor: "v", Shape: []int{2}, First: -1}, safetensors.ErrShape},
		"negative":    {safetensors.Part{Name: "a", Tensor: "v", Shape: []int{-1}}, safetensors.ErrShape},
		"overflow":    {safetensors.Part{Name: "a", Tensor: "v", Shape: []int{math.MaxInt, 2}}, safetensors.ErrShape},
		"far":         {safetensors.Part{Name: "a", Tensor: "v", Shape: []int{1}, First: math.MaxInt}, safetensors.ErrShape},
		"transposed":  {safetensors.Part{Name: "a", Tensor: "m", Shape: []int{3, 2}, Transpose: true}, safetensors.ErrShape},
		"not matrix":  {safetensors.Part{Name: "a", Tensor: "v", Shape: []int{4}, Transpose: true}, safetensors.ErrShape},
		"reserved":    {safetensors.Part{Name: "__metadata__", Tensor: "v", Shape: []int{4}}, safetensors.ErrFormat},
		"given twice": {safetensors.Part{Name: "v", Tensor: "v", Shape: []int{4}}, safetensors.ErrFormat},
	} {
		_, err := f.View([]safetensors.Part{{Name: "v", Tensor: "v", Shape: []int{4}}, c.part})
		require.ErrorIs(t, err, c.want, name)
		var e *safetensors.Error
		require.ErrorAs(t, err, &e, name)
		require.Equal(t, "file", e.File, name)
	}
}
