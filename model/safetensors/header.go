package safetensors

import (
	"cmp"
	"encoding/binary"
	"io"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits on what a file may claim. The header limit is that of the reference
// implementation (huggingface/safetensors, MAX_HEADER_SIZE); the others are ours, far
// above any real model, and keep the cost of a hostile header in proportion to its size.
const (
	maxHeader   = 100_000_000 // bytes of JSON in a file or an index
	maxTensors  = 1 << 18     // in one file
	maxMetadata = 1 << 16     // entries
	maxRank     = 16
)

// metadataKey is the one header key that is not a tensor.
const metadataKey = "__metadata__"

// header is what the start of a file says.
type header struct {
	tensors  []Tensor // sorted by name, offsets from the start of the file
	metadata map[string]string
}

// readHeader reads and checks everything but the data of a file of the given size.
func readHeader(r io.ReaderAt, size int64) (header, error) {
	if size < 8+2 {
		return header{}, malformed("%d bytes are too short: "+
			"wanted 8 bytes of header length and a header of at least {}", size)
	}
	// The last byte first: a size that is not true must not steer an allocation.
	if err := readAt(r, make([]byte, 1), size-1); err != nil {
		return header{}, err
	}
	var first [9]byte
	if err := readAt(r, first[:], 0); err != nil {
		return header{}, err
	}
	n := binary.LittleEndian.Uint64(first[:])
	switch {
	case n < 2:
		return header{}, malformed("header length is %d, wanted at least the 2 bytes of {}", n)
	case n > maxHeader:
		return header{}, malformed("header length is %d, allowed are %d", n, maxHeader)
	case n > uint64(size-8):
		return header{}, malformed("header length is %d, but only %d bytes follow", n, size-8)
	case first[8] != '{':
		return header{}, malformed("header starts with %q, wanted '{'", first[8:])
	}
	text := make([]byte, n)
	if err := readAt(r, text, 8); err != nil {
		return header{}, err
	}
	return parseHeader(text, size-8-int64(n))
}

// readAt fills b, and names the failure.
func readAt(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	switch {
	case n == len(b):
		return nil
	case err == nil, err == io.EOF:
		return malformed("the file ends at byte %d, wanted %d bytes", off+int64(n), off+int64(len(b)))
	}
	return &Error{Detail: "cannot be read", Err: err}
}

// parseHeader checks the JSON text of a header that is followed by dataLen bytes.
func parseHeader(text []byte, dataLen int64) (header, error) {
	if !utf8.Valid(text) {
		return header{}, malformed("header is not valid UTF-8")
	}
	base := 8 + int64(len(text))
	h := header{metadata: map[string]string{}}
	s := &scanner{b: text}
	err := s.object(maxTensors+1, func(key string) error {
		if key == metadataKey {
			return s.object(maxMetadata, func(key string) (err error) {
				h.metadata[key], err = s.str()
				return err
			})
		}
		if len(h.tensors) == maxTensors { // metadata would have been the one key more
			return malformed("more than %d tensors", maxTensors)
		}
		t, err := s.tensor(dataLen)
		if err != nil {
			return inTensor(err, key)
		}
		t.Name = key
		t.off += base
		h.tensors = append(h.tensors, t)
		return nil
	})
	if err != nil {
		return header{}, err
	}
	for ; s.i < len(s.b); s.i++ {
		if s.b[s.i] != ' ' {
			return header{}, s.wanted("nothing but spaces after the header")
		}
	}
	if err := checkTiling(h.tensors, base, dataLen); err != nil {
		return header{}, err
	}
	slices.SortFunc(h.tensors, func(a, b Tensor) int { return strings.Compare(a.Name, b.Name) })
	return h, nil
}

// tensor reads {"dtype": string, "shape": [...], "data_offsets": [begin, end]}, the keys
// in any order. The offset of the result counts from the start of the data.
func (s *scanner) tensor(dataLen int64) (Tensor, error) {
	var t Tensor
	var shape, offsets []uint64
	var has struct{ dtype, shape, offsets bool }
	err := s.object(4, func(key string) (err error) { // a fourth key is unknown, and named
		switch key {
		case "dtype":
			has.dtype = true
			var name string
			name, err = s.str()
			t.DType = DType(name)
		case "shape":
			has.shape = true
			shape, err = s.uints(maxRank, math.MaxInt)
		case "data_offsets":
			has.offsets = true
			offsets, err = s.uints(2, math.MaxInt64)
		default:
			err = malformed("unknown field %s, wanted dtype, shape and data_offsets", quote(key))
		}
		return err
	})
	switch {
	case err != nil:
		return t, err
	case !has.dtype:
		return t, malformed("dtype is missing")
	case !has.shape:
		return t, malformed("shape is missing")
	case !has.offsets:
		return t, malformed("data_offsets is missing")
	case t.DType.Size() == 0:
		return t, &Error{Detail: "dtype " + quote(string(t.DType)) +
			" is not supported, wanted one of " + supported, Err: ErrDType}
	case len(offsets) != 2:
		return t, malformed("data_offsets has %d numbers, wanted 2", len(offsets))
	}
	t.Shape = make([]int, len(shape))
	for i, d := range shape {
		t.Shape[i] = int(d)
	}
	return t, t.place(int64(offsets[0]), int64(offsets[1]), dataLen)
}

// place checks the range of a tensor against its shape and against the data.
func (t *Tensor) place(begin, end, dataLen int64) error {
	size, ok := byteSize(t.DType, t.Shape)
	switch {
	case !ok:
		return malformed("shape %v overflows", t.Shape)
	case begin > end:
		return malformed("data_offsets [%d %d] run backwards", begin, end)
	case end > dataLen:
		return malformed("data_offsets [%d %d] leave the data of %d bytes", begin, end, dataLen)
	case end-begin != int64(size):
		return malformed("data_offsets [%d %d] hold %d bytes, wanted %d for %s %v",
			begin, end, end-begin, size, t.DType, t.Shape)
	}
	t.off, t.size = begin, end-begin
	return nil
}

// checkTiling checks that the tensors cover the data from base on exactly once, as the
// reference implementation demands: nothing can hide between them, and no byte has two
// meanings.
func checkTiling(tensors []Tensor, base, dataLen int64) error {
	slices.SortFunc(tensors, func(a, b Tensor) int {
		// Empty tensors come before the one that starts at the same byte.
		return cmp.Or(cmp.Compare(a.off, b.off), cmp.Compare(a.size, b.size))
	})
	at := base
	for _, t := range tensors {
		switch {
		case t.off > at:
			return inTensor(malformed("starts at data byte %d and leaves a gap from %d",
				t.off-base, at-base), t.Name)
		case t.off < at:
			return inTensor(malformed("starts at data byte %d and overlaps what ends at %d",
				t.off-base, at-base), t.Name)
		}
		at += t.size
	}
	if at != base+dataLen {
		return malformed("the tensors end at data byte %d, but %d bytes of data follow the header",
			at-base, dataLen)
	}
	return nil
}
