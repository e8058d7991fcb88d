// Package cuda is the driver layer: devices, streams, memory, kernels and graphs over gorgonia.org/cu. It knows nothing
// of diffusion beyond the argument layout of its kernels.
//
// It is compiled with the build tag cuda, which needs cgo and the headers of CUDA 11.8 or later
// (`eval "$(cuda/env.sh)"` sets the environment). Without the tag every function returns [ErrNotBuilt]. A program built
// with the tag starts on a machine without a driver: [Devices] then returns none and an error that says why. The
// environment variable CUDIFFUSE_LIBCUDA names another driver library than libcuda.so.1.
//
// # Threads
//
// [Open] starts one goroutine, locked to one OS thread, on which every driver call of that device is made. All methods
// may be called from any goroutine; calls to one device run one after the other. A call from elsewhere costs a switch
// of threads (a few microseconds), so a loop that enqueues much belongs in [Device.Do].
//
// # Memory
//
// Freed memory is kept for the next request of about its size. A buffer may be freed while work that uses it is
// enqueued: it is given out again only when every stream that had work at that time has been waited for, with
// [Stream.Sync] or a [Stream.Query] that finds nothing left. What does not fit makes the device give back all that is
// kept, once, and then fails with a [MemoryError].
//
// # Errors
//
// A failed driver call is an [*Error] that holds a [Code]; errors.Is(err, cuda.OutOfMemory) works. Copies, kernels and
// graphs run after the call that enqueued them has returned. If one fails, a later call reports it: the error then
// names the operations that may have failed ("reported late, enqueued by cuLaunchKernel fused_step"). Failures that
// leave the context unusable ([Code.Sticky]) also match [ErrContextLost], and so does every later call on that device:
// all that is left to do is [Device.Close].
package cuda
