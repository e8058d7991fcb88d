package lower

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/cuda/cudnn"
	"github.com/cudiffuse/cudiffuse/model"
)

// parts are autoencoders and text encoders of published models, at the sizes they were made for.
func parts(t *testing.T) []network {
	t.Helper()
	var all []network
	for _, m := range []struct {
		name  string
		side  int // of the latents
		texts []string
		skip  model.TextOptions
	}{{"sd15", 64, []string{""}, model.TextOptions{}}, {"sdxl", 128, []string{"", "_2"}, model.TextOptions{Skip: 1, Raw: true}}} {
		b, err := os.ReadFile("../testdata/published/" + m.name + ".json")
		require.NoError(t, err)
		var files map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(b, &files))
		enc, dec, err := model.ParseAutoencoder(m.name, files["vae/config.json"])
		require.NoError(t, err)
		all = append(all, network{m.name + " vae encoder", enc, model.Size{H: 8 * m.side, W: 8 * m.side, Tokens: 1}, 1},
			network{m.name + " vae decoder", dec, model.Size{H: m.side, W: m.side, Tokens: 1}, 1})
		for _, s := range m.texts {
			g, err := model.ParseCLIPText(m.name, files["text_encoder"+s+"/config.json"], m.skip)
			require.NoError(t, err)
			all = append(all, network{m.name + " text_encoder" + s, g, model.Size{H: 1, W: 1, Tokens: 77}, 2})
		}
	}
	return all
}

// TestParts: every operation is done once, the graphs are valid, memory holds what is read, and the results follow one
// another.
func TestParts(t *testing.T) {
	for _, n := range parts(t) {
		for _, ty := range types {
			p := n.lower(t, ty)
			done := make([]int, len(n.g.Ops))
			for i, s := range p.Steps {
				if s.Fusion != nil {
					require.NoError(t, s.Fusion.Validate(), "%s %v step %d %s", n.name, ty, i, s.Name)
				}
				for _, l := range s.layers {
					done[l]++
				}
			}
			for i, op := range n.g.Ops {
				want := 1
				switch op.(type) {
				case model.SwapAxes, model.TokenEmbedding:
					want = 0 // a view, and what the host does
				}
				assert.Equal(t, want, done[i], "%s: %s %s", n.name, op.Kind(), op.Label())
			}
			if ty == cudnn.Float16 { // the arenas are large
				require.Empty(t, overwritten(p), "%s %v", n.name, ty)
			}
			require.Len(t, p.Outputs, len(n.g.Outputs))
			var end int64
			for i, o := range p.Outputs {
				assert.Equal(t, end, o.Offset)
				assert.Equal(t, p.Shapes[n.g.Outputs[i]].Len(), o.Length)
				end += (int64(p.Rows)*int64(o.Length)*ty.Size() + 255) / 256 * 256
			}
			assert.Equal(t, end, p.ResultBytes)
			f, c := p.Forward(), p.Conditions()
			t.Logf("%s %v: %d executions, %d launches, arena %s, weights %s, %.1f GFLOP", n.name, ty, f.Plans+c.Plans,
				f.Launches+c.Launches, mib(p.Arena), mib(p.WeightBytes), float64(f.FLOPs+c.FLOPs)/1e9)
		}
	}
}

// TestTokensAreTheHosts: a text encoder's largest table is not among the weights of the device.
func TestTokensAreTheHosts(t *testing.T) {
	n := parts(t)[2]
	p := n.lower(t, cudnn.Float16)
	var params int64
	for _, x := range n.g.Params {
		params += int64(x.Len())
	}
	assert.Less(t, p.WeightBytes, 2*(params-49408*768)+1<<20)
	require.Len(t, p.Inputs, 2)
	assert.Equal(t, 77*768, p.Inputs[0].Length)
	require.NotNil(t, p.Inputs[0].Tokens)
}

// TestCausalHeads: in 16 bits those of up to 64 channels, as all CLIP encoders have.
func TestCausalHeads(t *testing.T) {
	g := &model.Graph{Tensors: []model.Tensor{{Name: "x"}, {Name: "y"}}, Outputs: []model.TensorID{1},
		Inputs: []model.Input{{Kind: model.InputSample, Tensor: 0, Channels: 130}},
		Ops:    []model.Op{model.Attention{Base: model.Base{Name: "attn", Y: 1}, Q: 0, K: 0, V: 0, Heads: 2, Causal: true}}}
	_, err := Lower(g, Options{Rows: 1, Size: model.Size{H: 3, W: 3}, Type: cudnn.BFloat16})
	var e *Error
	require.ErrorAs(t, err, &e)
	assert.ErrorContains(t, err, "causal heads of 65 channels")
	_, err = Lower(g, Options{Rows: 1, Size: model.Size{H: 3, W: 3}, Type: cudnn.Float32})
	require.NoError(t, err)
}
