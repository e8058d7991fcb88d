//go:build cuda

package device

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/cudiffuse/cudiffuse/cuda/cudnn"
	"github.com/cudiffuse/cudiffuse/gpu"
	"github.com/cudiffuse/cudiffuse/internal/emu"
	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/model/lower"
)

// TestGraphsOnTheDevice runs the operation graphs of networks, each alone and on random operands, with the plans
// that cuDNN offers first, and compares elements of the results with the formulas in float64. What lies between the
// elements of a result must stay.
//
// CUDIFFUSE_PLANS is how many plans of each graph are run, 1 if it is not set, see tried.
func TestGraphsOnTheDevice(t *testing.T) {
	names := []string{"fashion", "ddpm_cifar10", "sd15"}
	for _, name := range append(names, testNetworks(t)...) {
		net := form(t, name)
		if net.Height() == 0 {
			continue
		}
		for _, d := range []gpu.DType{gpu.Float32, gpu.Float16, gpu.BFloat16} {
			t.Run(fmt.Sprintf("%s/%v", name, d), func(t *testing.T) {
				t.Parallel()
				if _, err := emu.Counters(); err == nil && name == "sd15" {
					t.Skip("an emulated GPU needs minutes for Stable Diffusion's sizes")
				}
				prog, err := lower.Lower(net.Graph(), lower.Options{Rows: 2, Type: cudnn.DType(d),
					Size: model.Size{H: net.Height(), W: net.Width(), Tokens: 7}})
				if err != nil {
					t.Skip(err) // TestNetworks knows which
				}
				c := open(t, d, cuda.Options{})
				lib, err := cudnn.Open()
				require.NoError(t, err)
				require.NoError(t, c.Driver().Do(func() error {
					stream, err := c.Driver().NewStream()
					require.NoError(t, err)
					handle, err := lib.NewHandle(c.Driver(), stream)
					require.NoError(t, err)
					b := bench{t: t, lib: lib, dev: c.Driver(), stream: stream, handle: handle, exact: d == gpu.Float32}
					seen := map[string]bool{}
					t.Logf("cuDNN %d", lib.Version())
					for i := range prog.Steps {
						if s := &prog.Steps[i]; s.Fusion != nil && !seen[s.Fusion.Hash()] {
							seen[s.Fusion.Hash()] = true
							b.graph(s, tried)
						}
					}
					require.NoError(t, handle.Close())
					return stream.Close()
				}))
			})
		}
	}
}

// form is a network of the bundled or test ones, without weights.
func form(t *testing.T, name string) model.Network {
	t.Helper()
	for _, file := range []string{"../lower/testdata/" + name + ".json", "../testdata/" + name + "/config.json",
		"../bundled/" + name + "/unet/config.json"} {
		if config, err := os.ReadFile(file); err == nil {
			net, err := model.ParseNetwork(name, config)
			require.NoError(t, err)
			return net
		}
	}
	t.Fatal("no network ", name)
	return nil
}

// bench runs single graphs.
type bench struct {
	t      *testing.T
	lib    *cudnn.Library
	dev    *cuda.Device
	stream *cuda.Stream
	handle *cudnn.Handle
	exact  bool
}

func (b *bench) graph(s *lower.Step, limit int) {
	b.t.Helper()
	need := []cudnn.Property{cudnn.Deterministic}
	if b.exact {
		need = append(need, cudnn.FullPrecision)
	}
	plans, err := b.lib.Candidates(s.Fusion, b.handle.Target(), limit, need...)
	if err != nil {
		b.t.Error(err)
		return
	}
	for _, p := range plans {
		if err := b.plan(s, p); err != nil {
			b.t.Errorf("engine %d, %d bytes of scratch: %v\n  %v", p.Engine(), p.Workspace(), err, s.Fusion)
		}
		require.NoError(b.t, p.Close())
	}
}

