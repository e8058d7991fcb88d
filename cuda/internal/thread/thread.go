//go:build linux

// Package thread runs functions one after the other on one OS thread of their own.
package thread

import (
	"errors"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
)

var (
	// ErrClosed is returned by Do after Close.
	ErrClosed = errors.New("thread is closed")
	// ErrInside is returned by Close within a task.
	ErrInside = errors.New("the thread cannot be closed from within a call on it")
)

// Task is a piece of work. A pointer to a pooled struct makes a Task without allocation.
type Task interface{ Run() error }

// Func is a function as a Task.
type Func func() error

// Run calls f.
func (f Func) Run() error { return f() }

// PanicError is a panic of a Task, or its end by runtime.Goexit.
type PanicError struct {
	Value any
	Stack []byte // none after runtime.Goexit
}

// Error implements error.
func (e *PanicError) Error() string { return "panic on the thread" }

// Thread is one goroutine locked to one OS thread. Its methods may be called from any goroutine.
type Thread struct {
	calls   chan *call
	stopped chan struct{}
	tid     int         // of the OS thread
	running atomic.Bool // a task runs
}

// call carries one task to the thread and its result back.
type call struct {
	task Task
	err  error
	last bool          // stop after this one
	done chan struct{} // capacity 1
}

var calls = sync.Pool{New: func() any { return &call{done: make(chan struct{}, 1)} }}

// New starts a thread.
func New() *Thread {
	t := &Thread{calls: make(chan *call), stopped: make(chan struct{})}
	started := make(chan int)
	go t.loop(started)
	t.tid = <-started
	return t
}

// loop ends without unlocking the OS thread, so that the runtime ends that thread too, and whatever state a driver
// keeps for it.
func (t *Thread) loop(started chan<- int) {
	runtime.LockOSThread()
	started <- syscall.Gettid()
	t.serve()
}

// serve runs tasks until the last one.
func (t *Thread) serve() {
	var c *call
	defer func() {
		if c == nil {
			return
		}
		// The task called runtime.Goexit, as a test does that fails. That cannot be stopped, but goes on only when this
		// deferred function returns: the thread serves on from here.
		c.err = &PanicError{Value: "runtime.Goexit"}
		if last := t.answer(c); !last {
			t.serve()
		}
	}()
	for {
		c = <-t.calls
		t.running.Store(true)
		c.err = guard(c.task)
		last := t.answer(c)
		c = nil
		if last {
			return
		}
	}
}

// answer gives the result of a call back, and tells whether it was the last one.
func (t *Thread) answer(c *call) (last bool) {
	t.running.Store(false)
	if last = c.last; last { // c belongs to the caller once done is told
		close(t.stopped)
	}
	c.done <- struct{}{}
	return last
}

// Do runs the task on the thread and returns its error; a panic, or runtime.Goexit, comes back as a *PanicError. A task
// may call Do: the inner task runs at once. After Close it returns ErrClosed without running the task.
func (t *Thread) Do(task Task) error { return t.send(task, false) }

// Close runs the task as the last one and ends the thread. Later calls return ErrClosed. From within a task it returns
// ErrInside, since the thread cannot end under it.
func (t *Thread) Close(task Task) error {
	if t.Inside() {
		return ErrInside
	}
	return t.send(task, true)
}

func (t *Thread) send(task Task, last bool) error {
	if t.Inside() {
		return guard(task)
	}
	c := calls.Get().(*call)
	c.task, c.last = task, last
	select {
	case t.calls <- c:
	case <-t.stopped:
		c.task = nil
		calls.Put(c)
		return ErrClosed
	}
	<-c.done
	err := c.err
	c.task, c.err = nil, nil
	calls.Put(c)
	return err
}

// Inside reports whether the caller runs on the thread, that is within a task: no other goroutine can run there, since
// the thread is locked to its own.
func (t *Thread) Inside() bool { return t.running.Load() && syscall.Gettid() == t.tid }

func guard(task Task) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return task.Run()
}
