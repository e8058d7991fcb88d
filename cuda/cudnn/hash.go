package cudnn

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// Hash is the hexadecimal SHA-256 of everything that decides what the graph computes: its operations with
// their parameters, its tensors' types, dimensions, strides and scalar values, and which operands are the
// same tensor. Names and the tensors' numbers are left out, so layers of the same shape share one hash,
// and a plan of one serves the other ([Plan.BindAs]).
func (g *Graph) Hash() string {
	h := sha256.New()
	number := map[int64]int{}
	for i, x := range g.tensors() {
		number[x.ID] = i + 1
		fmt.Fprintf(h, "tensor %d %v %d %d %t %t %x\n", i+1, x.Type, x.Dims, x.Strides, x.Virtual, x.Scalar, x.Value)
	}
	for _, op := range g.Ops {
		op = value(op)
		if op == nil {
			fmt.Fprintln(h, "unknown")
			continue
		}
		fmt.Fprintf(h, "%s", op.Kind())
		for _, x := range append(op.Reads(), op.Writes()) {
			if x != nil {
				fmt.Fprintf(h, " %d", number[x.ID])
			}
		}
		fmt.Fprintf(h, " %s\n", parametersOf(op))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// parametersOf writes what an operation is given besides tensors and its kind.
func parametersOf(op Op) string {
	switch o := op.(type) {
	case Conv:
		return fmt.Sprintf("zeros %d %d step %d", o.Pre, o.Post, o.Stride)
	case Resample:
		return fmt.Sprintf("%v window %d", o.Mode, o.Window)
	}
	return ""
}

// String writes the graph with its operands, for messages.
func (g *Graph) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q:", g.Name)
	for i, op := range g.Ops {
		if i > 0 {
			b.WriteString(";")
		}
		op = value(op)
		if op == nil {
			b.WriteString(" unknown")
			continue
		}
		fmt.Fprintf(&b, " %s", op.Kind())
		if p := parametersOf(op); p != "" {
			fmt.Fprintf(&b, " (%s)", p)
		}
		for j, x := range op.Reads() {
			if j > 0 {
				b.WriteString(",")
			}
			fmt.Fprintf(&b, " %v", x)
		}
		fmt.Fprintf(&b, " -> %v", op.Writes())
	}
	return b.String()
}

// String writes the tensor's name, type and dimensions, and its strides where they are not those of rows
// one after another.
func (x *Tensor) String() string {
	if x == nil {
		return "nothing"
	}
	if x.Scalar {
		return fmt.Sprintf("%s=%v", x.Name, x.Value)
	}
	s := fmt.Sprintf("%s %v%d", x.Name, x.Type, x.Dims)
	if !packed(x.Dims, x.Strides) {
		s += fmt.Sprintf(" strides %d", x.Strides)
	}
	if x.Virtual {
		s += " virtual"
	}
	return s
}

// packed tells whether strides are those of the last dimension running fastest, without gaps.
func packed(dims, strides []int64) bool {
	if len(dims) != len(strides) {
		return false
	}
	want := int64(1)
	for i := len(dims) - 1; i >= 0; i-- {
		if strides[i] != want {
			return false
		}
		want *= dims[i]
	}
	return true
}

// String names the mode.
func (m ResampleMode) String() string {
	switch m {
	case ResampleNearest:
		return "nearest"
	case ResampleAverage:
		return "average"
	}
	return "unknown"
}
