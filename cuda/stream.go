//go:build cuda

package cuda

import (
	"context"
	"errors"
	"slices"

	"gorgonia.org/cu"
)

// Stream is a queue of work that runs in order. Its methods may be called from any goroutine. All but
// Query and Sync only enqueue: a failure of the work shows at a later call, which names it. Called
// within [Device.Do] they allocate nothing.
type Stream struct {
	d  *Device
	st cu.Stream
	h  nativeHandle

	// On the thread only.
	open       bool
	capturing  bool
	recorded   []string // kernels of the capture, each once
	work, done uint64   // operations enqueued, and of those waited for
}

// NewStream returns a stream that does not wait for the legacy default stream.
func (d *Device) NewStream() (*Stream, error) {
	var s *Stream
	err := d.call(func() error {
		const nonBlocking = 1 // CU_STREAM_NON_BLOCKING
		st, err := cu.MakeStream(nonBlocking)
		if err != nil {
			return d.failed("cuStreamCreate", "", err)
		}
		s = &Stream{d: d, st: st, h: handle(st), open: true}
		d.streams[s] = struct{}{}
		return nil
	})
	return s, err
}

// Handle is the driver's own handle (CUstream), for libraries that enqueue work on the stream. It ends with
// Close.
func (s *Stream) Handle() uintptr { return uintptr(s.h) }

// enter checks that s can be used, on the thread.
func (s *Stream) enter(op string) error {
	if err := s.d.usable(); err != nil {
		return err
	}
	if !s.open {
		return &Error{Op: op, Detail: "stream", Err: ErrClosed}
	}
	return nil
}

// enqueued takes the driver's answer to an operation. what is nothing that has to be put together.
func (s *Stream) enqueued(op, what string, r Code) error {
	switch {
	case r != 0:
		return s.d.failed(op, what, r)
	case s.capturing: // nothing runs
		if what != "" && !slices.Contains(s.recorded, what) {
			s.recorded = append(s.recorded, what)
		}
		return nil
	}
	s.work++
	s.d.ring.add(s, op, what)
	if s.d.options.Blocking {
		return s.wait(context.Background())
	}
	return nil
}

// Launch enqueues a prepared kernel.
func (s *Stream) Launch(l *Launch) error {
	if !s.d.thread.Inside() {
		return s.d.Do(func() error { return s.launch(l) })
	}
	return s.launch(l)
}

func (s *Stream) launch(l *Launch) error {
	if err := s.enter("cuLaunchKernel"); err != nil {
		return err
	}
	switch {
	case l.k.m.d != s.d:
		return &Error{Op: "cuLaunchKernel", Detail: l.k.name, Err: ErrWrongDevice}
	case l.native == nil || !l.k.m.open:
		return &Error{Op: "cuLaunchKernel", Detail: l.k.name, Err: ErrClosed}
	}
	return s.enqueued("cuLaunchKernel", l.k.name, l.run(s))
}

// memory is a side of a copy.
type memory interface {
	span(d *Device, op string, off, n int64) error
}

// enterCopy is enter for a copy: both ranges lie within open memory of the device.
func (s *Stream) enterCopy(op string, dst memory, off int64, src memory, srcOff, n int64) error {
	if err := s.enter(op); err != nil {
		return err
	}
	if err := dst.span(s.d, op, off, n); err != nil {
		return err
	}
	return src.span(s.d, op, srcOff, n)
}

// CopyToDevice enqueues a copy of n bytes from page-locked memory, which must keep its contents until
// the copy is done.
func (s *Stream) CopyToDevice(dst *Buffer, off int64, src *Pinned, srcOff, n int64) error {
	const op = "cuMemcpyHtoDAsync"
	if !s.d.thread.Inside() {
		return s.d.Do(func() error { return s.CopyToDevice(dst, off, src, srcOff, n) })
	}
	if err := s.enterCopy(op, dst, off, src, srcOff, n); err != nil || n == 0 {
		return err
	}
	return s.enqueued(op, "", copyToDevice(s, dst.Ptr()+uint64(off), src.at+uintptr(srcOff), n))
}

