//go:build cuda

package cudnn

// #include "native.h"
import "C"

import (
	"slices"
	"unsafe"
)

type descriptor = C.cudnn_descriptor

// descriptors makes descriptors for one purpose and releases them together. After a failure its methods
// do nothing, so that only the end of a sequence is checked.
type descriptors struct {
	layer   string // for messages
	made    []descriptor
	message *C.char
	err     error
}

func newDescriptors(layer string) *descriptors {
	return &descriptors{layer: layer, message: newMessage()}
}

// check keeps the first failure.
func (d *descriptors) check(status C.uint, op string) bool {
	if status != C.CUDNN_STATUS_SUCCESS && d.err == nil {
		d.err = &StatusError{Op: op, Layer: d.layer, Status: Status(status), Message: oneLine(C.GoString(d.message))}
	}
	return d.err == nil
}

func (d *descriptors) make(kind C.uint, what string) descriptor {
	var made descriptor
	if d.err == nil && d.check(C.native_make(kind, &made, d.message), "create "+what) {
		d.made = append(d.made, made)
	}
	return made
}

// set sets an attribute to the n elements at p. They hold no Go pointers.
func (d *descriptors) set(to descriptor, name, kind C.uint, n int, p unsafe.Pointer, what string) {
	if d.err == nil {
		d.check(C.native_set(to, name, kind, C.int64_t(n), p, d.message), "set "+what)
	}
}

func (d *descriptors) setInts(to descriptor, name C.uint, what string, v ...int64) {
	v = slices.Clone(v) // v may be part of something with pointers
	d.set(to, name, C.CUDNN_TYPE_INT64, len(v), unsafe.Pointer(unsafe.SliceData(v)), what)
}

// setEnum sets an attribute of a type of the interface that is an enumeration.
func (d *descriptors) setEnum(to descriptor, name, kind, v C.uint, what string) {
	d.set(to, name, kind, 1, unsafe.Pointer(&v), what)
}

func (d *descriptors) setFloat(to descriptor, name C.uint, v float32, what string) {
	d.set(to, name, C.CUDNN_TYPE_FLOAT, 1, unsafe.Pointer(&v), what)
}

func (d *descriptors) setTrue(to descriptor, name C.uint, what string) {
	v := C.uchar(1)
	d.set(to, name, C.CUDNN_TYPE_BOOLEAN, 1, unsafe.Pointer(&v), what)
}

func (d *descriptors) setDescriptors(to descriptor, name C.uint, what string, v ...descriptor) {
	d.set(to, name, C.CUDNN_TYPE_BACKEND_DESCRIPTOR, len(v), unsafe.Pointer(unsafe.SliceData(v)), what)
}

// setText sets an attribute to a text, with the zero that ends it.
func (d *descriptors) setText(to descriptor, name C.uint, text, what string) {
	b := append([]byte(text), 0)
	d.set(to, name, C.CUDNN_TYPE_CHAR, len(b), unsafe.Pointer(&b[0]), what)
}

func (d *descriptors) setHandle(to descriptor, name C.uint, h *Handle) {
	v := h.native
	d.set(to, name, C.CUDNN_TYPE_HANDLE, 1, unsafe.Pointer(&v), "handle")
}

func (d *descriptors) finalize(of descriptor, what string) {
	if d.err == nil {
		d.check(C.native_finalize(of, d.message), "finalize "+what)
	}
}

// get reads an attribute into room for n elements at p and returns how many there are.
func (d *descriptors) get(from descriptor, name, kind C.uint, n int, p unsafe.Pointer, what string) int {
	var count C.int64_t
	if d.err != nil || !d.check(C.native_get(from, name, kind, C.int64_t(n), &count, p, d.message), "read "+what) {
		return 0
	}
	return int(count)
}

func (d *descriptors) getInt(from descriptor, name C.uint, what string) int64 {
	var v int64
	d.get(from, name, C.CUDNN_TYPE_INT64, 1, unsafe.Pointer(&v), what)
	return v
}

// failed returns the failure and forgets it.
func (d *descriptors) failed() error {
	err := d.err
	d.err = nil
	return err
}

// keep takes a descriptor out: the caller releases it.
func (d *descriptors) keep(of descriptor) descriptor {
	for i, m := range d.made {
		if m == of {
			d.made[i] = nil
		}
	}
	return of
}

// release gives back what was made and not kept, the last first.
func (d *descriptors) release() {
	for i := len(d.made) - 1; i >= 0; i-- {
		releaseDescriptor(d.made[i])
	}
	d.made = nil
}

// live is how many descriptors there are, for tests.
func live() int { return int(C.native_live()) }

func releaseDescriptor(of descriptor) {
	if of != nil {
		C.native_release(of)
	}
}
