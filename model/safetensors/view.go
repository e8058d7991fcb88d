package safetensors

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"sort"
	"sync"
)

// Part is a tensor of a [View]: a tensor of the file, or consecutive elements of one, under another name
// and shape.
type Part struct {
	Name      string // in the view
	Tensor    string // in the file
	Shape     []int  // in the view
	First     int    // element of the tensor that the part starts at
	Transpose bool   // the tensor is a matrix of the reverse of Shape, and whole
}

// View is a safetensors file that holds other names for the data of a [File], which must stay open. Nothing
// is copied but what is transposed, and that when it is first read. It may be read by several goroutines at
// the same time.
type View struct {
	f        *File
	head     []byte
	segments []*segment // by offset
	size     int64
}

// segment is where the data of a part come from.
type segment struct {
	at, size int64 // in the view
	from     Tensor
	skip     int64 // bytes of the tensor before the part

	transpose bool
	once      sync.Once
	data      []byte
	err       error
}

// View returns a file of parts of f's tensors. A name that is not there is an [ErrMissing], a shape that does
// not fit into the tensor an [ErrShape], a name given twice an [ErrFormat].
func (f *File) View(parts []Part) (*View, error) {
	if len(parts) > maxTensors {
		return nil, &Error{File: f.name, Err: ErrFormat, Detail: fmt.Sprintf("%d parts, allowed are %d", len(parts), maxTensors)}
	}
	v := &View{f: f}
	types, data := map[string]DType{}, make([]Data, 0, len(parts))
	var at int64
	for _, p := range parts {
		s, err := f.segment(p)
		if err != nil {
			return nil, err
		}
		if _, twice := types[p.Name]; twice || p.Name == metadataKey {
			return nil, &Error{File: f.name, Tensor: p.Name, Err: ErrFormat, Detail: "is a name that cannot be given, or given twice"}
		}
		types[p.Name] = s.from.DType
		data = append(data, Data{Name: p.Name, Shape: p.Shape})
		s.at = at
		at += s.size
		v.segments = append(v.segments, s)
	}
	head, err := appendHeader(make([]byte, 8), data, types, nil)
	if err != nil {
		return nil, inFile(err, f.name)
	}
	for len(head)%8 != 0 {
		head = append(head, ' ')
	}
	binary.LittleEndian.PutUint64(head, uint64(len(head)-8))
	v.head, v.size = head, at+int64(len(head))
	return v, nil
}

// segment checks a part against its tensor.
func (f *File) segment(p Part) (*segment, error) {
	t, err := f.lookup(p.Tensor)
	if err != nil {
		return nil, err
	}
	wrong := func(format string, args ...any) (*segment, error) {
		return nil, &Error{File: f.name, Tensor: p.Tensor, Err: ErrShape, Detail: fmt.Sprintf(format, args...)}
	}
	size, ok := byteSize(t.DType, p.Shape)
	if !ok || len(p.Shape) > maxRank {
		return wrong("shape %v of part %s overflows or has a negative dimension", p.Shape, quote(p.Name))
	}
	width := t.DType.Size()
	if n := size / width; p.First < 0 || p.First > t.Elems()-n {
		return wrong("shape is %v, which has no %d elements from element %d on", t.Shape, n, p.First)
	}
	if p.Transpose {
		back := slices.Clone(p.Shape)
		slices.Reverse(back)
		if len(back) != 2 || !slices.Equal(back, t.Shape) {
			return wrong("shape is %v, wanted %v to be transposed", t.Shape, back)
		}
	}
	return &segment{size: int64(size), from: t, skip: int64(p.First) * int64(width), transpose: p.Transpose}, nil
}

// Size is the length of the view in bytes.
func (v *View) Size() int64 { return v.size }

// ReadAt implements [io.ReaderAt].
func (v *View) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 {
		return 0, &Error{File: v.f.name, Err: ErrFormat, Detail: fmt.Sprintf("offset %d of a view", off)}
	}
	n := 0
	if off < int64(len(v.head)) {
		n = copy(b, v.head[off:])
	}
	at := off + int64(n) - int64(len(v.head)) // within the data
	i := sort.Search(len(v.segments), func(i int) bool { return v.segments[i].at+v.segments[i].size > at })
	for ; n < len(b) && i < len(v.segments); i++ {
		s := v.segments[i]
		m := int(min(int64(len(b)-n), s.at+s.size-at))
		if err := v.read(s, b[n:n+m], at-s.at); err != nil {
			return n, err
		}
		n, at = n+m, at+int64(m)
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// read fills b with bytes of a segment.
func (v *View) read(s *segment, b []byte, off int64) error {
	if !s.transpose {
		return v.f.fill(s.from, b, s.skip+off)
	}
	s.once.Do(func() {
		var raw []byte
		if raw, s.err = v.f.Bytes(s.from.Name); s.err == nil {
			s.data = transposed(raw, s.from.Shape[0], s.from.Shape[1], s.from.DType.Size())
		}
	})
	copy(b, s.data[min(off, int64(len(s.data))):])
	return s.err
}

// transposed returns a matrix of elements of width bytes with rows and columns exchanged.
func transposed(raw []byte, rows, columns, width int) []byte {
	out := make([]byte, len(raw))
	for r := range rows {
		for c := range columns {
			from, to := (r*columns+c)*width, (c*rows+r)*width
			copy(out[to:to+width], raw[from:from+width])
		}
	}
	return out
}
