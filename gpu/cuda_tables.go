package gpu

import (
	"unsafe"

	"github.com/cudiffuse/cudiffuse/cuda"
)

// tables are the addresses of what the kernels read of a batch, in one piece of device memory.
type tables struct {
	mem *cuda.Buffer

	entries, terms, rows, weights, state, scalars uint64
}

// upload allocates and fills the tables: one copy. The addresses in the rows are made here; variance is nil when no plan asks for it.
func (t *tables) upload(dev *cuda.Device, b *batch, variance *DeviceBuffer) error {
	var host []byte
	place := func(v []byte) int {
		const line = 256 // every table starts at a whole line
		at := (len(host) + line - 1) &^ (line - 1)
		host = append(host, make([]byte, at-len(host))...)
		host = append(host, v...)
		return at
	}
	entries, terms := place(bytesOf(b.table)), place(bytesOf(b.terms))
	rows, weights := place(bytesOf(b.rows)), place(bytesOf(b.weights))
	state := place(bytesOf(b.state))
	scalars := place(make([]byte, len(b.rows)*int(unsafe.Sizeof(deviceScalars{}))))

	var err error
	if t.mem, err = dev.Alloc(int64(len(host))); err != nil {
		return err
	}
	at := func(offset int) uint64 { return t.mem.Ptr() + uint64(offset) }
	t.entries, t.terms, t.rows, t.weights = at(entries), at(terms), at(rows), at(weights)
	t.state, t.scalars = at(state), at(scalars)
	for i := range b.rows {
		r := &b.rows[i]
		r.terms = t.terms + r.terms*uint64(unsafe.Sizeof(noiseTerm{}))
		if variance != nil {
			r.variance = variance.Ptr() + r.first*uint64(b.elems)*uint64(variance.DType().Size())
		}
	}
	copy(host[rows:], bytesOf(b.rows))
	return dev.Write(t.mem, 0, host)
}
