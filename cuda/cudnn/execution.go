//go:build cuda

package cudnn

/*
#include <stdlib.h>
#include "native.h"

static void set_pointer(void **p, size_t i, uint64_t value) { p[i] = (void *)(uintptr_t)value; }
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// Execution is a plan with the memory of its operands. Running it allocates nothing and can be captured;
// its plan must stay for as long as what was captured is replayed.
type Execution struct {
	plan    *Plan
	pack    descriptor
	scalars *C.float // in C memory: the pack holds their addresses
}

// Bind gives the graph's operands their memory: device addresses by the tensors' IDs, aligned to 16
// bytes, and the address of Workspace bytes (0 when it needs none). Virtual tensors and scalars have
// none; addresses of other IDs are not looked at. The error is a *[GraphError] that names the tensor.
func (p *Plan) Bind(memory map[int64]uint64, workspace uint64) (*Execution, error) {
	return p.bind(p.layer, p.operands, memory, workspace)
}

// BindAs is Bind with the numbers and scalars of another graph of the same hash.
func (p *Plan) BindAs(g *Graph, memory map[int64]uint64, workspace uint64) (*Execution, error) {
	if err := g.Validate(); err != nil {
		return nil, err
	}
	if g.Hash() != p.hash {
		return nil, &GraphError{Graph: g.Name, Op: -1, Detail: fmt.Sprintf("a plan of another graph, %q", p.layer)}
	}
	return p.bind(g.Name, operandsOf(g), memory, workspace)
}

func (p *Plan) bind(layer string, operands []operand, memory map[int64]uint64, workspace uint64) (*Execution, error) {
	if p.native == nil {
		return nil, ErrClosed
	}
	at, err := addresses(layer, operands, memory)
	if err != nil {
		return nil, err
	}
	if p.workspace > 0 && (workspace == 0 || workspace%alignment != 0) {
		return nil, &GraphError{Graph: layer, Op: -1,
			Detail: fmt.Sprintf("%d bytes of workspace, aligned to %d, are needed", p.workspace, alignment)}
	}
	n := len(operands)
	e := &Execution{plan: p, scalars: (*C.float)(C.calloc(C.size_t(n), C.sizeof_float))}
	pointers := (*unsafe.Pointer)(C.calloc(C.size_t(n), C.size_t(unsafe.Sizeof(uintptr(0)))))
	defer C.free(unsafe.Pointer(pointers))
	numbers := make([]int64, n)
	scalars := unsafe.Slice(e.scalars, n)
	for i, o := range operands {
		numbers[i] = o.number
		if o.scalar {
			scalars[i] = C.float(o.value)
			at[i] = uint64(uintptr(unsafe.Pointer(&scalars[i])))
		}
		C.set_pointer(pointers, C.size_t(i), C.uint64_t(at[i]))
	}
	space := (*unsafe.Pointer)(C.calloc(1, C.size_t(unsafe.Sizeof(uintptr(0)))))
	defer C.free(unsafe.Pointer(space))
	C.set_pointer(space, 0, C.uint64_t(workspace))

	d := newDescriptors(layer)
	defer d.release()
	pack := d.make(C.CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, "variant pack")
	d.setInts(pack, C.CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, "numbers", numbers...)
	d.set(pack, C.CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, C.CUDNN_TYPE_VOID_PTR, n, unsafe.Pointer(pointers), "addresses")
	d.set(pack, C.CUDNN_ATTR_VARIANT_PACK_WORKSPACE, C.CUDNN_TYPE_VOID_PTR, 1, unsafe.Pointer(space), "workspace")
	d.finalize(pack, "variant pack")
	if err := d.failed(); err != nil {
		C.free(unsafe.Pointer(e.scalars))
		return nil, err
	}
	e.pack = d.keep(pack)
	return e, nil
}

// Run enqueues the execution on the handle's stream, on the device's thread.
func (e *Execution) Run(h *Handle) error {
	if e.pack == nil || e.plan.native == nil || h.native == nil {
		return ErrClosed
	}
	if status := C.native_run(h.native, e.plan.native, e.pack); status != C.CUDNN_STATUS_SUCCESS {
		return e.failed(h, status)
	}
	return nil
}

// failed asks for the message of a failure. The device's thread is one OS thread, whose message is still
// there.
func (e *Execution) failed(h *Handle, status C.uint) error {
	C.native_message(h.message)
	return &StatusError{Op: "execute", Layer: e.plan.layer, Status: Status(status), Message: oneLine(C.GoString(h.message))}
}

// Close frees the execution. It may be called twice.
func (e *Execution) Close() error {
	releaseDescriptor(e.pack)
	C.free(unsafe.Pointer(e.scalars))
	e.pack, e.scalars = nil, nil
	return nil
}
