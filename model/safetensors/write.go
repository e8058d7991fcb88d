package safetensors

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"unicode/utf8"
)

// Data is a tensor to write. One of the slices holds its values, row-major; with no
// elements and no slice it is F32.
type Data struct {
	Name  string
	Shape []int // empty for a scalar
	F32   []float32
	I64   []int64
	F64   []float64
}

// dtype is the type and the number of values.
func (d *Data) dtype() (t DType, n int, err error) {
	t, slices := F32, 0
	if d.F32 != nil {
		n, slices = len(d.F32), slices+1
	}
	if d.I64 != nil {
		t, n, slices = I64, len(d.I64), slices+1
	}
	if d.F64 != nil {
		t, n, slices = F64, len(d.F64), slices+1
	}
	if slices > 1 {
		return "", 0, malformed("%d of F32, I64 and F64 are set, wanted one", slices)
	}
	return t, n, nil
}

// Write writes a file. The result depends on nothing but the arguments, whatever their
// order: 8-byte types come first, so that every tensor is aligned to its element, and
// names are sorted among equal sizes; the header is padded with spaces to a multiple of
// 8 bytes. What [Parse] would refuse is an [ErrFormat], and then nothing is written.
func Write(w io.Writer, tensors []Data, metadata map[string]string) error {
	sorted, head, err := layout(tensors, metadata)
	if err != nil {
		return err
	}
	b := bufio.NewWriterSize(w, 64<<10)
	b.Write(head) //nolint:errcheck // a bufio.Writer repeats its first error in Flush
	for i := range sorted {
		writeValues(b, &sorted[i])
	}
	if err := b.Flush(); err != nil {
		return &Error{Detail: "cannot be written", Err: err}
	}
	return nil
}

// writeValues writes the one slice that is set.
func writeValues(b *bufio.Writer, d *Data) {
	var buf [8]byte
	for _, v := range d.F32 {
		binary.LittleEndian.PutUint32(buf[:], math.Float32bits(v))
		b.Write(buf[:4]) //nolint:errcheck // see Write
	}
	for _, v := range d.I64 {
		binary.LittleEndian.PutUint64(buf[:], uint64(v))
		b.Write(buf[:]) //nolint:errcheck // see Write
	}
	for _, v := range d.F64 {
		binary.LittleEndian.PutUint64(buf[:], math.Float64bits(v))
		b.Write(buf[:]) //nolint:errcheck // see Write
	}
}

// layout checks the tensors, puts them in order, and makes the bytes before the data.
func layout(tensors []Data, metadata map[string]string) ([]Data, []byte, error) {
	if len(tensors) > maxTensors || len(metadata) > maxMetadata {
		return nil, nil, malformed("%d tensors and %d metadata entries, allowed are %d and %d",
			len(tensors), len(metadata), maxTensors, maxMetadata)
	}
	seen := map[string]bool{}
	types := map[string]DType{}
	for i := range tensors {
		d := &tensors[i]
		t, err := d.check()
		if err != nil {
			return nil, nil, inTensor(err, d.Name)
		}
		if seen[d.Name] {
			return nil, nil, inTensor(malformed("is given twice"), d.Name)
		}
		seen[d.Name], types[d.Name] = true, t
	}
	sorted := slices.SortedFunc(slices.Values(tensors), func(a, b Data) int {
		return cmp.Or(types[b.Name].Size()-types[a.Name].Size(), cmp.Compare(a.Name, b.Name))
	})
	head, err := appendHeader(make([]byte, 8), sorted, types, metadata)
	if err != nil {
		return nil, nil, err
	}
	for len(head)%8 != 0 {
		head = append(head, ' ')
	}
	if len(head)-8 > maxHeader {
		return nil, nil, malformed("the header has %d bytes, allowed are %d", len(head)-8, maxHeader)
	}
	binary.LittleEndian.PutUint64(head, uint64(len(head)-8))
	return sorted, head, nil
}

// check applies the reader's rules to one tensor.
func (d *Data) check() (DType, error) {
	t, n, err := d.dtype()
	if err != nil {
		return "", err
	}
	size, ok := byteSize(t, d.Shape)
	switch {
	case !utf8.ValidString(d.Name):
		return "", malformed("the name is not valid UTF-8")
	case d.Name == metadataKey:
		return "", malformed("the name is reserved")
	case len(d.Shape) > maxRank:
		return "", malformed("rank is %d, allowed are %d", len(d.Shape), maxRank)
	case !ok:
		return "", malformed("shape %v overflows or has a negative dimension", d.Shape)
	case size/t.Size() != n:
		return "", malformed("%d values, wanted %d for shape %v", n, size/t.Size(), d.Shape)
	}
	return t, nil
}

// appendHeader appends the JSON header, the data in the order of the tensors.
func appendHeader(
	b []byte, tensors []Data, types map[string]DType, metadata map[string]string,
) ([]byte, error) {
	b = append(b, '{')
	if len(metadata) > 0 {
		b = append(b, `"__metadata__":{`...)
		for i, key := range slices.Sorted(maps.Keys(metadata)) {
			if !utf8.ValidString(key) || !utf8.ValidString(metadata[key]) {
				return nil, malformed("metadata %s is not valid UTF-8", quote(key))
			}
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendString(b, key), ':')
			b = appendString(b, metadata[key])
		}
		b = append(b, '}')
	}
	at := uint64(0)
	for i, d := range tensors {
		if i > 0 || len(metadata) > 0 {
			b = append(b, ',')
		}
		size, _ := byteSize(types[d.Name], d.Shape)
		b = append(appendString(b, d.Name), ':')
		b = fmt.Appendf(b, `{"dtype":"%s","shape":[`, types[d.Name])
		for j, s := range d.Shape {
			if j > 0 {
				b = append(b, ',')
			}
			b = fmt.Append(b, s)
		}
		b = fmt.Appendf(b, `],"data_offsets":[%d,%d]}`, at, at+uint64(size))
		at += uint64(size)
	}
	return append(b, '}'), nil
}

// appendString appends a JSON string; s is valid UTF-8.
func appendString(b []byte, s string) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.Encode(s) //nolint:errcheck // a string cannot fail
	return append(b, bytes.TrimSuffix(out.Bytes(), []byte("\n"))...)
}
