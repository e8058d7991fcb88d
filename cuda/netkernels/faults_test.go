//go:build cuda

package netkernels

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/stretchr/testify/require"
)

// doctored is an operation whose first launch has one wrong argument, `to` in place of `from`.
type doctored struct {
	Op
	arg      int
	from, to uint64
}

func (o doctored) Launches() []Launch {
	l := o.Op.Launches()
	if l[0].Args[o.arg] != o.from {
		panic(fmt.Sprintf("argument %d is %#x, not %#x", o.arg, l[0].Args[o.arg], o.from))
	}
	l[0].Args[o.arg] = o.to
	return l
}

// witness is a test that may fail.
type witness struct {
	testing.TB
	report string
}

func (w *witness) Helper()                        {}
func (w *witness) Errorf(format string, a ...any) { w.report += fmt.Sprintf(format, a...) }
func (w *witness) FailNow()                       { runtime.Goexit() }

// caught is what a check reports, "" if it passes.
func (r *rig) caught(check func(r *rig)) string {
	w := &witness{TB: r.t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		check(r.with(w))
	}()
	<-done
	return w.report
}

// TestFaults plants a fault in an argument of every kind of launch; the comparison must see each, and pass without it.
func TestFaults(t *testing.T) {
	r := newRig(t)
	const rows, channels, images = 24, 16, 2
	values, small := noise(Float32, 1, rows*channels, 0.5, 1), noise(Float32, 2, rows*channels, 0, 1e-3)
	g, b := noise(Float32, 3, channels, 1, 0.2), noise(Float32, 4, channels, 0, 0.2)
	gamma, beta := r.params(g), r.params(b)
	xf, sf := r.input(Float32, channels, place{}, values), r.input(Float32, channels, place{}, small)

	const eps = 1e-5
	norm := func(x *field, groups int) Op {
		return GroupNorm{Images: images, Pixels: rows / images, Channels: channels, Groups: groups, Eps: eps, X: x.Tensor,
			Gamma: gamma.At, Beta: beta.At}
	}
	shape := normShape{images: images, pixels: rows / images, channels: channels, groups: 2}
	normed, size := groupNormReference(values, shape, eps, g, b, nil, nil)
	smallNormed, smallSize := groupNormReference(small, shape, eps, g, b, nil, nil)
	rowed := norm(xf, 2).(GroupNorm)
	rowed.Row = sf.Tensor
	rowedWant, rowedSize := groupNormReference(values, shape, eps, g, b, nil, small)
	shape = normShape{images: rows, pixels: 1, channels: channels, groups: 1}
	layered, layerSize := groupNormReference(small, shape, eps, g, b, nil, nil)

	heads := attentionShape{images: 2, heads: 2, queries: 12, keys: 12, dim: 8}
	attended, attendedSize := attentionReference(heads, wide(values), wide(values), wide(small), 0.5)
	attention := Attention{Images: 2, Heads: 2, Queries: 12, Keys: 12, Dim: 8, Scale: 0.5, Q: xf.Tensor, K: xf.Tensor, V: sf.Tensor}

	resize := Resize{Mode: DownMean, Images: images, H: 4, W: 3, OH: 2, OW: 1, Channels: channels, X: xf.Tensor}
	add := Pointwise{Op: AddRow, Rows: rows, RowsPerImage: 12, Channels: channels, X: xf.Tensor, B: sf.Tensor}
	added := wide(values)
	for i := range added {
		added[i] += float64(small[i/channels/12*channels+i%channels])
	}
	ada := AdaLayerNorm{Rows: rows, RowsPerImage: 12, Channels: channels, Eps: eps, X: sf.Tensor, Scale: xf.Tensor, Shift: xf.from(2)}
	adaWant, adaSize := adaReference(small, values, values[2*channels:], rows, 12, channels, eps)
	headed := HeadNorm{Images: images, Tokens: 12, Heads: 2, Dim: 8, XTokens: 12, YTokens: 12, Still: 3, Norm: true, Turn: true,
		Eps: eps, X: xf.Tensor, Gamma: gamma.At, Angles: xf.At}
	headWant, headSize := headReference(headShape{tokens: 12, heads: 2, dim: 8, still: 3, norm: true, turn: true}, wide(values),
		wide(g), wide(values), eps)
	headScale := func(i int) float64 { return 4 * headSize[i] } // angles up to 4
	packed := Shuffle{Back: true, Images: images, H: 1, W: 3, Side: 2, Channels: channels / 4, X: xf.Tensor}
	gate := Pointwise{Op: Gate, Rows: rows, RowsPerImage: 12, Channels: channels, X: xf.Tensor, B: xf.Tensor, G: sf.Tensor}
	gated := wide(values)
	for i := range gated {
		gated[i] += float64(small[i/channels/12*channels+i%channels]) * gated[i]
	}
	layer := LayerNorm{Rows: rows, Channels: channels, Eps: eps, X: sf.Tensor, Gamma: gamma.At, Beta: beta.At}

	of := func(scale []float64) func(int) float64 { return func(i int) float64 { return scale[i] } }
	for _, c := range []struct {
		fault        string
		right, wrong Op
		want         []float64
		scale        func(int) float64
	}{
		{"GroupNorm: half a group", norm(xf, 2), norm(xf, 4), normed, of(size)},
		{"GroupNorm: no eps", norm(sf, 2), doctored{norm(sf, 2), 14, cuda.F32(eps), 0}, smallNormed, of(smallSize)},
		{"GroupNorm: one pixel less", norm(xf, 2), doctored{norm(xf, 2), 10, 12, 11}, normed, of(size)},
		{"GroupNorm: an activation", norm(xf, 2), doctored{norm(xf, 2), 15, 0, i32(int(ReLU))}, normed, of(size)},
		{"GroupNorm: no shift", norm(xf, 2), doctored{norm(xf, 2), 3, beta.At, gamma.At}, normed, of(size)},
		{"GroupNorm: the first image's row", rowed, doctored{rowed, 9, channels, 0}, rowedWant, of(rowedSize)},
		{"LayerNorm: no eps", layer, doctored{layer, 8, cuda.F32(eps), 0}, layered, of(layerSize)},
		{"AdaLayerNorm: the first image's scale", ada, doctored{ada, 6, channels, 0}, adaWant, of(adaSize)},
		{"AdaLayerNorm: no eps", ada, doctored{ada, 10, cuda.F32(eps), 0}, adaWant, of(adaSize)},
		{"HeadNorm: a token less that stays", headed, doctored{headed, 10, 3, 2}, headWant, headScale},
		{"HeadNorm: no turn", headed, doctored{headed, 14, 3, 1}, headWant, headScale},
		{"HeadNorm: the second head's norm", headed, doctored{headed, 11, 2, 1}, headWant, headScale},
		{"Shuffle: the other order of channels", packed, doctored{packed, 9, 0, 1}, shuffleReference(packed, wide(values)[:6*channels]), flat(1)},
		{"Pointwise: another image's gate", gate, doctored{gate, 8, 12, 24}, gated, flat(1)},
		{"Attention: stride of the keys", attention, doctored{attention, 5, channels, channels / 2}, attended, of(attendedSize)},
		{"Attention: a shorter head", attention, doctored{attention, 10, 8, 7}, attended, of(attendedSize)},
		{"Attention: a key less", attention, doctored{attention, 9, 12, 11}, attended, of(attendedSize)},
		{"Attention: another scale", attention, doctored{attention, 11, cuda.F32(0.5), cuda.F32(0.5001)}, attended, of(attendedSize)},
		{"Resize: a filter in place of the mean", resize, doctored{resize, 10, i32(int(DownMean)), i32(int(DownFIR))},
			resizeReference(resize, wide(values)), flat(1)},
		{"Pointwise: rows of an image", add, doctored{add, 8, 12, 24}, added, flat(1)},
	} {
		n := len(c.want) / channels
		check := func(op func(to Tensor) Op) func(*rig) {
			return func(r *rig) {
				y := r.output(Float32, n, channels, place{})
				defer r.free(y)
				r.run(op(y.Tensor))
				near(r.t, Float32, c.want, c.scale, r.read(y), "")
			}
		}
		require.Empty(t, r.caught(check(func(y Tensor) Op { return into(c.right, y) })), c.fault)
		require.Contains(t, r.caught(check(func(y Tensor) Op { return into(c.wrong, y) })), "and a rounding", c.fault)
	}
	r.free(gamma, beta, xf, sf)
}

