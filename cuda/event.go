//go:build cuda

package cuda

import (
	"context"
	"time"

	"gorgonia.org/cu"
)

// Event is a point in the work of a stream.
type Event struct {
	d  *Device
	ev cu.Event

	// On the thread only.
	open   bool
	within *Stream // whose capture recorded it last, nil for none
}

// NewEvent returns an event; with timing, [Device.Elapsed] can measure between two of them.
func (d *Device) NewEvent(timing bool) (*Event, error) {
	const disableTiming = 2 // CU_EVENT_DISABLE_TIMING
	flags := cu.EventFlags(disableTiming)
	if timing {
		flags = 0
	}
	var e *Event
	err := d.call(func() error {
		ev, err := cu.MakeEvent(flags)
		if err != nil {
			return d.failed("cuEventCreate", "", err)
		}
		e = &Event{d: d, ev: ev, open: true}
		d.events[e] = struct{}{}
		return nil
	})
	return e, err
}

func (e *Event) check(d *Device, op string) error {
	switch {
	case e.d != d:
		return &Error{Op: op, Err: ErrWrongDevice}
	case !e.open:
		return &Error{Op: op, Detail: "event", Err: ErrClosed}
	}
	return nil
}

// Record enqueues the event.
func (s *Stream) Record(e *Event) error {
	if !s.d.thread.Inside() {
		return s.d.Do(func() error { return s.Record(e) })
	}
	if err := s.enter("cuEventRecord"); err != nil {
		return err
	}
	if err := e.check(s.d, "cuEventRecord"); err != nil {
		return err
	}
	if e.within = nil; s.capturing {
		e.within = s
	}
	return s.enqueued("cuEventRecord", "", recordEvent(s, e))
}

// Wait lets the work that is enqueued from now on wait for the event. An event that the capture of
// another stream recorded cannot be waited for: it would draw this stream into the capture.
func (s *Stream) Wait(e *Event) error {
	if !s.d.thread.Inside() {
		return s.d.Do(func() error { return s.Wait(e) })
	}
	if err := s.enter("cuStreamWaitEvent"); err != nil {
		return err
	}
	if err := e.check(s.d, "cuStreamWaitEvent"); err != nil {
		return err
	}
	if w := e.within; w != nil && w != s && w.capturing {
		return &Error{Op: "cuStreamWaitEvent", Detail: "event of another stream's capture", Err: ErrCapturing}
	}
	return s.enqueued("cuStreamWaitEvent", "", waitEvent(s, e))
}

// Query tells whether the event has happened.
func (e *Event) Query() (done bool, err error) {
	err = e.d.call(func() error {
		if err := e.check(e.d, "cuEventQuery"); err != nil {
			return err
		}
		err := e.ev.Query()
		switch {
		case err == nil:
			done = true
			return nil
		case resultCode(err) == NotReady:
			return nil
		}
		return e.d.failed("cuEventQuery", "", err)
	})
	return done, err
}

// Sync waits for the event as [Stream.Sync] does for a stream.
func (e *Event) Sync(ctx context.Context) error { return e.d.poll(ctx, "cuEventQuery", e.Query) }

// Elapsed returns the time between two events that were made for timing and have happened.
func (d *Device) Elapsed(from, to *Event) (time.Duration, error) {
	var ms float64
	err := d.call(func() error {
		for _, e := range []*Event{from, to} {
			if err := e.check(d, "cuEventElapsedTime"); err != nil {
				return err
			}
		}
		var err error
		if ms, err = from.ev.Elapsed(to.ev); err != nil {
			return d.failed("cuEventElapsedTime", "", err)
		}
		return nil
	})
	return time.Duration(ms * float64(time.Millisecond)), err
}

// Close frees the event. It may be called twice.
func (e *Event) Close() error {
	return e.d.discard(func() error {
		if !e.open {
			return nil
		}
		return e.free()
	})
}

func (e *Event) free() error {
	e.open = false
	delete(e.d.events, e)
	if err := cu.DestroyEvent(&e.ev); err != nil {
		return e.d.failed("cuEventDestroy", "", err)
	}
	return nil
}
