//go:build cuda

package libcuda

// #cgo LDFLAGS: -L${SRCDIR}/lib -ldl -lpthread
// #include "forward.h"
import "C"

// Status tells what became of the driver: the result code of its cuInit (100, no device, when there is no driver),
// whether a driver library was loaded, and why it cannot be used, "" if it can.
func Status() (code int, loaded bool, reason string) {
	return int(C.forward_status()), C.forward_loaded() != 0, C.GoString(C.forward_reason())
}
