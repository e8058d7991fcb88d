//go:build cuda

package cuda

/*
#include <cuda.h>
#include <stdint.h>
#include <stdlib.h>

enum { MAX_PARAMS = 24 };

// launch is a kernel with its geometry and arguments, made once, in C memory, so that launching it
// copies and allocates nothing.
typedef struct {
	CUfunction function;
	unsigned grid[3], block[3], shared;
	void *params[MAX_PARAMS];
	uint64_t args[MAX_PARAMS];
} launch;

static launch *launch_new(uintptr_t function, unsigned n) {
	launch *l = calloc(1, sizeof *l);
	if (!l) return NULL;
	l->function = (CUfunction)function;
	for (unsigned i = 0; i < n; i++) l->params[i] = &l->args[i];
	return l;
}

static CUresult launch_run(launch *l, uintptr_t stream) {
	return cuLaunchKernel(l->function, l->grid[0], l->grid[1], l->grid[2], l->block[0], l->block[1], l->block[2],
		l->shared, (CUstream)stream, l->params, NULL);
}

static CUresult copy_to_device(uint64_t dst, uintptr_t src, size_t n, uintptr_t stream) {
	return cuMemcpyHtoDAsync((CUdeviceptr)dst, (const void *)src, n, (CUstream)stream);
}
static CUresult copy_to_host(uintptr_t dst, uint64_t src, size_t n, uintptr_t stream) {
	return cuMemcpyDtoHAsync((void *)dst, (CUdeviceptr)src, n, (CUstream)stream);
}
static CUresult copy_on_device(uint64_t dst, uint64_t src, size_t n, uintptr_t stream) {
	return cuMemcpyDtoDAsync((CUdeviceptr)dst, (CUdeviceptr)src, n, (CUstream)stream);
}
static CUresult fill(uint64_t dst, unsigned char value, size_t n, uintptr_t stream) {
	return cuMemsetD8Async((CUdeviceptr)dst, value, n, (CUstream)stream);
}
static CUresult query(uintptr_t stream) { return cuStreamQuery((CUstream)stream); }
static CUresult record(uintptr_t event, uintptr_t stream) { return cuEventRecord((CUevent)event, (CUstream)stream); }
static CUresult wait_event(uintptr_t stream, uintptr_t event) {
	return cuStreamWaitEvent((CUstream)stream, (CUevent)event, 0);
}

static CUresult begin(uintptr_t stream) {
	return cuStreamBeginCapture((CUstream)stream, CU_STREAM_CAPTURE_MODE_RELAXED);
}
static CUresult end(uintptr_t stream, uintptr_t *graph) {
	return cuStreamEndCapture((CUstream)stream, (CUgraph *)graph);
}
static CUresult nodes(uintptr_t graph, size_t *n) { return cuGraphGetNodes((CUgraph)graph, NULL, n); }
static CUresult instantiate(uintptr_t graph, uintptr_t *exec) {
	return cuGraphInstantiateWithFlags((CUgraphExec *)exec, (CUgraph)graph, 0);
}
static CUresult replay(uintptr_t exec, uintptr_t stream) { return cuGraphLaunch((CUgraphExec)exec, (CUstream)stream); }
static CUresult destroy_graph(uintptr_t graph) { return cuGraphDestroy((CUgraph)graph); }
static CUresult destroy_exec(uintptr_t exec) { return cuGraphExecDestroy((CUgraphExec)exec); }

static CUresult alloc_host(uintptr_t *p, size_t n) { return cuMemHostAlloc((void **)p, n, 0); }
static CUresult free_host(uintptr_t p) { return cuMemFreeHost((void *)p); }
static CUresult attribute(uintptr_t function, int what, int *value) {
	return cuFuncGetAttribute(value, (CUfunction_attribute)what, (CUfunction)function);
}
#if CUDA_VERSION < 12040
CUresult CUDAAPI cuFuncGetParamInfo(CUfunction function, size_t index, size_t *offset, size_t *size);
#endif
static CUresult param_size(uintptr_t function, size_t index, size_t *size) {
	size_t offset;
	return cuFuncGetParamInfo((CUfunction)function, index, &offset, size);
}
static void *pointer(uintptr_t p) { return (void *)p; }
*/
import "C"

import (
	"fmt"
	"unsafe"

	"gorgonia.org/cu"
)

// What gorgonia.org/cu lacks or does with allocations: prepared launches, asynchronous copies that are
// enqueued in a loop, stream capture, graphs and page-locked memory. Handles cross as integers.

type (
	nativeLaunch = C.launch
	nativeHandle = C.uintptr_t
)

