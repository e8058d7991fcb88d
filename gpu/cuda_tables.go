package gpu

import (
	"unsafe"

	"github.com/cudiffuse/cudiffuse/cuda"
)

// tables are the addresses of what the kernels read of a batch, in one piece of device memory.
type tables struct {
	mem *cuda.Buffer

	entries, rows, weights, state, scalars uint64
}

// upload allocates and fills the tables: one copy.
func (t *tables) upload(dev *cuda.Device, b *batch) error {
	var host []byte
	place := func(v []byte) int {
		const line = 256 // every table starts at a whole line
		at := (len(host) + line - 1) &^ (line - 1)
		host = append(host, make([]byte, at-len(host))...)
		host = append(host, v...)
		return at
	}
	entries, rows, weights := place(bytesOf(b.table)), place(bytesOf(b.rows)), place(bytesOf(b.weights))
	state := place(bytesOf(b.state))
	scalars := place(make([]byte, len(b.rows)*int(unsafe.Sizeof(deviceScalars{}))))

	var err error
	if t.mem, err = dev.Alloc(int64(len(host))); err != nil {
		return err
	}
	at := func(offset int) uint64 { return t.mem.Ptr() + uint64(offset) }
	t.entries, t.rows, t.weights = at(entries), at(rows), at(weights)
	t.state, t.scalars = at(state), at(scalars)
	return dev.Write(t.mem, 0, host)
}
