package lower

import (
	"encoding/binary"
	"math"

	"github.com/cudiffuse/cudiffuse/cuda/cudnn"
	"github.com/cudiffuse/cudiffuse/internal/half"
	"github.com/cudiffuse/cudiffuse/model"
)

// Weight is a tensor of weights as the device needs it. One may join the weights of
// several layers, and several layers may share one.
type Weight struct {
	Name   string
	Type   cudnn.DType
	Offset int64 // in the store, aligned to 256 bytes
	Bytes  int64
	parts  []part
}

// part is a piece of a weight, in order.
type part struct {
	param  model.ParamID // NoParam: zeros, or the table
	length int
	shape  model.ConvShape // a kernel, stored [out, kh, kw, in]; zero for what keeps its order
	table  []float32       // computed, not loaded
}

const weightAlign = 256

// weight adds a weight to the store.
func (c *compiler) weight(name string, t cudnn.DType, parts ...part) Ref {
	n := 0
	for _, p := range parts {
		n += p.length
	}
	p := c.program
	w := Weight{Name: name, Type: t, Offset: p.WeightBytes, Bytes: int64(n) * t.Size(), parts: parts}
	p.Weights = append(p.Weights, w)
	p.WeightBytes += (w.Bytes + weightAlign - 1) / weightAlign * weightAlign
	return Ref{Region: WeightStore, Index: len(p.Weights) - 1}
}

// plain is a weight in the order of the file.
func (c *compiler) plain(id model.ParamID) part {
	return part{param: id, length: c.g.Params[id].Len()}
}

// bias is a layer's bias, or zeros.
func (c *compiler) bias(id model.ParamID, n int) part {
	if id == model.NoParam {
		return part{param: id, length: n}
	}
	return c.plain(id)
}

// Encode writes the weight to dst, Bytes long, as the device stores it.
func (w *Weight) Encode(values *model.Weights, dst []byte) {
	for _, p := range w.parts {
		n := p.length * int(w.Type.Size())
		p.encode(values, w.Type, dst[:n])
		dst = dst[n:]
	}
}

func (p part) encode(values *model.Weights, t cudnn.DType, dst []byte) {
	if p.param != model.NoParam {
		values.Use(p.param, func(src []float32) { p.store(src, t, dst) })
		return
	}
	p.store(p.table, t, dst)
}

// store is encode for values of any origin, zeros for nil.
func (p part) store(src []float32, t cudnn.DType, dst []byte) {
	if src == nil {
		clear(dst)
		return
	}
	s := p.shape
	pixels := s.KH * s.KW
	if pixels <= 1 {
		Store(t, dst, src)
		return
	}
	row := make([]float32, pixels*s.InC) // [kh, kw, in] of an output channel
	for o := range s.OutC {
		for i := range s.InC {
			for k := range pixels {
				row[k*s.InC+i] = src[(o*s.InC+i)*pixels+k]
			}
		}
		n := len(row) * int(t.Size())
		Store(t, dst[o*n:(o+1)*n], row)
	}
}

// Restore reads what Store wrote; src is as long as dst is then.
func Restore(t cudnn.DType, dst []float32, src []byte) {
	for i := range dst {
		switch t {
		case cudnn.Float32:
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
		case cudnn.Float16:
			dst[i] = half.ToFloat32(binary.LittleEndian.Uint16(src[2*i:]))
		case cudnn.BFloat16:
			dst[i] = half.BFloat16ToFloat32(binary.LittleEndian.Uint16(src[2*i:]))
		}
	}
}

// Store writes values to dst, rounded to a type; dst is as long as they are then.
func Store(t cudnn.DType, dst []byte, src []float32) {
	for i, v := range src {
		switch t {
		case cudnn.Float32:
			binary.LittleEndian.PutUint32(dst[4*i:], math.Float32bits(v))
		case cudnn.Float16:
			binary.LittleEndian.PutUint16(dst[2*i:], half.FromFloat32(v))
		case cudnn.BFloat16:
			binary.LittleEndian.PutUint16(dst[2*i:], half.BFloat16(v))
		}
	}
}
