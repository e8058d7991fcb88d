package tokenizer

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The types of a field on the wire (protobuf.dev, "Encoding"); groups, 3 and 4, are refused.
const (
	wireVarint = 0
	wire64     = 1
	wireBytes  = 2
	wire32     = 5
)

// fields are those of a message that are read, with their types on the wire; others are passed over.
type fields map[int]uint64

// each calls f for the known fields of a protocol buffer, with the number of one of a fixed size or the bytes of another.
func (known fields) each(data []byte, f func(number int, v uint64, b []byte) error) error {
	cut := errors.New("ends within a field")
	for len(data) > 0 {
		key, n := binary.Uvarint(data)
		if n <= 0 || key>>3 == 0 || key>>3 >= 1<<29 {
			return errors.New("a field without a number")
		}
		data = data[n:]
		var v uint64
		var b []byte
		switch key & 7 {
		case wireVarint:
			if v, n = binary.Uvarint(data); n <= 0 {
				return cut
			}
		case wire64, wire32:
			if n = 8 - int(key&4); len(data) < n {
				return cut
			}
			for i := n - 1; i >= 0; i-- {
				v = v<<8 | uint64(data[i])
			}
		case wireBytes:
			size, k := binary.Uvarint(data)
			if k <= 0 || size > uint64(len(data)-k) {
				return cut
			}
			b, n = data[k:k+int(size)], k+int(size)
		default:
			return fmt.Errorf("a field of type %d", key&7)
		}
		if wire, ok := known[int(key>>3)]; ok {
			if wire != key&7 {
				return fmt.Errorf("field %d of type %d, not %d", key>>3, key&7, wire)
			}
			if err := f(int(key>>3), v, b); err != nil {
				return err
			}
		}
		data = data[n:]
	}
	return nil
}
