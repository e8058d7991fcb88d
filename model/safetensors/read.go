package safetensors

import (
	"fmt"
	"io/fs"
	"math"
	"sync"
)

// chunk is how many bytes are read at once: a whole number of elements of every type.
const chunk = 256 << 10

// chunks are buffers for that: a model has hundreds of tensors, which would leave as many behind.
var chunks = sync.Pool{New: func() any { return new([chunk]byte) }}

// Float32s reads a tensor of type F32, F16, BF16 or F64, row-major. All conversions are
// exact but that from F64, which rounds to nearest even and overflows to an infinity.
// NaN payloads of F32, F16 and BF16 are kept. Other types give [ErrDType].
func (f *File) Float32s(name string) ([]float32, error) {
	t, err := f.lookup(name)
	if err != nil {
		return nil, err
	}
	conv := toFloat32(t.DType)
	if conv == nil {
		return nil, f.wrongType(t, "F32, F16, BF16 or F64 to be read as floats")
	}
	return read(f, t, conv)
}

// Float64s reads a tensor of type F64, F32, F16 or BF16, row-major and exactly. Other
// types give [ErrDType].
func (f *File) Float64s(name string) ([]float64, error) {
	t, err := f.lookup(name)
	if err != nil {
		return nil, err
	}
	conv := toFloat64(t.DType)
	if conv == nil {
		return nil, f.wrongType(t, "F64, F32, F16 or BF16 to be read as floats")
	}
	return read(f, t, conv)
}

// Int64s reads a tensor of an integer type or of BOOL (as 0 and 1), row-major and
// exactly. Float types give [ErrDType]; a U64 beyond the range of int64 and a BOOL that
// is neither 0 nor 1 give [ErrFormat].
func (f *File) Int64s(name string) ([]int64, error) {
	t, err := f.lookup(name)
	if err != nil {
		return nil, err
	}
	conv := toInt64(t.DType)
	if conv == nil {
		return nil, f.wrongType(t, "an integer type or BOOL to be read as integers")
	}
	return read(f, t, conv)
}

// Bytes reads the raw data of a tensor of any type, little-endian and row-major.
func (f *File) Bytes(name string) ([]byte, error) {
	t, err := f.lookup(name)
	if err != nil {
		return nil, err
	}
	out := make([]byte, t.size)
	if err := f.fill(t, out, 0); err != nil {
		return nil, err
	}
	return out, nil
}

// lookup finds a tensor for reading.
func (f *File) lookup(name string) (Tensor, error) {
	if f.closed.Load() {
		return Tensor{}, &Error{File: f.name, Tensor: name, Detail: "cannot be read", Err: fs.ErrClosed}
	}
	i, ok := find(f.header.tensors, name)
	if !ok {
		return Tensor{}, &Error{File: f.name, Tensor: name, Err: ErrMissing,
			Detail: fmt.Sprintf("is not among the file's %d tensors", len(f.header.tensors))}
	}
	return f.header.tensors[i], nil
}

func (f *File) wrongType(t Tensor, wanted string) error {
	return &Error{File: f.name, Tensor: t.Name, Err: ErrDType,
		Detail: fmt.Sprintf("dtype is %s, wanted %s", t.DType, wanted)}
}

// fill reads len(b) bytes of the tensor's data from byte off on.
func (f *File) fill(t Tensor, b []byte, off int64) error {
	if len(b) == 0 {
		return nil
	}
	return inFile(inTensor(readAt(f.r, b, t.off+off), t.Name), f.name)
}

// read converts a tensor chunk by chunk, so that the raw bytes of a large one are never
// in memory as a whole beside the result.
func read[T any](f *File, t Tensor, conv func(dst []T, src []byte) error) ([]T, error) {
	n, size := t.Elems(), t.DType.Size()
	if n > math.MaxInt/8 { // only where an int has 32 bits
		return nil, &Error{File: f.name, Tensor: t.Name, Err: ErrShape,
			Detail: fmt.Sprintf("shape %v is too large for this machine", t.Shape)}
	}
	out := make([]T, n)
	space := chunks.Get().(*[chunk]byte)
	defer chunks.Put(space)
	buf := space[:min(t.size, chunk)]
	for done := 0; done < n; {
		part := buf[:min(len(buf), (n-done)*size)]
		if err := f.fill(t, part, int64(done)*int64(size)); err != nil {
			return nil, err
		}
		m := len(part) / size
		if err := conv(out[done:done+m], part); err != nil {
			return nil, inFile(inTensor(err, t.Name), f.name)
		}
		done += m
	}
	return out, nil
}
