package works

import (
	"fmt"

	"github.com/cudiffuse/cudiffuse/internal/gemm"
	"github.com/cudiffuse/cudiffuse/internal/workers"
)

const (
	whyWinograd = "The transforms, whose arithmetic is not counted, take an eighth of the time for 320 channels and about a" +
		" third for 64."
	whyDirect = "Gathering the pixels of the tiles takes a fifth of the time for 64 channels and little for 320; the rest" +
		" is the micro-kernel, part of whose tiles is not full."
	whyPixels = "Gathering the pixels of the tiles takes an eighth of the time, and short sums pay for the start and the" +
		" end of their tiles."
	whyStride = "Parting the rows into phases, in Go, takes a third of the time for 64 channels and a tenth for 320;" +
		" gathering adds to it."
	whyInputs = "A sum has nine products: the start and the end of a tile cost more than they do."
	whyOutput = "With one channel of output every product needs a load of its own, and the copy into the padded image" +
		" takes a third of the time; AVX2 fills one row of its tiles' six."
)

// convolution is a square kernel, padded so that stride 1 keeps the size.
type convolution struct {
	name                     string
	out, in, k, stride, n, s int // n images of s x s
	direct                   bool
	counted                  int
	why                      string
}

// convolutions are those of U-Nets: of the bundled model, and of a latent of 64x64.
func convolutions() []Work {
	cases := []convolution{
		{"convolution 3x3, Winograd", 64, 64, 3, 1, 1, 28, false, 1, whyWinograd},
		{"convolution 3x3, Winograd", 64, 64, 3, 1, 20, 28, false, 0, whyWinograd},
		{"convolution 3x3, Winograd", 320, 320, 3, 1, 1, 64, false, 0, whyWinograd},
		{"convolution 3x3, direct", 64, 64, 3, 1, 1, 28, true, 1, whyDirect},
		{"convolution 3x3, direct", 320, 320, 3, 1, 1, 64, true, 0, whyDirect},
		{"convolution 1x1", 128, 128, 1, 1, 1, 28, false, 2, whyPixels},
		{"convolution 1x1", 320, 320, 1, 1, 1, 64, false, 0, whyPixels},
		{"convolution 3x3, stride 2", 64, 64, 3, 2, 1, 28, false, 2, whyStride},
		{"convolution 3x3, stride 2", 320, 320, 3, 2, 1, 64, false, 0, whyStride},
		{"convolution 3x3, few inputs", 64, 1, 3, 1, 1, 28, false, 10, whyInputs},
		{"convolution 3x3, few outputs", 1, 64, 3, 1, 1, 28, false, 2, whyOutput},
	}
	var all []Work
	for _, c := range cases {
		all = append(all, c.work())
	}
	return all
}

func (c convolution) work() Work {
	oh := (c.s-1)/c.stride + 1
	w := Work{
		Name: c.name, Size: fmt.Sprintf("%dx%d, %dx%dx%d", c.out, c.in, c.n, c.s, c.s), Why: c.why, Counted: c.counted,
		Bytes: 4 * int64(c.n*c.in*c.s*c.s+c.out*c.in*c.k*c.k+c.n*c.out*oh*oh),
		Open:  c.open,
	}
	conv := c.shape()
	w.FLOPs, w.Direct = conv.MethodFLOPs(c.n, c.s, c.s), conv.FLOPs(c.n, c.s, c.s)
	if c.direct || w.FLOPs == w.Direct {
		w.FLOPs, w.Direct = w.Direct, 0
	}
	return w
}

func (c convolution) shape() gemm.ConvShape {
	p := c.k / 2
	return gemm.ConvShape{OutC: c.out, InC: c.in, KH: c.k, KW: c.k, Stride: c.stride, PadT: p, PadL: p, PadB: p, PadR: p}
}

func (c convolution) open(threads int) (*Run, error) {
	conv, err := gemm.NewConv(c.shape(), values(c.out*c.in*c.k*c.k), values(c.out))
	if err != nil {
		return nil, err
	}
	if c.direct {
		conv = conv.Direct()
	}
	p := workers.New(threads)
	oh, ow := conv.OutSize(c.s, c.s)
	src, dst := values(c.n*c.in*c.s*c.s), make([]float32, c.n*c.out*oh*ow)
	scratch := make([]float32, conv.Scratch(c.n, c.s, c.s))
	return &Run{Close: p.Close, Do: func() error {
		conv.Run(p, dst, src, c.n, c.s, c.s, scratch)
		return nil
	}}, nil
}
