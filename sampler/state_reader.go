package sampler

import (
	"encoding/binary"
	"fmt"
	"math"
)

// reader takes numbers from the front of b. After the first error, which it keeps, it gives zeros, and it never
// allocates for more than b holds.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail(field, format string, a ...any) {
	if r.err == nil {
		r.err = &StateError{Field: field, Detail: fmt.Sprintf(format, a...)}
	}
	r.b = nil
}

// take returns the next n bytes, nil after an error.
func (r *reader) take(n uint64) []byte {
	if have := uint64(len(r.b)); r.err == nil && n > have {
		r.fail("length", "ends %d bytes too early", n-have)
	}
	if r.err != nil {
		return nil
	}
	v := r.b[:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) uint32() uint32 {
	if v := r.take(4); v != nil {
		return binary.LittleEndian.Uint32(v)
	}
	return 0
}

func (r *reader) uint64() uint64 {
	if v := r.take(8); v != nil {
		return binary.LittleEndian.Uint64(v)
	}
	return 0
}

func (r *reader) float() float64 { return math.Float64frombits(r.uint64()) }

func (r *reader) int() int {
	v := int64(r.uint64())
	if int64(int(v)) != v {
		r.fail("plan", "%d does not fit an int", v)
		return 0
	}
	return int(v)
}

// bytes takes a length and as many bytes.
func (r *reader) bytes() []byte { return r.take(uint64(r.uint32())) }

// flags takes a word of which only the bits of all may be set.
func (r *reader) flags(field string, all uint32) uint32 {
	v := r.uint32()
	if v&^all != 0 {
		r.fail(field, "unknown flags %#x", v&^all)
		return 0
	}
	return v
}

// count takes the number of things that have at least size bytes each; they must fit in what is left.
func (r *reader) count(field string, size int) int {
	n := r.uint32()
	if uint64(n)*uint64(size) > uint64(len(r.b)) {
		r.fail(field, "%d: more than the %d bytes left hold", n, len(r.b))
		return 0
	}
	return int(n)
}

func (r *reader) floats(field string, n uint32) []float32 {
	if uint64(n)*4 > uint64(len(r.b)) {
		r.fail(field, "%d values: more than the %d bytes left hold", n, len(r.b))
		return nil
	}
	b := r.take(4 * uint64(n))
	v := make([]float32, len(b)/4)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return v
}