// handle is the driver's own handle in one of cu's types, each a struct around it.
func handle[T cu.Stream | cu.Event | cu.Function](v T) C.uintptr_t {
	return C.uintptr_t(*(*uintptr)(unsafe.Pointer(&v)))
}

func hostPointer(at uintptr) unsafe.Pointer { return C.pointer(C.uintptr_t(at)) }

func code(r C.CUresult) Code { return Code(r) }

func allocPinned(d *Device, size int64) (uintptr, error) {
	var p C.uintptr_t
	if r := code(C.alloc_host(&p, C.size_t(size))); r != 0 {
		return 0, d.failed("cuMemHostAlloc", fmt.Sprintf("%d bytes", size), r)
	}
	return uintptr(p), nil
}

func freePinned(d *Device, at uintptr) error {
	if r := code(C.free_host(C.uintptr_t(at))); r != 0 {
		return d.failed("cuMemFreeHost", "", r)
	}
	return nil
}

func newNativeLaunch(f cu.Function, g Geometry, args []uint64) *nativeLaunch {
	l := C.launch_new(handle(f), C.uint(len(args)))
	if l == nil {
		return nil
	}
	for i, v := range []int{g.Grid.X, g.Grid.Y, g.Grid.Z} {
		l.grid[i] = C.uint(max(v, 1))
	}
	for i, v := range []int{g.Block.X, g.Block.Y, g.Block.Z} {
		l.block[i] = C.uint(max(v, 1))
	}
	l.shared = C.uint(g.Shared)
	for i, a := range args {
		l.args[i] = C.uint64_t(a)
	}
	return l
}

func (l *Launch) run(s *Stream) Code { return code(C.launch_run(l.native, s.h)) }

func freeNativeLaunch(l *nativeLaunch) { C.free(unsafe.Pointer(l)) }

func copyToDevice(s *Stream, dst uint64, src uintptr, n int64) Code {
	return code(C.copy_to_device(C.uint64_t(dst), C.uintptr_t(src), C.size_t(n), s.h))
}

func copyToHost(s *Stream, dst uintptr, src uint64, n int64) Code {
	return code(C.copy_to_host(C.uintptr_t(dst), C.uint64_t(src), C.size_t(n), s.h))
}

func copyOnDevice(s *Stream, dst, src uint64, n int64) Code {
	return code(C.copy_on_device(C.uint64_t(dst), C.uint64_t(src), C.size_t(n), s.h))
}

func fillBytes(s *Stream, dst uint64, value byte, n int64) Code {
	return code(C.fill(C.uint64_t(dst), C.uchar(value), C.size_t(n), s.h))
}

func queryStream(s *Stream) Code { return code(C.query(s.h)) }

func recordEvent(s *Stream, e *Event) Code { return code(C.record(handle(e.ev), s.h)) }

func waitEvent(s *Stream, e *Event) Code { return code(C.wait_event(s.h, handle(e.ev))) }

func beginCapture(s *Stream) Code { return code(C.begin(s.h)) }

func endCapture(s *Stream) (graph uintptr, r Code) {
	var g C.uintptr_t
	r = code(C.end(s.h, &g))
	return uintptr(g), r
}

func instantiate(graph uintptr) (exec uintptr, nodes int, r Code) {
	var n C.size_t
	if r = code(C.nodes(C.uintptr_t(graph), &n)); r != 0 {
		return 0, 0, r
	}
	var x C.uintptr_t
	r = code(C.instantiate(C.uintptr_t(graph), &x))
	return uintptr(x), int(n), r
}

func replayGraph(s *Stream, exec uintptr) Code { return code(C.replay(C.uintptr_t(exec), s.h)) }

func destroyGraph(graph uintptr) Code { return code(C.destroy_graph(C.uintptr_t(graph))) }

func destroyExec(exec uintptr) Code { return code(C.destroy_exec(C.uintptr_t(exec))) }

// The attributes of a kernel, by their numbers in cuda.h.
const (
	maxThreadsPerBlock = 0
	numRegs            = 4
)

func functionAttribute(f cu.Function, what int) (int, Code) {
	var v C.int
	r := code(C.attribute(handle(f), C.int(what), &v))
	return int(v), r
}

// parameters returns the sizes of a kernel's parameters in bytes; known is false for drivers before
// CUDA 12.4, which do not tell.
func parameters(f cu.Function) (sizes []int, known bool, r Code) {
	for {
		var n C.size_t
		switch r := code(C.param_size(handle(f), C.size_t(len(sizes)), &n)); r {
		case 0:
			sizes = append(sizes, int(n))
		case InvalidValue: // past the last one
			return sizes, true, 0
		case NotSupported:
			return nil, false, 0
		default:
			return nil, false, r
		}
	}
}
