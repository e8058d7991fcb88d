package lower

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/cuda/cudnn"
	"github.com/cudiffuse/cudiffuse/model"
)

// network is one of the networks that everything is proven at.
type network struct {
	name string
	g    *model.Graph
	size model.Size
	rows int
}

func networks(t *testing.T) []network {
	t.Helper()
	u := openBundled(t)
	all := []network{{"fashion", u.Graph(), model.Size{H: u.Height(), W: u.Width(), Tokens: 77}, 4}}
	for _, name := range []string{"ddpm_cifar10", "sd15", "dit_xl_2", "pixart_xl_2"} {
		b, err := os.ReadFile("testdata/" + name + ".json")
		require.NoError(t, err)
		n, err := model.ParseNetwork(name, b)
		require.NoError(t, err)
		all = append(all, network{name, n.Graph(), model.Size{H: n.Height(), W: n.Width(), Tokens: 77}, 2})
	}
	for _, name := range []string{"sd35_medium", "flux_dev"} {
		n := published(t, name, "transformer/config.json")
		all = append(all, network{name, n.Graph(), model.Size{H: 16, W: 16, Tokens: 77}, 2})
	}
	return all
}

// full is a network at the size and with the texts it was made for.
func (n network) full() network {
	if tokens := map[string]int{"sd35_medium": 333, "flux_dev": 512}[n.name]; tokens > 0 {
		n.size = model.Size{H: 128, W: 128, Tokens: tokens}
	}
	return n
}

var types = []cudnn.DType{cudnn.Float32, cudnn.Float16, cudnn.BFloat16}

func (n network) lower(t *testing.T, ty cudnn.DType) *Program {
	t.Helper()
	p, err := Lower(n.g, Options{Rows: n.rows, Size: n.size, Type: ty})
	require.NoError(t, err)
	return p
}

// TestGraphsAreValid checks every operation graph as the library would.
func TestGraphsAreValid(t *testing.T) {
	for _, n := range networks(t) {
		for _, ty := range types {
			p := n.lower(t, ty)
			for i, s := range p.Steps {
				if s.Fusion == nil {
					continue
				}
				require.NoError(t, s.Fusion.Validate(), "%s %v step %d %s", n.name, ty, i, s.Name)
				require.Len(t, s.Operands, len(Extents(s.Fusion)))
			}
		}
	}
}

// TestEveryOperationIsDoneOnce: fused, merged or alone, each operation of the network belongs to exactly
// one step; those that move nothing to none.
func TestEveryOperationIsDoneOnce(t *testing.T) {
	for _, n := range networks(t) {
		p := n.lower(t, cudnn.Float16)
		done := make([]int, len(n.g.Ops))
		for _, s := range p.Steps {
			for _, l := range s.layers {
				done[l]++
			}
		}
		for i, op := range n.g.Ops {
			switch op.(type) {
			case model.Concat, model.SwapAxes:
				assert.Zero(t, done[i], "%s: %s moves nothing", n.name, op.Label())
			default:
				assert.Equal(t, 1, done[i], "%s: %s %s", n.name, op.Kind(), op.Label())
			}
		}
	}
}

// TestMemoryHoldsWhatIsRead runs a program on names: a step must find in every byte it reads what the
// step that wrote the buffer left there, also in the second run of the loop.
func TestMemoryHoldsWhatIsRead(t *testing.T) {
	for _, n := range networks(t) {
		for _, ty := range types {
			p := n.lower(t, ty)
			require.Empty(t, overwritten(p), "%s %v", n.name, ty)
		}
	}
}

// overwritten returns the steps that read a buffer of which another took a part since it was written.
func overwritten(p *Program) []string {
	owner := make([]int, p.Arena/256) // the buffer that wrote each piece last
	for i := range owner {
		owner[i] = -1
	}
	own := func(b int) {
		buf := p.Buffers[b]
		for k := buf.Offset / 256; k < (buf.Offset+buf.Bytes)/256; k++ {
			owner[k] = b
		}
	}
	for _, in := range p.Inputs {
		own(in.Buffer)
	}
	for _, t := range p.Tables {
		own(t.Buffer)
	}
	var bad []string
	run := func(steps []Step) {
		for _, s := range steps {
			for _, r := range s.reads {
				if r.Region != Arena {
					continue
				}
				buf := p.Buffers[r.Index]
				for k := buf.Offset / 256; k < (buf.Offset+buf.Bytes)/256; k++ {
					if owner[k] != r.Index {
						bad = append(bad, s.Name+" reads "+buf.Name)
						break
					}
				}
			}
			for _, w := range s.writes {
				if w.Region == Arena {
					own(w.Index)
				}
			}
		}
	}
	run(p.Steps)
	run(p.Steps[p.Prologue:])
	return bad
}

// TestOverwrittenSeesFaults plants one: two buffers that are in use together share memory.
func TestOverwrittenSeesFaults(t *testing.T) {
	p := networks(t)[0].lower(t, cudnn.Float16)
	for i, a := range p.Buffers {
		for j := range p.Buffers[:i] {
			b := &p.Buffers[j]
			if a.First < b.Last && b.First < a.Last {
				b.Offset = a.Offset
				require.NotEmpty(t, overwritten(p))
				return
			}
		}
	}
	t.Fatal("no two buffers are in use together")
}

