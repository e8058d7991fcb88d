package model

// inputShapes sets the shapes of the inputs but those of residuals, which follow from
// the operations.
func (g *Graph) inputShapes(size Size) ([]Shape, error) {
	h, w := size.H, size.W
	if h < 1 || w < 1 || h > maxSide || w > maxSide {
		return nil, shapeErrorf("sample", "size %dx%d is not within 1..%d", h, w, maxSide)
	}
	shapes := make([]Shape, len(g.Tensors))
	for _, in := range g.Inputs {
		shapes[in.Tensor] = Shape{in.Channels, 1, 1}
		switch in.Kind {
		case InputSample:
			shapes[in.Tensor] = Shape{in.Channels, h, w}
		case InputContext:
			if size.Tokens < 1 || size.Tokens > maxSide {
				return nil, shapeErrorf("context", "%d tokens are not within 1..%d",
					size.Tokens, maxSide)
			}
			shapes[in.Tensor] = Shape{size.Tokens, in.Channels, 1}
		case InputTokenIDs:
			if size.Tokens < 1 || size.Tokens > maxSide {
				return nil, shapeErrorf("tokens", "%d are not within 1..%d", size.Tokens, maxSide)
			}
			shapes[in.Tensor] = Shape{1, size.Tokens, 1}
		case InputControl:
			if in.Scale < 1 || h > maxSide/in.Scale || w > maxSide/in.Scale {
				return nil, shapeErrorf("control", "%d times %dx%d is not within 1..%d", in.Scale, h, w, maxSide)
			}
			shapes[in.Tensor] = Shape{in.Channels, in.Scale * h, in.Scale * w}
		}
	}
	return shapes, nil
}

// residuals are the inputs of that kind, and the tensors whose shapes they have.
func (g *Graph) residuals() map[TensorID]TensorID {
	like := map[TensorID]TensorID{}
	for _, in := range g.Inputs {
		if in.Kind == InputResidual {
			like[in.Tensor] = in.Like
		}
	}
	return like
}

// setResiduals checks the residuals and takes them, in the order of the graph's inputs.
func (e *Executor) setResiduals(n int, residuals [][]float32) error {
	k := 0
	for _, x := range e.graph.Inputs {
		if x.Kind != InputResidual {
			continue
		}
		if k == len(residuals) {
			return inputErrorf(x.Kind.String(), "are %d, the network takes more", k)
		}
		if want := n * e.shapes[x.Tensor].Len(); len(residuals[k]) != want {
			return inputErrorf(x.Kind.String(), "number %d has %d elements, wanted %d (%d rows of %v)",
				k, len(residuals[k]), want, n, e.shapes[x.Tensor])
		}
		e.bufs[x.Tensor] = residuals[k]
		k++
	}
	if k != len(residuals) {
		return inputErrorf(InputResidual.String(), "are %d, the network takes %d", len(residuals), k)
	}
	return nil
}
