package model

import "github.com/cudiffuse/cudiffuse/internal/gemm"

// boundStep is a step that takes its scratch after the memory is planned.
type boundStep interface {
	step
	setScratch([]float32)
}

// bind makes a step of every operation and tells how many floats of scratch it needs.
func (e *Executor) bind(w *Weights) ([]boundStep, []int, error) {
	if err := w.pack(); err != nil {
		return nil, nil, err
	}
	var index []int
	e.fused, index = fuse(e.graph, func(index int) bool {
		_, ok := w.convs[index].(*gemm.Conv)
		return ok
	})
	steps := make([]boundStep, len(e.fused.Ops))
	scratch := make([]int, len(e.fused.Ops))
	for i, op := range e.fused.Ops {
		s, n, err := e.bindOp(w, index[i], op)
		if err != nil {
			return nil, nil, err
		}
		if n < 0 || int64(n) > maxArena/4 {
			return nil, nil, opShapeError(op, "needs %d floats of scratch", n)
		}
		steps[i], scratch[i] = s, n
	}
	return steps, scratch, nil
}

func (e *Executor) bindOp(w *Weights, i int, op Op) (boundStep, int, error) {
	switch o := op.(type) {
	case fusedConv:
		s := newConvStep(o, w.convs[o.index], e.shapes[o.X])
		return s, s.conv.Scratch(e.batch, s.h, s.w), nil
	case Linear:
		return &linearStep{op: o, linear: w.lins[i]}, w.lins[i].Scratch(e.batch), nil
	case GroupNorm:
		s := &groupNormStep{op: o, act: actFuncOf(o.Act)}
		s.gamma, s.beta = w.Param(o.Gamma), w.Param(o.Beta)
		return s, 0, nil
	case Act:
		return &mapStep{from: o.X, to: o.Y, fn: actFuncOf(o.Fn), scale: 1}, 0, nil
	case Affine:
		return &mapStep{from: o.X, to: o.Y, fn: affineMap, scale: o.Mul, shift: o.Add}, 0, nil
	case Add:
		return &addStep{op: o}, 0, nil
	case AddChannel:
		return &addChannelStep{op: o}, 0, nil
	case Concat:
		return &concatStep{op: o}, 0, nil
	case Attention:
		if w.inBFloat16() {
			s, n := bfloatAttention(o, e.shapes[o.Q], e.shapes[o.K], e.batch, e.pool.Threads())
			return s, n, nil
		}
		n := attentionScratch(e.shapes[o.Q], e.shapes[o.K], o.Heads, e.pool.Threads())
		return &attentionStep{op: o}, n, nil
	case Resample:
		return &resampleStep{op: o}, 0, nil
	}
	return e.bindTokens(w, op)
}

// bindTokens binds the operations of transformer blocks.
func (e *Executor) bindTokens(w *Weights, op Op) (boundStep, int, error) {
	switch o := op.(type) {
	case LayerNorm:
		return &layerNormStep{op: o, gamma: w.Param(o.Gamma), beta: w.Param(o.Beta)}, 0, nil
	case GEGLU:
		return &gegluStep{op: o}, 0, nil
	case SwapAxes:
		return &swapAxesStep{op: o}, 0, nil
	case UpsampleLike:
		return &upsampleLikeStep{op: o}, 0, nil
	case TokenEmbedding:
		return &tokenEmbeddingStep{op: o, table: w.Param(o.Table), positions: w.Param(o.Positions)}, 0, nil
	case SelectToken:
		return &selectTokenStep{op: o}, 0, nil
	case AdaLayerNorm:
		return &adaLayerNormStep{op: o}, 0, nil
	case GatedAdd:
		return &gatedAddStep{op: o}, 0, nil
	case GridPositions:
		return &positionsStep{from: o.X, to: o.Y, positions: o.Positions(e.shapes[o.X])}, 0, nil
	case CroppedPositions:
		p := croppedPositions(o, w.Param(o.Table), e.shapes[o.X])
		return &positionsStep{from: o.X, to: o.Y, positions: p}, 0, nil
	case Unpatchify:
		return &unpatchifyStep{op: o}, 0, nil
	case T5Embedding, T5Norm, T5Gate, T5Attention:
		return e.bindT5(w, op)
	}
	return e.bindJoint(w, op)
}

// bindSmall binds the operations on vectors.
func (e *Executor) bindSmall(w *Weights, op Op) (boundStep, int, error) {
	switch o := op.(type) {
	case TimestepEmbedding:
		return &timestepStep{op: o, freqs: TimestepFrequencies(o.Dim, o.FreqShift)}, 0, nil
	case FourierEmbedding:
		return &fourierStep{op: o, weight: w.Param(o.Weight)}, 0, nil
	case Lookup:
		return &lookupStep{op: o, table: w.Param(o.Table)}, 0, nil
	case DivRow:
		return &divRowStep{op: o}, 0, nil
	case MulRow:
		return &mulRowStep{op: o}, 0, nil
	case AddTable:
		return &addTableStep{op: o, table: w.Param(o.Table)}, 0, nil
	case TakeChannel:
		return &takeChannelStep{op: o}, 0, nil
	}
	return nil, 0, graphErrorf(op.Kind()+" "+op.Label(), "%T has no CPU implementation", op)
}

// convStep runs [Conv2D], and what is fused with it, through package gemm.
type convStep struct {
	op      fusedConv
	conv    convLayer
	fused   *gemm.Conv // nil if nothing is
	h, w    int        // of the input, enlarged
	scratch []float32
}

// newConvStep is a step whose tensor X has the given shape.
func newConvStep(o fusedConv, l convLayer, x Shape) *convStep {
	s := &convStep{op: o, conv: l, h: x.H, w: x.W}
	if o.up {
		s.h, s.w = 2*x.H, 2*x.W
	}
	if o.up || o.row != NoTensor || o.residual != NoTensor {
		s.fused = l.(*gemm.Conv) // fuse leaves others alone
	}
	return s
}

func (s *convStep) setScratch(b []float32) { s.scratch = b }

func (s *convStep) run(e *Executor, n int) {
	x, y := e.rows(s.op.X, n), e.rows(s.op.Y, n)
	if s.fused == nil {
		s.conv.Run(e.pool, y, x, n, s.h, s.w, s.scratch)
		return
	}
	f := gemm.Fused{Up: s.op.up}
	if s.op.row != NoTensor {
		f.Row = e.rows(s.op.row, n)
	}
	if s.op.residual != NoTensor {
		f.Residual = e.rows(s.op.residual, n)
	}
	s.fused.RunFused(e.pool, y, x, n, s.h, s.w, s.scratch, f)
}

// linearStep runs [Linear] through package gemm.
type linearStep struct {
	op      Linear
	linear  linearLayer
	scratch []float32
}

func (s *linearStep) setScratch(b []float32) { s.scratch = b }

func (s *linearStep) run(e *Executor, n int) {
	s.linear.Run(e.pool, e.rows(s.op.Y, n), e.rows(s.op.X, n), n, s.scratch)
}
