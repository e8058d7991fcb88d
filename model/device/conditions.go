//go:build cuda

package device

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/model/lower"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// conditions are the rows' conditions as the inputs of a graph take them.
type conditions struct {
	tokens int // of every text, DefaultTokens without any
	conds  []sampler.Cond

	perturbed []int // rows
}

// newConditions checks what kinds of conditions the rows have and how long their texts
// are, which is what a program depends on.
func newConditions(net model.Network, conds []sampler.Cond, perturbs bool) (*conditions, error) {
	c := &conditions{tokens: model.DefaultTokens, conds: conds}
	takesText, takesBeside, takesControl := false, lower.Beside(net) > 0, false
	for _, in := range net.Graph().Inputs {
		takesText = takesText || in.Kind == model.InputContext
		takesControl = takesControl || in.Kind == model.InputControl
	}
	for row, cond := range conds {
		fail := func(format string, args ...any) error {
			return &ConditionError{Row: row, Detail: fmt.Sprintf(format, args...)}
		}
		switch x := cond.(type) {
		case nil:
			if takesText || net.Classes() > 0 {
				return nil, fail("none is given")
			}
		case model.Class:
			if takesText || x < 0 || int(x) >= net.Classes() {
				return nil, fail("class %d: the network takes 0..%d", x, net.Classes()-1)
			}
		case *model.TextEmbedding:
			if !takesText || x == nil {
				return nil, fail("a text, which the network does not take")
			}
			if x.Perturbed && !perturbs {
				return nil, fail("perturbed: want the network that Perturbed makes")
			}
			if x.Perturbed {
				c.perturbed = append(c.perturbed, row)
			}
			if x.Beside != nil && !takesBeside {
				return nil, fail("channels beside the sample, which the network does not take")
			}
			if (x.Control != nil || x.ControlScale != nil) && !takesControl {
				return nil, fail("an image for a ControlNet, which the network has not")
			}
			if row > 0 && x.Tokens != c.tokens {
				return nil, fail("a text of %d tokens beside one of %d: pad them to one length", x.Tokens, c.tokens)
			}
			c.tokens = x.Tokens
		default:
			return nil, fail("%T: want a model.Class or a *model.TextEmbedding", cond)
		}
	}
	return c, nil
}

// encode returns the bytes of an input for all rows.
func (c *conditions) encode(p *lower.Program, in lower.Input) ([]byte, error) {
	size := in.RowBytes(p.Type)
	out := make([]byte, len(c.conds)*size)
	for row, cond := range c.conds {
		dst := out[row*size:][:size]
		if in.Kind == model.InputClass {
			class := uint32(classOf(cond))
			if in.Type == lower.InputFloat32 { // embedded like a time
				class = math.Float32bits(float32(classOf(cond)))
			}
			binary.LittleEndian.PutUint32(dst, class)
			continue
		}
		values, err := vectorOf(cond, in)
		if err != nil {
			return nil, &ConditionError{Row: row, Detail: err.Error()}
		}
		if values != nil {
			in.Store(p.Type, dst, values)
		}
	}
	return out, nil
}

func classOf(cond sampler.Cond) int32 {
	switch x := cond.(type) {
	case model.Class:
		return int32(x)
	case *model.TextEmbedding:
		return int32(x.Class)
	}
	return 0
}

// vectorOf is the part of a condition that an input takes; nil stands for zeros.
func vectorOf(cond sampler.Cond, in lower.Input) ([]float32, error) {
	text, ok := cond.(*model.TextEmbedding)
	if !ok {
		return nil, fmt.Errorf("%T has no %v", cond, in.Kind)
	}
	var v []float32
	name := in.Kind.String()
	switch in.Kind {
	case model.InputSample:
		v, name = text.Beside, "Beside"
	case model.InputContext:
		v = text.Data
	case model.InputPooled:
		v = text.Pooled
	case model.InputTimeIDs:
		v = text.TimeIDs
	case model.InputTimestepCond:
		v = text.TimeCond
		if in.Type == lower.InputFloat32 { // a scale, embedded as times are
			v = slices.Clone(v)
			for i := range v {
				v[i] *= model.FluxGuidanceUnit
			}
		} else if v == nil {
			return nil, nil
		}
	case model.InputControl, model.InputControlScale:
		if text.Control == nil && text.ControlScale == nil {
			return nil, nil
		}
		if v = text.Control; in.Kind == model.InputControlScale {
			v = text.ControlScale
		}
	default:
		return nil, fmt.Errorf("%v is not supported", in.Kind)
	}
	if len(v) != in.Length {
		return nil, fmt.Errorf("%s has %d elements, want %d", name, len(v), in.Length)
	}
	return v, nil
}
