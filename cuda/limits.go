//go:build cuda

package cuda

import "fmt"

// What this package needs: drivers from CUDA 11.4 on, and GPUs from Turing on.
const (
	minDriver     = 11040 // graph instantiation with flags
	minCapability = 75
)

// rangeError is a part of memory that does not lie within it.
func rangeError(op string, off, n, size int64) error {
	return &Error{Op: op, Detail: fmt.Sprintf("%d bytes at %d of %d", n, off, size), Err: InvalidValue}
}
