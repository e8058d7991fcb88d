package model

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/internal/workers"
)

// TestLayerPrefix: the names of layers in all their spellings.
func TestLayerPrefix(t *testing.T) {
	for layer, want := range map[string]string{
		"mid": "mid_block", "mid_block": "mid_block", "mid.block_0": "mid_block",
		"mid.block_0.attentions_0": "mid_block.attentions.0",
		"down":                     "down_blocks", "down.block_1": "down_blocks.1", "down_blocks.1": "down_blocks.1",
		"up.block_0.attentions_0":                       "up_blocks.0.attentions.0",
		"up_blocks.0.attentions.1.transformer_blocks.0": "up_blocks.0.attentions.1.transformer_blocks.0",
		"mid_block.attentions.0.transformer_blocks.0":   "mid_block.attentions.0.transformer_blocks.0",
		"mid.block_1": "mid_block.1",
		"":            "",
		"down.block_1.attentions_0.transformer_blocks.1": "down_blocks.1.attentions.0.transformer_blocks.1",
	} {
		require.Equal(t, want, layerPrefix(layer), "%q", layer)
	}
}

// perturbations are some of every kind.
var perturbations = []Perturbation{
	{Identity: []string{"mid"}},
	{Identity: []string{"down", "mid", "up"}},
	{Skip: []string{"mid", "mid.block_0"}},
	{Skip: []string{"down", "mid", "up"}},
	{Identity: []string{"down", "mid"}, Skip: []string{"up", "mid"}},
}

// TestPerturb: a perturbed network has the layers packed that the first one has, gives something else, and nothing of
// it is read before it is written.
func TestPerturb(t *testing.T) {
	pool := workers.New(2)
	defer pool.Close()
	for _, name := range []string{"unet_sd15", "unet_sd21", "unet_sdxl"} {
		u, _ := openCondition(t, name)
		size := Size{8, 4, 19}
		in := randomCondition(u, 2, size)
		whole := runCondition(t, u, 2, size, in, 2)
		seen := map[float32]bool{whole[0]: true}
		for i, p := range perturbations {
			v, err := u.Perturb(p)
			require.NoError(t, err)
			ex, err := v.CompileSize(2, size, pool)
			require.NoError(t, err)
			require.Less(t, len(v.graph.Ops), len(u.graph.Ops))
			for at, c := range v.weights.convs {
				require.Equal(t, u.graph.Ops[v.weights.from[at]].Label(), v.graph.Ops[at].Label())
				require.Same(t, u.weights.convs[v.weights.from[at]], c)
			}
			for at, l := range v.weights.lins {
				require.Same(t, u.weights.lins[v.weights.from[at]], l)
			}
			require.Equal(t, &u.weights.data[0], &v.weights.data[0])
			first, again := make([]float32, len(whole)), make([]float32, len(whole))
			require.NoError(t, ex.Run(context.Background(), 2, in, first))
			for k := range ex.arena {
				ex.arena[k] = float32(math.NaN())
			}
			require.NoError(t, ex.Run(context.Background(), 2, in, again))
			sameBits(t, first, again, "%s %d", name, i)
			require.False(t, seen[first[0]], "%s: %v does something of its own", name, p)
			seen[first[0]] = true
		}
		require.Equal(t, whole, runCondition(t, u, 2, size, in, 2), "the network itself stays")
	}
}

// TestPerturbAgain: perturbing one by one is perturbing together.
func TestPerturbAgain(t *testing.T) {
	u, _ := openCondition(t, "unet_sd15")
	size := Size{8, 4, 19}
	in := randomCondition(u, 1, size)
	both, err := u.Perturb(Perturbation{Identity: []string{"down"}, Skip: []string{"up"}})
	require.NoError(t, err)
	one, err := u.Perturb(Perturbation{Identity: []string{"down"}})
	require.NoError(t, err)
	one, err = one.Perturb(Perturbation{Skip: []string{"up"}})
	require.NoError(t, err)
	require.Equal(t, both.graph.Ops, one.graph.Ops)
	require.Equal(t, runCondition(t, both, 1, size, in, 2), runCondition(t, one, 1, size, in, 2))
}

// TestPerturbControlled: of a network with a ControlNet within, the U-Net is perturbed and the ControlNet is not.
func TestPerturbControlled(t *testing.T) {
	plain, c, in, _, _ := openControlled(t)
	u, err := plain.WithControl(c)
	require.NoError(t, err)
	p := Perturbation{Identity: []string{"down", "mid"}}
	v, err := u.Perturb(p)
	require.NoError(t, err)
	count := func(g *Graph, prefix string) (n int) {
		for _, op := range g.Ops {
			if strings.HasPrefix(op.Label(), prefix) {
				n++
			}
		}
		return n
	}
	require.Equal(t, count(u.graph, "controlnet."), count(v.graph, "controlnet."))
	size := Size{8, 8, 7}
	require.NotEqual(t, runCondition(t, u, 1, size, in, 2), runCondition(t, v, 1, size, in, 2))
	alone, err := plain.Perturb(p)
	require.NoError(t, err)
	in.ControlScale = make([]float32, len(in.ControlScale))
	with := runCondition(t, v, 1, size, in, 2)
	in.Control, in.ControlScale = nil, nil
	require.LessOrEqual(t, maxDiff(with, runCondition(t, alone, 1, size, in, 2)), 1e-6)
}

// TestPerturbRefuses: layers that are not there, and attention to the text alone.
func TestPerturbRefuses(t *testing.T) {
	u, _ := openCondition(t, "unet_sd15")
	for _, p := range []Perturbation{{}, {Identity: []string{""}}, {Identity: []string{"mid", "down_blocks.9"}},
		{Skip: []string{"mid_bloc"}}, {Skip: []string{"down_blocks.0.attentions.0.transformer_blocks.0.attn1"}}, {Skip: []string{"mid.block_1"}},
		{Identity: []string{"conv_in"}}, {Skip: []string{".*"}}} {
		_, err := u.Perturb(p)
		var e *InputError
		require.ErrorAs(t, err, &e, "%v", p)
		require.Equal(t, "layers", e.Input)
	}
	odd, _ := openCondition(t, "unet_odd") // some levels have only_cross_attention
	r := newRewriter(odd.graph)
	self := r.blocks(r.attendsSelf)
	all := r.blocks(func(string) bool { return true })
	require.Less(t, len(self), len(all))
	require.NotEmpty(t, self)
}