// into is the operation with a place for its result.
func into(op Op, y Tensor) Op {
	switch o := op.(type) {
	case doctored:
		o.Op = into(o.Op, y)
		return o
	case GroupNorm:
		o.Y = y
		return o
	case LayerNorm:
		o.Y = y
		return o
	case AdaLayerNorm:
		o.Y = y
		return o
	case HeadNorm:
		o.Y = y
		return o
	case Shuffle:
		o.Y = Tensor{y.At, o.Channels}
		return o
	case Attention:
		o.O = y
		return o
	case Resize:
		o.Y = y
		return o
	case Pointwise:
		o.Y = y
		return o
	}
	return op
}

// TestGuards: what is written behind the last row, between rows, and into an input is seen.
func TestGuards(t *testing.T) {
	r := newRig(t)
	values := noise(Float32, 1, 40, 0, 1)
	x := r.input(Float32, 8, place{}, values)
	for name, write := range map[string]func(y Tensor) Op{
		"a row more":     func(y Tensor) Op { return Pointwise{Rows: 5, RowsPerImage: 5, Channels: 8, X: x.Tensor, Y: y} },
		"a channel more": func(y Tensor) Op { return Pointwise{Rows: 4, RowsPerImage: 4, Channels: 5, X: x.Tensor, Y: y} },
		"a row before": func(y Tensor) Op {
			return Pointwise{Rows: 4, RowsPerImage: 4, Channels: 4, X: x.Tensor, Y: Tensor{y.At - 48, 12}}
		},
		"a channel before": func(y Tensor) Op {
			return Pointwise{Rows: 4, RowsPerImage: 4, Channels: 4, X: x.Tensor, Y: Tensor{y.At - 4, 12}}
		},
	} {
		y := r.output(Float32, 4, 4, place{3, 5})
		require.Contains(t, r.caught(func(r *rig) {
			r.run(write(y.Tensor))
			r.read(y)
		}), "written outside", name)
		r.free(y)
	}
	require.NotEmpty(t, r.caught(func(r *rig) {
		r.run(Pointwise{Op: Affine, Rows: 5, RowsPerImage: 5, Channels: 8, X: x.Tensor, Y: x.Tensor, Mul: 2})
		r.unchanged(x)
	}))
	r.free(x)
}
