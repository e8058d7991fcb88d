//go:build cuda

package cuda

import (
	"context"
	"errors"

	"github.com/cudiffuse/cudiffuse/cuda/internal/thread"
)

// Close waits for the work on the device, frees everything that is still open, and ends the thread. It
// may be called twice, but not within [Device.Do]. After [ErrTimeout], which it may find itself, it frees
// nothing while the work still runs: the driver would wait for what may never end.
func (d *Device) Close() error {
	switch err := d.thread.Close(thread.Func(d.close)); err {
	case thread.ErrClosed:
		return nil
	case thread.ErrInside:
		return &Error{Op: "Close", Err: err}
	default:
		return err
	}
}

func (d *Device) close() error {
	reported := d.lost != nil
	var err error
	if d.drain(); !d.abandoned() || !d.busy() {
		err = errors.Join(d.freeAll(), d.release())
	}
	d.closed = true
	switch {
	case reported: // and what could not be freed went with the context
		return nil
	case d.lost != nil:
		return d.lost
	}
	return err
}

// drain waits for the work of every stream, which may use what is freed after it. Failures that leave
// the device usable show again when the stream is freed.
func (d *Device) drain() {
	for s := range d.streams {
		s.abandonCapture()
	}
	for s := range d.streams {
		if d.lost == nil {
			_ = s.wait(context.Background())
		}
	}
}

// busy tells whether a stream still has work to do.
func (d *Device) busy() bool {
	for s := range d.streams {
		if queryStream(s) == NotReady {
			return true
		}
	}
	return false
}

// freeAll frees everything that is open.
func (d *Device) freeAll() error {
	var errs []error
	for s := range d.streams {
		errs = append(errs, s.free())
	}
	for l := range d.launch {
		l.free()
	}
	for g := range d.graphs {
		errs = append(errs, g.free())
	}
	for e := range d.events {
		errs = append(errs, e.free())
	}
	for m := range d.modules {
		errs = append(errs, m.free())
	}
	for b := range d.buffers {
		d.mem.put(b.at, b.held)
		b.held = 0
	}
	for p := range d.hosts {
		d.pinned.put(p.at, p.held)
		p.held = 0
	}
	return errors.Join(append(errs, d.mem.close(), d.pinned.close())...)
}
