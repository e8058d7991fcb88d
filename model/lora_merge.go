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
	return newUNetCondition(file, config, load.merging(uses, PartUNet))
}

// OpenCLIPTextLoRA is [OpenCLIPTextFS] with LoRAs merged into the weights, as
// [OpenUNetConditionLoRA] does. The part is [PartTextEncoder] or [PartTextEncoder2].
func OpenCLIPTextLoRA(fsys fs.FS, dir, part string, uses []LoRAUse) (*CLIPText, error) {
	return openCLIPText(fsys, dir, func(l loader) loader { return l.merging(uses, part) })
}

// OpenSD3LoRA is [OpenSD3FS] with LoRAs merged into the weights, as [OpenUNetConditionLoRA]
// does. The part is [PartTransformer].
func OpenSD3LoRA(fsys fs.FS, dir string, uses []LoRAUse) (*SD3, error) {
	file, config, load, err := openPart(fsys, dir, transformerPart, weightFiles)
	if err != nil {
		return nil, err
	}
	return newSD3(file, config, load.merging(uses, PartTransformer))
}

// OpenFluxLoRA is [OpenFluxFS] with LoRAs merged into the weights, as
// [OpenUNetConditionLoRA] does. The part is [PartTransformer], whose layers may have the
// names of the original network too: kohya's files have them.
func OpenFluxLoRA(fsys fs.FS, dir string, uses []LoRAUse) (*Flux, error) {
	file, config, load, err := openPart(fsys, dir, transformerPart, weightFiles)
	if err != nil {
		return nil, err
	}
	return newFlux(file, config, load.merging(uses, PartTransformer))
}

// OpenT5TextLoRA is [OpenT5TextFS] with LoRAs merged into the weights, as
// [OpenUNetConditionLoRA] does. The parts are [PartT5] and part, the encoder's folder in its
// pipeline: [PartTextEncoder2] or [PartTextEncoder3].
func OpenT5TextLoRA(fsys fs.FS, dir, part string, uses []LoRAUse) (*T5Text, error) {
	return openT5Text(fsys, dir, func(l loader) loader { return l.merging(uses, PartT5, part) })
}

// merging is a loader that merges the parts of LoRAs into what it has read.
func (load loader) merging(uses []LoRAUse, parts ...string) loader {
	return func(g *Graph) (*Weights, error) {
		w, err := load(g)
		if err != nil || len(uses) == 0 {
			return w, err
		}
		pool := workers.New(0)
		defer pool.Close()
		m := loraMerge{graph: g, data: w.data, layers: loraTargets(g), pool: pool}
		for _, u := range uses {
			if err := m.merge(parts, u); err != nil {
				return nil, err
			}
		}
		return w, nil // nobody else has seen them yet
	}
}

// loraTarget is a block of rows of a weight, and what rows of a LoRA's up matrix change it.
type loraTarget struct {
	param          ParamID
	to, from, rows int
}

// loraTargets are the weights of the linear layers and convolutions, by the flat name of
// the layer: diffusers' and that of the original network, where a layer may hold several.
func loraTargets(g *Graph) map[string][]loraTarget {
	targets := map[string][]loraTarget{}
	var layers []string
	for _, op := range g.Ops {
		id := matrixOf(op)
		if id == NoParam {
			continue
		}
		p := g.Params[id]
		for _, name := range []string{p.Name, p.Alt} {
			if layer, ok := strings.CutSuffix(name, ".weight"); ok {
				targets[flat(layer)] = []loraTarget{{param: id, rows: p.Shape[0]}}
				layers = append(layers, layer)
			}
		}
	}
	sgm := newSGMNames(layers)
	for _, layer := range layers {
		if n := sgm.name(layer); n != "" {
			targets[flat(n)] = targets[flat(layer)]
		}
	}
	addBFLTargets(targets, layers)
	return targets
}

// loraMerge merges LoRAs into the weights of a graph.
type loraMerge struct {
	graph  *Graph
	data   []*tensor
	layers map[string][]loraTarget
	pool   *workers.Pool
}

// merge checks all layers of the parts before it changes any weights.
func (m *loraMerge) merge(parts []string, u LoRAUse) error {
	if math.IsNaN(u.Strength) || math.IsInf(u.Strength, 0) {
		return u.LoRA.fail(fmt.Sprintf("strength is %v, wanted a finite number", u.Strength))
	}
	targets := make([][]loraTarget, len(u.LoRA.layers))
	taken := map[ParamID]string{}
	unknown, layers := map[string][]string{}, map[string]int{} // by part
	for i, c := range u.LoRA.layers {
		if !slices.Contains(parts, c.part) {
			continue
		}
		layers[c.part]++
		t, ok := m.layers[flat(c.layer)]
		if !ok {
			unknown[c.part] = append(unknown[c.part], c.key)
			continue
		}
		for _, t := range t {
			if other, ok := taken[t.param]; ok && other != c.key {
				return u.LoRA.fail("two of its layers are one of the model", other, c.key)
			}
			taken[t.param] = c.key
		}
		if want := m.shape(t); !sameWeight(c.shape, want) {
			return u.LoRA.fail(fmt.Sprintf("is made for a weight of shape %v, the model has %v", c.shape, want), c.key)
		}
		targets[i] = t
	}
	for _, part := range parts {
		if n := len(unknown[part]); n > 0 {
			return u.LoRA.fail(fmt.Sprintf("%d of its %d layers of %s are not in the model", n, layers[part], part),
				unknown[part]...)
		}
	}
	if u.Strength == 0 {
		return nil
	}
	for i, targets := range targets {
		for _, t := range targets {
			if err := m.add(u.LoRA, &u.LoRA.layers[i], t, u.Strength); err != nil {
				return err
			}
		}
	}
	return nil
}

// shape is that of the weight of a layer, of all its rows.
func (m *loraMerge) shape(targets []loraTarget) []int {
	s := slices.Clone(m.graph.Params[targets[0].param].Shape)
	s[0] = 0
	for _, t := range targets {
		s[0] += t.rows
	}
	return s
}

// sameWeight compares shapes; [out, in] and [out, in, 1, 1] are the same.
func sameWeight(a, b []int) bool { return slices.Equal(without1x1(a), without1x1(b)) }

func without1x1(s []int) []int {
	if len(s) == 4 && s[2] == 1 && s[3] == 1 {
		return s[:2]
	}
	return s
}

// add merges the rows of one layer that a target has: with down as [rank, n], n the product of in, kh and kw.
func (m *loraMerge) add(l *LoRA, c *loraLayer, t loraTarget, strength float64) error {
	n := len(c.down) / c.rank
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
	delta := make([]float32, t.rows*n)
	product.Run(m.pool, delta, c.up[t.from*c.rank:][:t.rows*c.rank], t.rows, make([]float32, product.Scratch(t.rows)))
	weight := m.data[t.param].values[t.to*n:][:t.rows*n]
	scale := strength * c.scale
	for i, d := range delta {
		weight[i] = float32(float64(weight[i]) + float64(scale*float64(d)))
	}
	if !finite(weight) {
		return l.fail(fmt.Sprintf("makes weights that are not finite at strength %v", strength), c.key)
	}
	return nil
}
