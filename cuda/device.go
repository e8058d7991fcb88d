//go:build cuda

package cuda

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"gorgonia.org/cu"

	"github.com/cudiffuse/cudiffuse/cuda/internal/thread"
)

// Device is one open GPU: its primary context, and one OS thread on which every driver call is made.
// It may be used by many goroutines; their calls run one after the other.
type Device struct {
	info    DeviceInfo
	options Options
	dev     cu.Device
	thread  *thread.Thread

	// What follows is touched on the thread only.
	closed  bool
	lost    *Error // the first failure that left the context unusable
	streams map[*Stream]struct{}
	events  map[*Event]struct{}
	modules map[*Module]struct{}
	graphs  map[*Graph]struct{}
	launch  map[*Launch]struct{}
	buffers map[*Buffer]struct{}
	hosts   map[*Pinned]struct{}
	mem     pool // device memory
	pinned  pool // page-locked host memory
	copies  *Stream
	ring    ring
}

// Open opens a GPU by its number, from 0, and keeps its primary context until Close.
func Open(ordinal int, o Options) (*Device, error) {
	if o.MemoryLimit < 0 || o.SyncTimeout < 0 {
		return nil, &Error{Op: "Open", Detail: fmt.Sprintf("memory limit %d, timeout %v: want 0, which is none, or more",
			o.MemoryLimit, o.SyncTimeout), Err: InvalidValue}
	}
	n, err := count()
	if err != nil {
		return nil, err
	}
	if ordinal < 0 || ordinal >= n {
		return nil, &Error{Op: "Open", Detail: fmt.Sprintf("cuda:%d, this machine has cuda:0 to cuda:%d", ordinal, n-1),
			Err: InvalidDevice}
	}
	info, err := describe(ordinal)
	if err != nil {
		return nil, err
	}
	if info.Major*10+info.Minor < minCapability {
		return nil, &Error{Op: "Open", Detail: fmt.Sprintf("%s has compute capability %d.%d, %d.%d is needed",
			info.Name, info.Major, info.Minor, minCapability/10, minCapability%10), Err: NoBinaryForGPU}
	}
	d := &Device{info: info, options: o, thread: thread.New(), streams: map[*Stream]struct{}{},
		events: map[*Event]struct{}{}, modules: map[*Module]struct{}{}, graphs: map[*Graph]struct{}{},
		launch: map[*Launch]struct{}{}, buffers: map[*Buffer]struct{}{}, hosts: map[*Pinned]struct{}{}}
	d.mem = pool{d: d, name: "device", alloc: allocDevice, free: freeDevice}
	d.pinned = pool{d: d, name: "pinned", alloc: allocPinned, free: freePinned}
	if err := d.thread.Do(thread.Func(d.retain)); err != nil {
		_ = d.thread.Close(thread.Func(func() error { return nil }))
		return nil, err
	}
	return d, nil
}

// retain makes the primary context current on the thread.
func (d *Device) retain() error {
	var err error
	if d.dev, err = cu.GetDevice(d.info.Ordinal); err != nil {
		return d.failed("cuDeviceGet", "", err)
	}
	ctx, err := d.dev.RetainPrimaryCtx()
	if err != nil {
		return d.failed("cuDevicePrimaryCtxRetain", d.info.Name, err)
	}
	if err := cu.SetCurrentContext(ctx); err != nil {
		return errors.Join(d.failed("cuCtxSetCurrent", "", err), d.release())
	}
	return nil
}

func (d *Device) release() error {
	if err := d.dev.ReleasePrimaryCtx(); err != nil {
		return d.failed("cuDevicePrimaryCtxRelease", "", err)
	}
	return nil
}

// Info describes the device.
func (d *Device) Info() DeviceInfo { return d.info }

// Do runs f on the device's thread. Calls of the device that f makes run at once, where they would
// otherwise switch threads twice each. A panic of f comes back as a *[PanicError].
func (d *Device) Do(f func() error) error {
	err := d.thread.Do(thread.Func(f))
	switch e := err.(type) {
	case *thread.PanicError:
		return &PanicError{Value: e.Value, Stack: e.Stack}
	}
	if err == thread.ErrClosed {
		return ErrClosed
	}
	return err
}

// call is Do for a method of the device: it refuses when the device is closed or lost.
func (d *Device) call(f func() error) error {
	return d.Do(func() error {
		if err := d.usable(); err != nil {
			return err
		}
		return f()
	})
}

// discard is call for methods that free: it does not refuse when the device is closed or lost, and
// does nothing then that needs the driver.
func (d *Device) discard(f func() error) error {
	err := d.Do(func() error {
		if d.closed || d.abandoned() {
			return nil
		}
		return f()
	})
	if err == ErrClosed {
		return nil
	}
	return err
}

// abandoned tells whether the device timed out. Any call that frees could wait for ever then.
func (d *Device) abandoned() bool { return d.lost != nil && d.lost.Err == ErrTimeout }

func (d *Device) usable() error {
	if d.closed {
		return ErrClosed
	}
	if d.lost != nil {
		return &Error{Op: fmt.Sprintf("cuda:%d", d.info.Ordinal), Detail: "after an earlier failure", Err: d.lost.Err,
			Lost: true}
	}
	return nil
}

// failed turns a result of the driver into an *Error and remembers when it means that the context is
// lost. It runs on the thread.
func (d *Device) failed(op, detail string, err error) error {
	code := resultCode(err)
	e := &Error{Op: op, Detail: detail, Err: code}
	if code.Late() {
		if by := d.ring.names(); by != "" {
			e.Detail = join(detail, "reported late, enqueued by "+by)
		}
	}
	if code.Sticky() {
		e.Lost = true
		if d.lost == nil {
			d.lost = e
		}
	}
	return e
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

// Stats returns what the device holds.
func (d *Device) Stats() (Stats, error) {
	var s Stats
	err := d.Do(func() error {
		if d.closed {
			return ErrClosed
		}
		s = Stats{Memory: d.mem.stats, Pinned: d.pinned.stats, Streams: len(d.streams), Events: len(d.events),
			Modules: len(d.modules), Graphs: len(d.graphs)}
		return nil
	})
	return s, err
}

// TrimCache gives unused memory back to the driver.
func (d *Device) TrimCache() error {
	return d.call(func() error {
		if err := d.notRecording("TrimCache"); err != nil {
			return err
		}
		return errors.Join(d.mem.trim(), d.pinned.trim())
	})
}

// notRecording refuses what would make the driver break the recording of a stream off.
func (d *Device) notRecording(op string) error {
	for s := range d.streams {
		if s.capturing {
			return &Error{Op: op, Err: ErrCapturing}
		}
	}
	return nil
}

// poll calls done until it says so, obeys ctx and the device's time limit, and gives the processor to
// others in between: a driver call that blocks could not be ended.
func (d *Device) poll(ctx context.Context, what string, done func() (bool, error)) error {
	start := time.Now()
	for try := 0; ; try++ {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if limit := d.options.SyncTimeout; limit > 0 && time.Since(start) > limit {
			return d.Do(func() error { return d.timedOut(what, limit) })
		}
		switch {
		case try < 50:
			runtime.Gosched()
		default:
			time.Sleep(min(time.Millisecond, time.Duration(try)*time.Microsecond))
		}
	}
}

// timedOut gives the device up.
func (d *Device) timedOut(op string, limit time.Duration) error {
	e := &Error{Op: op, Detail: fmt.Sprintf("waited %v; enqueued by %s", limit, d.ring.names()), Err: ErrTimeout,
		Lost: true}
	if d.lost == nil {
		d.lost = e
	}
	return e
}
