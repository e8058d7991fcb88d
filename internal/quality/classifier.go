package quality

import (
	"embed"
	"errors"
	"fmt"
	"math"

	"github.com/cudiffuse/cudiffuse/internal/gemm"
	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/cudiffuse/cudiffuse/model/safetensors"
)

const (
	// Side is the height and width of an image.
	Side = 28
	// Features is the length of a feature vector.
	Features = 64
	// Classes is the number of classes.
	Classes = 10
)

const (
	pixels = Side * Side
	// batch bounds the activations that are alive at a time, to 6 MB.
	batch = 64
)

// ErrInput is an argument that cannot be measured: a wrong length, too few images, or a value
// that is not a number.
var ErrInput = errors.New("quality: invalid input")

//go:embed data/classifier.safetensors data/reference.safetensors
var data embed.FS

// layer is a convolution and the size of its input.
type layer struct {
	conv        *gemm.Conv
	outC, h, ho int // output channels; input and output height and width
}

// Classifier is the network that turns images into features and logits. It is immutable and may
// be used by many goroutines.
type Classifier struct {
	convs          [3]layer
	hidden, output *gemm.Linear
}

// convShapes are the convolutions, each followed by a rectifier: 28 -> 14 -> 14 -> 7 pixels.
var convShapes = [3]gemm.ConvShape{
	{OutC: 32, InC: 1, KH: 5, KW: 5, Stride: 2, PadT: 2, PadL: 2, PadB: 2, PadR: 2},
	{OutC: 64, InC: 32, KH: 3, KW: 3, Stride: 1, PadT: 1, PadL: 1, PadB: 1, PadR: 1},
	{OutC: 96, InC: 64, KH: 3, KW: 3, Stride: 2, PadT: 1, PadL: 1, PadB: 1, PadR: 1},
}

// flat is the length of the last convolution's output, [96, 7, 7].
const flat = 96 * 7 * 7

// Open unpacks the embedded classifier. An error means that the program was built with damaged
// data.
func Open() (*Classifier, error) {
	file, err := safetensors.OpenFS(data, "data/classifier.safetensors")
	if err != nil {
		return nil, fmt.Errorf("quality: %w", err)
	}
	defer file.Close()
	c, err := load(file)
	if err != nil {
		return nil, fmt.Errorf("quality: %w", err)
	}
	return c, nil
}

// load reads the weights under the names that the training script gave them.
func load(file *safetensors.File) (*Classifier, error) {
	set, err := safetensors.SetOf(file)
	if err != nil {
		return nil, err
	}
	c := new(Classifier)
	side := Side
	for i, shape := range convShapes {
		name := fmt.Sprintf("conv%d", i+1)
		w, errW := set.Want(name+".weight", shape.OutC, shape.InC, shape.KH, shape.KW)
		b, errB := set.Want(name+".bias", shape.OutC)
		conv, errC := gemm.NewConv(shape, w, b)
		if err := errors.Join(errW, errB, errC); err != nil {
			return nil, err
		}
		out, _ := conv.OutSize(side, side)
		c.convs[i] = layer{conv: conv, outC: shape.OutC, h: side, ho: out}
		side = out
	}
	if c.hidden, err = linear(set, "hidden", Features, flat); err != nil {
		return nil, err
	}
	c.output, err = linear(set, "output", Classes, Features)
	return c, err
}

// linear reads a fully connected layer.
func linear(set *safetensors.Set, name string, outF, inF int) (*gemm.Linear, error) {
	w, errW := set.Want(name+".weight", outF, inF)
	b, errB := set.Want(name+".bias", outF)
	if err := errors.Join(errW, errB); err != nil {
		return nil, err
	}
	return gemm.NewLinear(outF, inF, w, b)
}

// Evaluate looks at n images, [n, 1, 28, 28], and returns their features, [n, 64], and logits,
// [n, 10]. Images are in [-1, 1], -1 being black; what is beyond is clamped, as it would be when
// the image is stored. A nil pool computes on the caller's thread. The results of an image do not
// depend on the others. The error is ErrInput when images is shorter than n images or holds a NaN.
func (c *Classifier) Evaluate(
	pool *workers.Pool, images []float32, n int,
) (features, logits []float32, err error) {
	if n < 0 || n > len(images)/pixels {
		return nil, nil, fmt.Errorf("%w: %d values for %d images of %d", ErrInput,
			len(images), n, pixels)
	}
	for i, v := range images[:n*pixels] {
		if v != v {
			return nil, nil, fmt.Errorf("%w: image %d holds a NaN", ErrInput, i/pixels)
		}
	}
	features = make([]float32, n*Features)
	logits = make([]float32, n*Classes)
	buf := c.newBuffers(min(n, batch))
	for at := 0; at < n; at += batch {
		m := min(batch, n-at)
		c.evaluate(pool, buf, images[at*pixels:][:m*pixels],
			features[at*Features:][:m*Features], logits[at*Classes:][:m*Classes], m)
	}
	return features, logits, nil
}

// buffers are the activations before and after a layer, and the scratch of the layers.
type buffers struct{ src, dst, scratch []float32 }

// newBuffers makes buffers for up to m images.
func (c *Classifier) newBuffers(m int) *buffers {
	scratch := max(c.hidden.Scratch(m), c.output.Scratch(m))
	size := m * pixels
	for _, l := range c.convs {
		scratch = max(scratch, l.conv.Scratch(m, l.h, l.h))
		size = max(size, m*l.outC*l.ho*l.ho)
	}
	return &buffers{
		src:     make([]float32, size),
		dst:     make([]float32, size),
		scratch: make([]float32, scratch),
	}
}

// evaluate runs one batch of m images.
func (c *Classifier) evaluate(
	pool *workers.Pool, buf *buffers, images, features, logits []float32, m int,
) {
	src, dst := buf.src, buf.dst
	for i, v := range images {
		src[i] = min(max(v, -1), 1)
	}
	for _, l := range c.convs {
		l.conv.Run(pool, dst, src, m, l.h, l.h, buf.scratch)
		rectify(dst[:m*l.outC*l.ho*l.ho])
		src, dst = dst, src
	}
	c.hidden.Run(pool, features, src, m, buf.scratch)
	rectify(features)
	c.output.Run(pool, logits, features, m, buf.scratch)
}

// rectify is x = max(x, 0), in place.
func rectify(x []float32) {
	for i, v := range x {
		if v < 0 {
			x[i] = 0
		}
	}
}

// finite tells whether all values are.
func finite(values []float64) bool {
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}
