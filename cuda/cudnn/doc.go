// Package cudnn is a thin binding of the graph ("backend") API of cuDNN 9: it turns an operation
// [Graph] into execution plans, keeps plans as JSON, and runs them. It knows nothing of networks.
//
// The library is loaded at run time: the file that the environment variable CUDIFFUSE_LIBCUDNN names,
// or else libcudnn.so.9, or else libcudnn.so. Compiling needs no header of cuDNN; abi.h has what is
// used here of it, and `make test-cudnn` compares it with the real one.
//
// Plans are built for a [Target]: a device, or only its description ([TargetFor]), which needs no GPU but
// cuDNN 9.8. [SDPA] needs cuDNN 9.13; with an older one there is no plan for it.
//
// # Threads
//
// A [Library], and graphs and plans for a described target, may be used by many goroutines at once, each
// graph and each plan by one at a time. A [Handle], and everything that takes one or was made with one
// (its target, the plans for it, their executions), is used on the device's thread only: within Do of
// the [cuda.Device].
//
// Nothing here has a finalizer: plans, executions and handles are closed by who made them, executions
// before their plans.
package cudnn

import "github.com/cudiffuse/cudiffuse/cuda"

// ErrNotBuilt is returned by everything that needs the library when the program was built without the
// tag cuda. It is that of package cuda.
var ErrNotBuilt = cuda.ErrNotBuilt
