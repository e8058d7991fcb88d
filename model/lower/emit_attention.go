package lower

import (
	"math"

	"github.com/cudiffuse/cudiffuse/cuda/cudnn"
	"github.com/cudiffuse/cudiffuse/cuda/netkernels"
	"github.com/cudiffuse/cudiffuse/model"
)

// maxHeadDim is the longest head that cuDNN's attention takes.
const maxHeadDim = 512

// emitAttention makes the step of an attention. In 16-bit types it is one operation of
// cuDNN, which has none in float32; there a kernel of our own does it, and where it is
// causal, since for that cuDNN wants its newest versions and graphs of another form.
func (c *compiler) emitAttention(o model.Attention, layer int) error {
	q, k, v, y := c.read(o.Q), c.read(o.K), c.read(o.V), c.write(o.Y)
	dim := q.shape.C / o.Heads
	tokens, keys := q.shape.H*q.shape.W, k.shape.H*k.shape.W
	scale := float32(1 / math.Sqrt(float64(dim)))
	flops := 4 * int64(c.Rows) * int64(tokens) * int64(keys) * int64(q.shape.C)
	if dim > maxHeadDim {
		return errorf(o.Kind(), o.Name, "heads of %d: at most %d are supported", dim, maxHeadDim)
	}
	if o.Causal && c.Type != cudnn.Float32 && dim > netkernels.MaxHeadDim16 {
		return errorf(o.Kind(), o.Name, "causal heads of %d channels in %v: at most %d are supported; float32 takes %d",
			dim, c.Type, netkernels.MaxHeadDim16, maxHeadDim)
	}
	if c.Type == cudnn.Float32 || o.Causal {
		return c.attentionKernel(o, q, k, v, y, scale, flops, layer)
	}
	if dim%8 != 0 {
		return errorf(o.Kind(), o.Name, "heads of %d channels in %v: cuDNN takes multiples of 8; float32 takes any",
			dim, c.Type)
	}
	f := c.newFusion()
	heads := func(name string, v view) *cudnn.Tensor {
		n, t, s, d := int64(c.Rows), int64(v.shape.H*v.shape.W), int64(v.stride), int64(dim)
		return f.stored(name, c.ref(v), c.Type, []int64{n, int64(o.Heads), t, d}, []int64{t * s, d, s, 1})
	}
	f.ops = append(f.ops, cudnn.SDPA{Q: heads("q", q), K: heads("k", k), V: heads("v", v), O: heads("o", y),
		Scale: f.scalar("scale", scale, 4)})
	f.read(c.ref(q), c.ref(k), c.ref(v))
	f.write(c.ref(y))
	f.step(o.Name, flops, layer)
	return nil
}
