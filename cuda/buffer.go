//go:build cuda

package cuda

// Buffer is device memory. It may be used by many goroutines; Free ends it.
type Buffer struct {
	d    *Device
	at   uintptr
	size int64
	held int64 // its class, 0 once freed
}

// Alloc returns device memory of the given size in bytes, aligned to 512. Its contents are undefined.
// When there is not enough, cached memory is given back first; then the error holds a *[MemoryError]
// and matches [OutOfMemory].
func (d *Device) Alloc(bytes int64) (*Buffer, error) {
	var b *Buffer
	err := d.call(func() error {
		at, held, err := d.mem.get(bytes)
		if err != nil {
			return err
		}
		b = &Buffer{d: d, at: at, size: bytes, held: held}
		d.buffers[b] = struct{}{}
		return nil
	})
	return b, err
}

// Ptr returns the device address.
func (b *Buffer) Ptr() uint64 { return uint64(b.at) }

// Size returns the size in bytes.
func (b *Buffer) Size() int64 { return b.size }

// Free gives the memory back. Work that is enqueued may still use it: the memory is not given out
// again before that work is done. It may be called twice, and after the device was closed.
func (b *Buffer) Free() error {
	return b.d.discard(func() error {
		if b.held != 0 {
			delete(b.d.buffers, b)
			b.d.mem.put(b.at, b.held)
			b.held = 0
		}
		return nil
	})
}

// span checks a range of b for a call on device d.
func (b *Buffer) span(d *Device, op string, off, n int64) error {
	switch {
	case b.d != d:
		return &Error{Op: op, Err: ErrWrongDevice}
	case b.held == 0:
		return &Error{Op: op, Detail: "buffer", Err: ErrClosed}
	case off < 0 || n < 0 || off > b.size-n:
		return rangeError(op, off, n, b.size)
	}
	return nil
}

// Pinned is page-locked host memory, from and to which copies run beside the host's work.
type Pinned struct {
	d    *Device
	at   uintptr
	size int64
	held int64
}

// AllocPinned returns page-locked host memory of the given size in bytes.
func (d *Device) AllocPinned(bytes int64) (*Pinned, error) {
	var p *Pinned
	err := d.call(func() error {
		at, held, err := d.pinned.get(bytes)
		if err != nil {
			return err
		}
		p = &Pinned{d: d, at: at, size: bytes, held: held}
		d.hosts[p] = struct{}{}
		return nil
	})
	return p, err
}

// Bytes returns the memory, nil after Free. It must not be touched while a copy runs.
func (p *Pinned) Bytes() []byte {
	if p.held == 0 {
		return nil
	}
	return pinnedBytes(p.at, p.size)
}

// Size returns the size in bytes.
func (p *Pinned) Size() int64 { return p.size }

// Free gives the memory back, as [Buffer.Free] does. The slice of Bytes must not be used any more.
func (p *Pinned) Free() error {
	return p.d.discard(func() error {
		if p.held != 0 {
			delete(p.d.hosts, p)
			p.d.pinned.put(p.at, p.held)
			p.held = 0
		}
		return nil
	})
}

func (p *Pinned) span(d *Device, op string, off, n int64) error {
	switch {
	case p.d != d:
		return &Error{Op: op, Err: ErrWrongDevice}
	case p.held == 0:
		return &Error{Op: op, Detail: "pinned memory", Err: ErrClosed}
	case off < 0 || n < 0 || off > p.size-n:
		return rangeError(op, off, n, p.size)
	}
	return nil
}