// TestMemoryGrowsWithRows: memory grows with the rows, weights do not.
func TestMemoryGrowsWithRows(t *testing.T) {
	n := networks(t)[0]
	one, err := Lower(n.g, Options{Rows: 1, Size: n.size, Type: cudnn.Float16})
	require.NoError(t, err)
	eight, err := Lower(n.g, Options{Rows: 8, Size: n.size, Type: cudnn.Float16})
	require.NoError(t, err)
	assert.Less(t, one.Arena*6, eight.Arena)
	assert.LessOrEqual(t, eight.Arena, one.Arena*9)
	assert.Equal(t, one.WeightBytes, eight.WeightBytes)
	require.Len(t, eight.Weights, len(one.Weights))
	for i := range one.Weights {
		assert.Equal(t, one.Weights[i].Name, eight.Weights[i].Name)
		assert.Equal(t, one.Weights[i].Offset, eight.Weights[i].Offset)
	}
}

// TestArena checks the peak against the arithmetic: the widest moment of the bundled network is the last
// level of the up path, at 28x28, and nothing can be below the largest set of buffers in use at once.
func TestArena(t *testing.T) {
	for _, n := range networks(t) {
		p := n.lower(t, cudnn.Float16)
		var most int64
		for step := range p.Steps {
			var live int64
			for _, b := range p.Buffers {
				if b.First <= step && step <= b.Last {
					live += b.Bytes
				}
			}
			most = max(most, live)
		}
		assert.GreaterOrEqual(t, p.Arena, most, n.name)
		assert.LessOrEqual(t, float64(p.Arena), 1.1*float64(most), "%s: %d bytes for %d in use", n.name, p.Arena, most)
	}
}

func TestRefusals(t *testing.T) {
	n := networks(t)[0]
	_, err := Lower(nil, Options{Rows: 1, Size: n.size})
	require.Error(t, err)
	for _, rows := range []int{0, -1, 1 << 20} {
		_, err := Lower(n.g, Options{Rows: rows, Size: n.size})
		var e *Error
		require.ErrorAs(t, err, &e)
		assert.Contains(t, err.Error(), "rows")
	}
	_, err = Lower(n.g, Options{Rows: 1, Size: model.Size{H: 27, W: 28}})
	var shape *model.ShapeError
	require.ErrorAs(t, err, &shape)
}

// TestHeadsThatCuDNNDoesNotTake: in 16 bits a head has a multiple of 8 channels.
func TestHeadsThatCuDNNDoesNotTake(t *testing.T) {
	g := &model.Graph{Tensors: []model.Tensor{{Name: "x"}, {Name: "y"}}, Outputs: []model.TensorID{1},
		Inputs: []model.Input{{Kind: model.InputSample, Tensor: 0, Channels: 12}},
		Ops:    []model.Op{model.Attention{Base: model.Base{Name: "attn", Y: 1}, Q: 0, K: 0, V: 0, Heads: 3}}}
	o := Options{Rows: 1, Size: model.Size{H: 3, W: 3}, Type: cudnn.Float16}
	_, err := Lower(g, o)
	var e *Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, "attn", e.Layer)
	assert.Contains(t, err.Error(), "heads of 4 channels")
	o.Type = cudnn.Float32
	_, err = Lower(g, o)
	require.NoError(t, err)
}

// TestVariance: the channels behind the sample's are one step more, which reads where the result ends; where there are
// none a program that is to write them is refused.
func TestVariance(t *testing.T) {
	g := &model.Graph{Tensors: []model.Tensor{{Name: "x"}, {Name: "y"}}, Outputs: []model.TensorID{1},
		Inputs: []model.Input{{Kind: model.InputSample, Tensor: 0, Channels: 6}},
		Ops:    []model.Op{model.Act{Base: model.Base{Name: "act", Y: 1}, X: 0, Fn: model.SiLU}}}
	o := Options{Rows: 2, Size: model.Size{H: 3, W: 3}, Type: cudnn.Float16, Channels: 3}
	without, err := Lower(g, o)
	require.NoError(t, err)
	o.Variance = true
	with, err := Lower(g, o)
	require.NoError(t, err)
	require.Len(t, with.Steps, len(without.Steps)+1)
	require.Equal(t, without.ResultBytes, with.ResultBytes)
	result, variance := with.Steps[len(with.Steps)-2], with.Steps[len(with.Steps)-1]
	require.Equal(t, []Ref{{Region: Variance}}, variance.writes)
	require.Equal(t, result.reads[0].Index, variance.reads[0].Index)
	require.EqualValues(t, 3*2, variance.reads[0].Offset-result.reads[0].Offset, "three elements of 16 bits")
	for _, channels := range []int{0, 6} {
		o.Channels = channels
		_, err := Lower(g, o)
		var e *Error
		require.ErrorAs(t, err, &e)
		require.ErrorContains(t, err, "no variance")
	}
}
