package model

import (
	"fmt"
	"strings"
)

// Perturbation says what a network does worse on purpose, for guidance away from it. Layers are named as
// diffusers' pag_applied_layers: "mid", "down", "up_blocks.1", "down_blocks.1.attentions.0", to
// "mid_block.attentions.0.transformer_blocks.0"; and as its first versions had it, "down.block_1",
// "mid.block_0", "up.block_0.attentions_0". A name stands for all blocks within it; patterns are not taken.
type Perturbation struct {
	// Identity are layers whose self-attention has the identity as its map, so that its result is V: perturbed-attention
	// guidance (Ahn et al., 2024, arXiv:2403.17377, section 4.2; diffusers, PAGIdentitySelfAttnProcessor2_0).
	Identity []string
	// Skip are layers whose transformer blocks do nothing: their output is their input (skip-layer guidance, as
	// diffusers' SkipLayerGuidance with skip_attention and skip_ff has it).
	Skip []string
}

// Perturb is the network that p makes of u, with the same weights, packed once for both. A layer that is not there, or
// nothing to perturb, gives an [*InputError].
func (u *UNetCondition) Perturb(p Perturbation) (*UNetCondition, error) {
	if len(p.Identity)+len(p.Skip) == 0 {
		return nil, &InputError{"layers", "none are given to perturb"}
	}
	r := newRewriter(u.graph)
	if err := p.each(r, r.identity, r.skip); err != nil {
		return nil, err
	}
	if r.err != nil {
		return nil, r.err
	}
	g, from := r.graph()
	if err := g.Validate(); err != nil {
		return nil, err
	}
	out := &UNetCondition{network: network{graph: g}, config: u.config, control: u.control}
	if u.weights != nil {
		out.weights = u.weights.within(g, from)
	}
	return out, nil
}

// each calls a function for every block whose map is the identity, and then one for every block that is skipped.
func (p Perturbation) each(r *rewriter, identity, skip func(block string)) error {
	for _, x := range []struct {
		layers []string
		can    func(block string) bool
		do     func(block string)
	}{{p.Identity, r.attendsSelf, identity}, {p.Skip, func(string) bool { return true }, skip}} {
		blocks, err := selectBlocks(r.blocks(x.can), x.layers)
		if err != nil {
			return err
		}
		for _, b := range blocks {
			x.do(b)
		}
	}
	return nil
}

// Replacement is what a perturbed row has in the place of a tensor: X, which is computed before it.
type Replacement struct{ Y, X TensorID }

// Replacements are what p does to a row, in a graph that also evaluates rows as they are: the same as [UNetCondition.Perturb],
// whose errors it has, for backends that evaluate both in one batch.
func (u *UNetCondition) Replacements(p Perturbation) ([]Replacement, error) {
	if len(p.Identity)+len(p.Skip) == 0 {
		return nil, &InputError{"layers", "none are given to perturb"}
	}
	r := newRewriter(u.graph)
	var out []Replacement
	err := p.each(r, func(block string) {
		a := r.ops[r.label[block+blockAttend]].(Attention)
		out = append(out, Replacement{a.Y, a.V})
	}, func(block string) {
		last := r.ops[r.label[block+blockLast]].Writes()
		out = append(out, Replacement{last, r.ops[r.label[block+blockFirst]].(Add).B})
	})
	return out, err
}

// layerParts are the names that diffusers gave the parts of a U-Net, and their names in its weights.
var layerParts = map[string]string{"down": "down_blocks", "mid": "mid_block", "up": "up_blocks"}

// layerPrefix returns how the names of a layer's blocks begin, without a last dot.
func layerPrefix(layer string) string {
	parts := strings.Split(layer, ".")
	if p, ok := layerParts[parts[0]]; ok {
		parts[0] = p
	}
	for i, p := range parts[1:] {
		kind, n, ok := strings.Cut(p, "_")
		if ok && (kind == "block" || kind == "attentions") {
			parts[i+1] = kind + "." + n
		}
	}
	s := strings.Join(parts, ".")
	s = strings.Replace(s, ".block.", ".", 1)
	if rest, ok := strings.CutPrefix(s+".", "mid_block.0."); ok { // the only one, which weights do not number
		s = strings.TrimSuffix("mid_block."+rest, ".")
	}
	return s
}

// selectBlocks returns the blocks of layers, in the order of blocks.
func selectBlocks(blocks, layers []string) ([]string, error) {
	chosen := make([]bool, len(blocks))
	for _, layer := range layers {
		prefix, found := layerPrefix(layer), false
		for i, b := range blocks {
			if strings.HasPrefix(b+".", prefix+".") {
				chosen[i], found = true, true
			}
		}
		if !found {
			return nil, inputErrorf("layers", "%.80q is none of the network: want what one of these is or begins with: %s", layer, listOf(blocks))
		}
	}
	var out []string
	for i, b := range blocks {
		if chosen[i] {
			out = append(out, b)
		}
	}
	return out, nil
}

// listOf writes the first of many names.
func listOf(names []string) string {
	const most = 8
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
