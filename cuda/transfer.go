//go:build cuda

package cuda

import (
	"context"
	"errors"
)

// staging is the size of the page-locked buffer that Write and Read copy through.
const staging = 4 << 20

// Write copies b to the device and returns when it is there. It does not wait for other streams: work
// that uses the memory must be done.
func (d *Device) Write(dst *Buffer, off int64, b []byte) error {
	return d.staged(dst, "Write", off, len(b), func(s *Stream, p *Pinned, at, n int64) error {
		copy(p.Bytes(), b[at:at+n])
		if err := s.CopyToDevice(dst, off+at, p, 0, n); err != nil {
			return err
		}
		return s.wait(context.Background())
	})
}

// Read copies from the device to dst and returns when it is there. It does not wait for other streams:
// the work that makes the contents must be done.
func (d *Device) Read(dst []byte, src *Buffer, off int64) error {
	return d.staged(src, "Read", off, len(dst), func(s *Stream, p *Pinned, at, n int64) error {
		if err := s.CopyToHost(p, 0, src, off+at, n); err != nil {
			return err
		}
		if err := s.wait(context.Background()); err != nil {
			return err
		}
		copy(dst[at:at+n], p.Bytes())
		return nil
	})
}

// staged moves size bytes in pieces through page-locked memory on a stream of the device's own.
func (d *Device) staged(b *Buffer, op string, off int64, size int,
	move func(s *Stream, p *Pinned, at, n int64) error) error {
	return d.call(func() (err error) {
		if err := b.span(d, op, off, int64(size)); err != nil || size == 0 {
			return err
		}
		if d.copies == nil || !d.copies.open {
			if d.copies, err = d.NewStream(); err != nil {
				return err
			}
		}
		p, err := d.AllocPinned(min(staging, int64(size)))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, p.Free()) }()
		for at := int64(0); at < int64(size); at += p.Size() {
			if err := move(d.copies, p, at, min(p.Size(), int64(size)-at)); err != nil {
				return err
			}
		}
		return nil
	})
}
