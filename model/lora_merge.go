package model

import (
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"

	"github.com/cudiffuse/cudiffuse/internal/gemm"
	"github.com/cudiffuse/cudiffuse/internal/workers"
)

// OpenUNetConditionLoRA is [OpenUNetConditionFS] with LoRAs merged into the weights, in
// order:
//
//	W = W + strength * alpha/rank * up * down
//
// Layers of [PartUNet] that the network lacks, or has in another shape, are a [*LoRAError]
// that lists them. Other parts of the LoRAs are not looked at.
func OpenUNetConditionLoRA(fsys fs.FS, dir string, uses []LoRAUse) (*UNetCondition, error) {
	file, config, load, err := openFolder(fsys, dir)
	if err != nil {
		return nil, err
	}
	return newUNetCondition(file, config, load.merging(PartUNet, uses))
}

// OpenCLIPTextLoRA is [OpenCLIPTextFS] with LoRAs merged into the weights, as
// [OpenUNetConditionLoRA] does. The part is [PartTextEncoder] or [PartTextEncoder2].
func OpenCLIPTextLoRA(fsys fs.FS, dir, part string, uses []LoRAUse) (*CLIPText, error) {
	return openCLIPText(fsys, dir, func(l loader) loader { return l.merging(part, uses) })
}

// merging is a loader that merges LoRAs into what it has read.
func (load loader) merging(part string, uses []LoRAUse) loader {
	return func(g *Graph) (*Weights, error) {
		w, err := load(g)
		if err != nil || len(uses) == 0 {
			return w, err
		}
		pool := workers.New(0)
		defer pool.Close()
		m := loraMerge{graph: g, data: w.data, params: loraParams(g), pool: pool}
		for _, u := range uses {
			if err := m.merge(part, u); err != nil {
				return nil, err
			}
		}
		return w, nil // nobody else has seen them yet
	}
}

// loraParams are the weights of the linear layers and convolutions, by the flat name of
// the layer: diffusers' and, for a U-Net, that of the original network.
func loraParams(g *Graph) map[string]ParamID {
	params := map[string]ParamID{}
	var layers []string
	for _, op := range g.Ops {
		id := matrixOf(op)
		if id == NoParam {
			continue
		}
		p := g.Params[id]
		for _, name := range []string{p.Name, p.Alt} {
			if layer, ok := strings.CutSuffix(name, ".weight"); ok {
				params[flat(layer)] = id
				layers = append(layers, layer)
			}
		}
	}
	sgm := newSGMNames(layers)
	for _, layer := range layers {
		if n := sgm.name(layer); n != "" {
			params[flat(n)] = params[flat(layer)]
		}
	}
	return params
}

// loraMerge merges LoRAs into the weights of a graph.
type loraMerge struct {
	graph  *Graph
	data   []*tensor
	params map[string]ParamID
	pool   *workers.Pool
}

// merge checks all layers of a part before it changes any weights.
func (m *loraMerge) merge(part string, u LoRAUse) error {
	if math.IsNaN(u.Strength) || math.IsInf(u.Strength, 0) {
		return u.LoRA.fail(fmt.Sprintf("strength is %v, wanted a finite number", u.Strength))
	}
	ids := make([]ParamID, len(u.LoRA.layers))
	taken := map[ParamID]string{}
	var unknown []string
	for i, c := range u.LoRA.layers {
		if c.part != part {
			continue
		}
		id, ok := m.params[flat(c.layer)]
		if !ok {
			unknown = append(unknown, c.key)
			continue
		}
		if other, ok := taken[id]; ok {
			return u.LoRA.fail("two of its layers are one of the model", other, c.key)
		}
		ids[i], taken[id] = id, c.key
		if want := m.graph.Params[id].Shape; !sameWeight(c.shape, want) {
			return u.LoRA.fail(fmt.Sprintf("is made for a weight of shape %v, the model has %v", c.shape, want), c.key)
		}
	}
	if n := len(u.LoRA.Keys(part)); len(unknown) > 0 {
		return u.LoRA.fail(fmt.Sprintf("%d of its %d layers of %s are not in the model", len(unknown), n, part), unknown...)
	}
	if u.Strength == 0 {
		return nil
	}
	for i := range u.LoRA.layers {
		if c := &u.LoRA.layers[i]; c.part == part {
			if err := m.add(u.LoRA, c, m.data[ids[i]].values, u.Strength); err != nil {
				return err
			}
		}
	}
	return nil
}

// sameWeight compares shapes; [out, in] and [out, in, 1, 1] are the same.
func sameWeight(a, b []int) bool { return slices.Equal(without1x1(a), without1x1(b)) }

func without1x1(s []int) []int {
	if len(s) == 4 && s[2] == 1 && s[3] == 1 {
		return s[:2]
	}
	return s
}

// add merges one layer: with down as [rank, n], n the product of in, kh and kw.
func (m *loraMerge) add(l *LoRA, c *loraLayer, weight []float32, strength float64) error {
	out, n := c.shape[0], len(c.down)/c.rank
	transposed := make([]float32, len(c.down))
	for k := range c.rank {
		for j := range n {
			transposed[j*c.rank+k] = c.down[k*n+j]
		}
	}
	product, err := gemm.NewLinear(n, c.rank, transposed, nil)
	if err != nil {
		return &LoRAError{File: l.file, Detail: "cannot be multiplied", Keys: []string{c.key}, Err: err}
	}
	delta := make([]float32, out*n)
	product.Run(m.pool, delta, c.up, out, make([]float32, product.Scratch(out)))
	scale := strength * c.scale
	for i, d := range delta {
		weight[i] = float32(float64(weight[i]) + float64(scale*float64(d)))
	}
	if !finite(weight) {
		return l.fail(fmt.Sprintf("makes weights that are not finite at strength %v", strength), c.key)
	}
	return nil
}
