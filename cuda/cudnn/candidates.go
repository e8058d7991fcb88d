//go:build cuda

package cudnn

// #include "native.h"
import "C"

import (
	"errors"
	"fmt"
	"slices"
	"unsafe"
)

const (
	maxConfigs = 64 // engine configurations taken from a heuristic
	maxReasons = 4  // of a NoPlanError
	maxNotes   = 32 // numerical notes of an engine
)

// Candidates returns up to limit execution plans of a graph (at least one), the one that the library
// expects to be fastest first: those of heuristic mode A, then those of its fallback. Without any the
// error is a *[NoPlanError]; a graph that the library finds wrong, as opposed to unsupported, gives a
// *[StatusError]. The caller closes the plans. Engines without the properties that are asked for are left
// out.
func (l *Library) Candidates(g *Graph, t Target, limit int, need ...Property) ([]*Plan, error) {
	if err := t.usable(g); err != nil {
		return nil, err
	}
	d := newDescriptors(g.Name)
	defer d.release()
	s := &search{d: d, target: t, need: need, graph: translate(d, g, t), device: t.describe(d),
		plan: Plan{lib: l, layer: g.Name, hash: g.Hash(), target: t, operands: operandsOf(g)}}
	if err := d.failed(); errors.Is(err, NotSupported) {
		s.reasons = append(s.reasons, err)
	} else if err != nil {
		return nil, err
	} else {
		s.run(max(limit, 1))
	}
	if len(s.plans) == 0 {
		return nil, &NoPlanError{Graph: g.String(), Target: t.String(), Tried: s.tried, Reasons: s.reasons}
	}
	return s.plans, nil
}

// translate makes the operation graph.
func translate(d *descriptors, g *Graph, t Target) descriptor {
	tr := &translation{descriptors: d, number: map[int64]int64{}, tensors: map[int64]descriptor{}}
	for i, x := range g.tensors() {
		tr.number[x.ID] = int64(i + 1)
	}
	var ops []descriptor
	for _, op := range g.Ops {
		ops = append(ops, tr.operation(op))
	}
	graph := d.make(C.CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, "graph")
	if t.handle != nil {
		d.setHandle(graph, C.CUDNN_ATTR_OPERATIONGRAPH_HANDLE, t.handle)
	}
	d.setDescriptors(graph, C.CUDNN_ATTR_OPERATIONGRAPH_OPS, "operations", ops...)
	d.finalize(graph, "graph")
	return graph
}

// usable checks that plans of a graph can be made for the target.
func (t Target) usable(g *Graph) error {
	if err := g.Validate(); err != nil {
		return err
	}
	if t.handle != nil && t.handle.native == nil {
		return ErrClosed
	}
	if t.handle == nil && t.properties == "" {
		return &GraphError{Graph: g.Name, Op: -1, Detail: "no target to make a plan for"}
	}
	return nil
}

// describe makes the description of a target's device; nil for a handle's, which describes itself.
func (t Target) describe(d *descriptors) descriptor {
	if t.handle != nil {
		return nil
	}
	p := d.make(C.CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, "device description")
	d.setText(p, C.CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, t.properties, "device description")
	d.finalize(p, "device description")
	return p
}

// search is a run of the heuristics.
type search struct {
	d             *descriptors
	target        Target
	graph, device descriptor
	plan          Plan // what the plans have in common
	need          []Property
	plans         []*Plan
	tried         int
	reasons       []error
}

func (s *search) run(limit int) {
	for _, mode := range []C.uint{C.CUDNN_HEUR_MODE_A, C.CUDNN_HEUR_MODE_FALLBACK} {
		configs := s.configs(mode)
		s.failed()
		for _, c := range configs {
			if len(s.plans) == limit {
				return
			}
			e := s.engine(c)
			if missing := e.missing(s.need); missing != nil {
				s.reasons = append(s.reasons, missing)
				s.reasons = s.reasons[:min(len(s.reasons), maxReasons)]
				continue
			}
			s.tried++
			if p := s.build(c, e); p != nil {
				s.plans = append(s.plans, p)
			}
			s.failed()
		}
	}
}

// failed notes why something did not work.
func (s *search) failed() {
	if err := s.d.failed(); err != nil && len(s.reasons) < maxReasons {
		s.reasons = append(s.reasons, err)
	}
}

// configs asks a heuristic for engine configurations.
func (s *search) configs(mode C.uint) []descriptor {
	d := s.d
	h := d.make(C.CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, "heuristic")
	d.setDescriptors(h, C.CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, "graph", s.graph)
	d.setEnum(h, C.CUDNN_ATTR_ENGINEHEUR_MODE, C.CUDNN_TYPE_HEUR_MODE, mode, "mode")
	if s.device != nil {
		d.setDescriptors(h, C.CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, "device", s.device)
	}
	d.finalize(h, "heuristic")
	n := d.get(h, C.CUDNN_ATTR_ENGINEHEUR_RESULTS, C.CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, nil, "number of results")
	configs := make([]descriptor, min(n, maxConfigs))
	for i := range configs {
		configs[i] = d.make(C.CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, "engine configuration")
	}
	if len(configs) == 0 {
		return nil
	}
	n = d.get(h, C.CUDNN_ATTR_ENGINEHEUR_RESULTS, C.CUDNN_TYPE_BACKEND_DESCRIPTOR, len(configs),
		unsafe.Pointer(&configs[0]), "results")
	return configs[:min(n, len(configs))]
}

// build makes a plan of an engine configuration, nil if it cannot be made.
func (s *search) build(config descriptor, e engine) *Plan {
	d := s.d
	native := d.make(C.CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, "plan")
	if s.target.handle != nil {
		d.setHandle(native, C.CUDNN_ATTR_EXECUTION_PLAN_HANDLE, s.target.handle)
	}
	d.setDescriptors(native, C.CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, "engine configuration", config)
	d.finalize(native, "plan")

	p := s.plan
	p.workspace = d.getInt(native, C.CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, "workspace")
	p.engine = e
	if d.err != nil {
		return nil
	}
	// The configuration stays with its plan; the graph that led to it need not.
	p.native, p.config = d.keep(native), d.keep(config)
	return &p
}

// engine is that of a configuration.
func (s *search) engine(config descriptor) engine {
	d := s.d
	e := d.make(C.CUDNN_BACKEND_ENGINE_DESCRIPTOR, "engine")
	d.get(config, C.CUDNN_ATTR_ENGINECFG_ENGINE, C.CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, unsafe.Pointer(&e), "engine")
	var notes [maxNotes]C.uint
	n := d.get(e, C.CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, C.CUDNN_TYPE_NUMERICAL_NOTE, maxNotes, unsafe.Pointer(&notes[0]),
		"engine's notes")
	has := func(note C.uint) bool { return slices.Contains(notes[:min(n, maxNotes)], note) }
	return engine{Number: d.getInt(e, C.CUDNN_ATTR_ENGINE_GLOBAL_INDEX, "engine's number"),
		Varies: has(C.CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC),
		Rounds: has(C.CUDNN_NUMERICAL_NOTE_TENSOR_CORE) || has(C.CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS) ||
			has(C.CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION)}
}

// missing is the property that an engine lacks, as a reason.
func (e engine) missing(need []Property) error {
	for _, p := range need {
		switch {
		case p == Deterministic && e.Varies:
			return fmt.Errorf("engine %d gives other bits in other runs", e.Number)
		case p == FullPrecision && e.Rounds:
			return fmt.Errorf("engine %d rounds its operands or sums", e.Number)
		}
	}
	return nil
}