// plan runs a plan and checks the result.
func (b *bench) plan(s *lower.Step, p *cudnn.Plan) error {
	random := rand.New(rand.NewPCG(1, 2))
	y := s.Fusion.Ops[len(s.Fusion.Ops)-1].Writes()
	const guard = 256 // bytes, between operands
	total := p.Workspace() + guard
	sizes, memory, at := lower.Extents(s.Fusion), map[int64][]byte{}, map[int64]uint64{}
	for _, o := range s.Operands {
		total += (sizes[o.ID]+2*guard-1)/guard*guard + guard
	}
	buffer, err := b.dev.Alloc(total)
	if err != nil {
		return err
	}
	defer func() { require.NoError(b.t, buffer.Free()) }()
	next := int64(guard)
	for _, op := range s.Fusion.Ops {
		for _, x := range append(op.Reads(), op.Writes()) {
			if x.Virtual || x.Scalar || at[x.ID] != 0 {
				continue
			}
			bytes := make([]byte, sizes[x.ID])
			if x == y {
				for i := range bytes {
					bytes[i] = 0xff // NaN
				}
			} else {
				fill(bytes, x, op, random)
			}
			memory[x.ID], at[x.ID] = bytes, buffer.Ptr()+uint64(next)
			if err := b.dev.Write(buffer, next, bytes); err != nil {
				return err
			}
			next += (sizes[x.ID] + 2*guard - 1) / guard * guard
		}
	}
	exec, err := p.BindAs(s.Fusion, at, buffer.Ptr()+uint64(next))
	if err != nil {
		return err
	}
	defer exec.Close()
	if err := exec.Run(b.handle); err != nil {
		return err
	}
	if err := b.stream.Sync(context.Background()); err != nil {
		return err
	}
	got := make([]byte, sizes[y.ID])
	if err := b.dev.Read(got, buffer, int64(at[y.ID]-buffer.Ptr())); err != nil {
		return err
	}
	return check(s.Fusion, y, memory, got, random)
}

// fill makes random operands: standard normals, weights scaled so that results are about 1.
func fill(bytes []byte, x *cudnn.Tensor, op cudnn.Op, random *rand.Rand) {
	scale := 1.0
	switch o := op.(type) {
	case cudnn.Conv:
		if x == o.W {
			scale = 1 / math.Sqrt(float64(x.Dims[1]*x.Dims[2]*x.Dims[3]))
		}
	case cudnn.Matmul:
		if x == o.B {
			scale = 1 / math.Sqrt(float64(x.Dims[1]))
		}
	}
	values := make([]float32, int64(len(bytes))/x.Type.Size())
	for i := range values {
		values[i] = float32(scale * random.NormFloat64())
	}
	lower.Store(x.Type, bytes, values)
}

// check compares elements with the reference and sees that all are written, and nothing between them.
func check(g *cudnn.Graph, y *cudnn.Tensor, memory map[int64][]byte, got []byte, random *rand.Rand) error {
	n := int64(1)
	for _, d := range y.Dims {
		n *= d
	}
	index := func(i int64) []int64 {
		at := make([]int64, len(y.Dims))
		for k := len(at) - 1; k >= 0; k-- {
			at[k] = i % y.Dims[k]
			i /= y.Dims[k]
		}
		return at
	}
	written := make([]bool, int64(len(got))/y.Type.Size())
	missing, touched := 0, 0
	for i := range n {
		p := position(y, index(i))
		written[p] = true
		if math.IsNaN(decode(got, y.Type, p)) {
			missing++
		}
	}
	for i, w := range written {
		if !w && !math.IsNaN(decode(got, y.Type, int64(i))) {
			touched++
		}
	}
	if missing+touched > 0 {
		return fmt.Errorf("%d of %d elements are not numbers, %d between them were written", missing, n, touched)
	}
	r := newReference(g, memory)
	tolerance := map[cudnn.DType]float64{cudnn.Float32: 2e-5, cudnn.Float16: 4e-3, cudnn.BFloat16: 3e-2}[y.Type]
	const samples = 64
	wrong, first := 0, ""
	for k := range int64(samples) {
		i := random.Int64N(n)
		if k < 2 {
			i = k * (n - 1)
		}
		at := index(i)
		want, v := r.element(y, at...), decode(got, y.Type, position(y, at))
		if d := math.Abs(want - v); !(d <= tolerance*max(1, math.Abs(want))) {
			if wrong++; wrong == 1 {
				first = fmt.Sprintf("%d is %g, not %g", at, v, want)
			}
		}
	}
	if wrong > 0 {
		return fmt.Errorf("%d of %d elements are wrong: %s", wrong, samples, first)
	}
	return nil
}