// CopyToHost enqueues a copy of n bytes to page-locked memory, which must not be read before it is
// done.
func (s *Stream) CopyToHost(dst *Pinned, off int64, src *Buffer, srcOff, n int64) error {
	const op = "cuMemcpyDtoHAsync"
	if !s.d.thread.Inside() {
		return s.d.Do(func() error { return s.CopyToHost(dst, off, src, srcOff, n) })
	}
	if err := s.enterCopy(op, dst, off, src, srcOff, n); err != nil || n == 0 {
		return err
	}
	return s.enqueued(op, "", copyToHost(s, dst.at+uintptr(off), src.Ptr()+uint64(srcOff), n))
}

// Copy enqueues a copy of n bytes on the device.
func (s *Stream) Copy(dst *Buffer, off int64, src *Buffer, srcOff, n int64) error {
	const op = "cuMemcpyDtoDAsync"
	if !s.d.thread.Inside() {
		return s.d.Do(func() error { return s.Copy(dst, off, src, srcOff, n) })
	}
	if err := s.enterCopy(op, dst, off, src, srcOff, n); err != nil || n == 0 {
		return err
	}
	return s.enqueued(op, "", copyOnDevice(s, dst.Ptr()+uint64(off), src.Ptr()+uint64(srcOff), n))
}

// Fill enqueues the setting of n bytes to value.
func (s *Stream) Fill(dst *Buffer, value byte, off, n int64) error {
	const op = "cuMemsetD8Async"
	if !s.d.thread.Inside() {
		return s.d.Do(func() error { return s.Fill(dst, value, off, n) })
	}
	if err := s.enter(op); err != nil {
		return err
	}
	if err := dst.span(s.d, op, off, n); err != nil || n == 0 {
		return err
	}
	return s.enqueued(op, "", fillBytes(s, dst.Ptr()+uint64(off), value, n))
}

// Query tells whether all work is done.
func (s *Stream) Query() (done bool, err error) {
	if !s.d.thread.Inside() {
		err = s.d.Do(func() error {
			var err error
			done, err = s.query()
			return err
		})
		return done, err
	}
	return s.query()
}

func (s *Stream) query() (bool, error) {
	if err := s.enter("cuStreamQuery"); err != nil {
		return false, err
	}
	if s.capturing {
		return false, &Error{Op: "cuStreamQuery", Err: ErrCapturing}
	}
	work := s.work
	switch r := queryStream(s); r {
	case 0:
		s.done = work
		s.d.ring.done(s)
		return true, nil
	case NotReady:
		return false, nil
	default:
		return false, s.d.failed("cuStreamQuery", "", r)
	}
}

// Sync waits until all work that was enqueued is done, ctx ends or the device's SyncTimeout passes,
// and returns the failure of that work.
func (s *Stream) Sync(ctx context.Context) error {
	return s.d.poll(ctx, "cuStreamQuery", s.Query)
}

// wait is Sync on the thread.
func (s *Stream) wait(ctx context.Context) error { return s.d.poll(ctx, "cuStreamQuery", s.query) }

// Close waits for the work that is enqueued, frees the stream and returns the failure of that work. It
// may be called twice.
func (s *Stream) Close() error {
	return s.d.discard(func() error {
		if !s.open {
			return nil
		}
		return s.free()
	})
}

func (s *Stream) free() error {
	var err error
	s.abandonCapture()
	if s.d.lost == nil {
		err = s.wait(context.Background())
	}
	s.open = false
	delete(s.d.streams, s)
	s.d.ring.done(s)
	if e := s.st.Destroy(); e != nil {
		err = errors.Join(err, s.d.failed("cuStreamDestroy", "", e))
	}
	return err
}

// abandonCapture ends a recording that nobody will want.
func (s *Stream) abandonCapture() {
	if !s.capturing {
		return
	}
	s.capturing = false
	if graph, _ := endCapture(s); graph != 0 {
		destroyGraph(graph)
	}
}
