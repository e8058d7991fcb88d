//go:build cuda

package cudnn

// #include "native.h"
import "C"

import (
	"fmt"

	"github.com/cudiffuse/cudiffuse/cuda"
)

// Handle is cuDNN on a device, with the stream that executions are enqueued on. It is made, used and
// closed on the device's thread.
type Handle struct {
	native  C.cudnn_handle
	target  string
	message *C.char
}

// NewHandle returns cuDNN on a device and a stream of it. The stream must stay until the handle is
// closed.
func (l *Library) NewHandle(d *cuda.Device, s *cuda.Stream) (*Handle, error) {
	info := d.Info()
	h := &Handle{message: newMessage(),
		target: fmt.Sprintf("%s (sm_%d%d)", info.Name, info.Major, info.Minor)}
	if status := C.native_create(&h.native, C.uintptr_t(s.Handle()), h.message); status != C.CUDNN_STATUS_SUCCESS {
		return nil, &StatusError{Op: "cudnnCreate", Layer: h.target, Status: Status(status), Message: oneLine(C.GoString(h.message))}
	}
	return h, nil
}

// Target is the handle's device. It is used on the device's thread, before the handle is closed.
func (h *Handle) Target() Target { return Target{name: h.target, handle: h} }

// SetStream makes executions go to another stream of the device, also one that is being captured.
func (h *Handle) SetStream(s *cuda.Stream) error {
	if h.native == nil {
		return ErrClosed
	}
	if status := C.native_stream(h.native, C.uintptr_t(s.Handle()), h.message); status != C.CUDNN_STATUS_SUCCESS {
		return &StatusError{Op: "cudnnSetStream", Layer: h.target, Status: Status(status), Message: oneLine(C.GoString(h.message))}
	}
	return nil
}

// Close frees the handle. It waits for the device. It may be called twice.
func (h *Handle) Close() error {
	if h.native == nil {
		return nil
	}
	status := C.native_destroy(h.native, h.message)
	h.native = nil
	if status != C.CUDNN_STATUS_SUCCESS {
		return &StatusError{Op: "cudnnDestroy", Layer: h.target, Status: Status(status), Message: oneLine(C.GoString(h.message))}
	}
	return nil
}
