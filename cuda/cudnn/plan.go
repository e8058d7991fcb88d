//go:build cuda

package cudnn

// #include "native.h"
import "C"

import (
	"unsafe"
)

// Plan computes a graph on a target with one engine.
type Plan struct {
	lib            *Library
	layer, hash    string
	target         Target
	operands       []operand
	native, config descriptor
	workspace      int64
	engine         engine
}

// LoadPlan returns a plan from what [Plan.JSON] gave for a graph of the same hash, the same target and
// library version; otherwise the error is a *[PlanError]. It holds code for the GPU: load only files that
// you trust as you trust programs.
func (l *Library) LoadPlan(g *Graph, t Target, text []byte) (*Plan, error) {
	if err := t.usable(g); err != nil {
		return nil, err
	}
	plan, e, err := unstore(text, l.version, t, g)
	if err != nil {
		return nil, err
	}
	return l.load(g, t, plan, e)
}

// load is LoadPlan for the library's own text.
func (l *Library) load(g *Graph, t Target, text string, e engine) (*Plan, error) {
	d := newDescriptors(g.Name)
	defer d.release()
	device := t.describe(d)
	native := d.make(C.CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, "stored plan")
	if t.handle != nil {
		d.setHandle(native, C.CUDNN_ATTR_EXECUTION_PLAN_HANDLE, t.handle)
	} else {
		d.setDescriptors(native, C.CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, "device", device)
	}
	d.setText(native, C.CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, text, "stored plan")
	d.finalize(native, "stored plan")
	p := &Plan{lib: l, layer: g.Name, hash: g.Hash(), target: t, operands: operandsOf(g), engine: e,
		workspace: d.getInt(native, C.CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, "workspace")}
	if err := d.failed(); err != nil {
		return nil, err
	}
	p.native = d.keep(native)
	return p, nil
}

// Workspace is the bytes of device memory that an execution needs besides its operands.
func (p *Plan) Workspace() int64 { return p.workspace }

// Engine is the library's number for the engine. The same number is another engine for another graph.
func (p *Plan) Engine() int64 { return p.engine.Number }

// Deterministic tells whether the engine gives the same bits in every run.
func (p *Plan) Deterministic() bool { return !p.engine.Varies }

// FullPrecision tells whether the engine keeps the precision of its operands, see [FullPrecision].
func (p *Plan) FullPrecision() bool { return !p.engine.Rounds }

// JSON is the plan for [Library.LoadPlan]: some kilobytes to some hundred, with the code for the GPU.
func (p *Plan) JSON() ([]byte, error) {
	text, err := p.text()
	if err != nil {
		return nil, err
	}
	return store(p.lib.version, p.target.String(), p.hash, text, p.engine)
}

// text is the library's own JSON.
func (p *Plan) text() (string, error) {
	if p.native == nil {
		return "", ErrClosed
	}
	d := newDescriptors(p.layer)
	n := d.get(p.native, C.CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, C.CUDNN_TYPE_CHAR, 0, nil, "plan's size")
	b := make([]byte, n+1)
	n = d.get(p.native, C.CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, C.CUDNN_TYPE_CHAR, n, unsafe.Pointer(&b[0]), "plan")
	if err := d.failed(); err != nil {
		return "", err
	}
	b = b[:min(n, len(b)-1)]
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	return string(b), nil
}

// Close frees the plan. Its executions are closed before. It may be called twice.
func (p *Plan) Close() error {
	releaseDescriptor(p.native)
	releaseDescriptor(p.config)
	p.native, p.config = nil, nil
	return nil
}
