package model

// Kind implements [Op].
func (Conv2D) Kind() string { return "Conv2D" }

// Kind implements [Op].
func (Linear) Kind() string { return "Linear" }

// Kind implements [Op].
func (GroupNorm) Kind() string { return "GroupNorm" }

// Kind implements [Op].
func (Act) Kind() string { return "Act" }

// Kind implements [Op].
func (Add) Kind() string { return "Add" }

// Kind implements [Op].
func (AddChannel) Kind() string { return "AddChannel" }

// Kind implements [Op].
func (Concat) Kind() string { return "Concat" }

// Kind implements [Op].
func (Attention) Kind() string { return "Attention" }

// Kind implements [Op].
func (Resample) Kind() string { return "Resample" }

// Kind implements [Op].
func (TimestepEmbedding) Kind() string { return "TimestepEmbedding" }

// Kind implements [Op].
func (FourierEmbedding) Kind() string { return "FourierEmbedding" }

// Kind implements [Op].
func (Lookup) Kind() string { return "Lookup" }

// Kind implements [Op].
func (Affine) Kind() string { return "Affine" }

// Kind implements [Op].
func (DivRow) Kind() string { return "DivRow" }

// Reads implements [Op].
func (o Conv2D) Reads() []TensorID { return []TensorID{o.X} }

// Reads implements [Op].
func (o Linear) Reads() []TensorID { return []TensorID{o.X} }

// Reads implements [Op].
func (o GroupNorm) Reads() []TensorID { return present(o.X, o.ScaleShift) }

// Reads implements [Op].
func (o Act) Reads() []TensorID { return []TensorID{o.X} }

// Reads implements [Op].
func (o Add) Reads() []TensorID { return []TensorID{o.A, o.B} }

// Reads implements [Op].
func (o AddChannel) Reads() []TensorID { return []TensorID{o.X, o.V} }

// Reads implements [Op].
func (o Concat) Reads() []TensorID { return []TensorID{o.A, o.B} }

// Reads implements [Op].
func (o Attention) Reads() []TensorID { return []TensorID{o.Q, o.K, o.V} }

// Reads implements [Op].
func (o Resample) Reads() []TensorID { return []TensorID{o.X} }

// Reads implements [Op].
func (o TimestepEmbedding) Reads() []TensorID { return []TensorID{o.T} }

// Reads implements [Op].
func (o FourierEmbedding) Reads() []TensorID { return []TensorID{o.T} }

// Reads implements [Op].
func (o Lookup) Reads() []TensorID { return []TensorID{o.Class} }

// Reads implements [Op].
func (o Affine) Reads() []TensorID { return []TensorID{o.X} }

// Reads implements [Op].
func (o DivRow) Reads() []TensorID { return []TensorID{o.X, o.T} }

func (o Conv2D) params() []paramUse {
	s := o.Shape
	w := paramUse{o.Weight, []int{s.OutC, s.InC, s.KH, s.KW}}
	if o.Bias == NoParam {
		return []paramUse{w}
	}
	return []paramUse{w, {o.Bias, []int{s.OutC}}}
}

func (o Linear) params() []paramUse {
	w := paramUse{o.Weight, []int{o.OutF, o.InF}}
	if o.Bias == NoParam {
		return []paramUse{w}
	}
	return []paramUse{w, {o.Bias, []int{o.OutF}}}
}

func (o GroupNorm) params() []paramUse {
	return []paramUse{{o.Gamma, []int{o.Channels}}, {o.Beta, []int{o.Channels}}}
}

func (o FourierEmbedding) params() []paramUse {
	return []paramUse{{o.Weight, []int{o.Dim}}}
}

func (o Lookup) params() []paramUse {
	return []paramUse{{o.Table, []int{o.Rows, o.Dim}}}
}

// The result may take the operand's memory where element i of the result needs only
// element i of the operand (and, for GroupNorm, sums that are taken before).

func (o GroupNorm) inPlace() TensorID  { return o.X }
func (o Act) inPlace() TensorID        { return o.X }
func (o Add) inPlace() TensorID        { return o.A }
func (o AddChannel) inPlace() TensorID { return o.X }
func (o Affine) inPlace() TensorID     { return o.X }
func (o DivRow) inPlace() TensorID     { return o.X }
