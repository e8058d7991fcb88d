package model

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/cudiffuse/cudiffuse/model/safetensors"
)

// LoRA is a file of low-rank changes to the weights of linear layers and convolutions
// (Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021,
// arXiv:2106.09685). It holds its values as float32, is never changed, and is safe for
// concurrent use.
type LoRA struct {
	file   string
	layers []loraLayer // by part and name
}

// loraLayer is the change of one layer: scale * up * down.
type loraLayer struct {
	key   string // what the file's keys begin with
	part  string
	layer string    // with the dots of the key
	down  []float32 // [rank, in] or [rank, in, kh, kw]
	up    []float32 // [out, rank]
	shape []int     // of the weight: [out, in] or [out, in, kh, kw]
	rank  int
	scale float64 // alpha / rank
}

// LoRAUse is a LoRA and the strength it is merged with: 1 as it was trained, 0 not at all.
type LoRAUse struct {
	LoRA     *LoRA
	Strength float64
}

// LoRAError is a LoRA that cannot be merged.
type LoRAError struct {
	File   string
	Detail string
	Keys   []string // the offending ones
	Err    error    // the underlying failure, may be nil
}

// maxShownKeys is how many keys a message lists.
const maxShownKeys = 5

// Error implements error. Keys come from a file: they are quoted and shortened.
func (e *LoRAError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "model: LoRA %s: %s", e.File, e.Detail)
	for i, k := range e.Keys[:min(len(e.Keys), maxShownKeys)] {
		sep := ", "
		if i == 0 {
			sep = ": "
		}
		fmt.Fprintf(&b, "%s%.120q", sep, k)
	}
	if n := len(e.Keys) - maxShownKeys; n > 0 {
		fmt.Fprintf(&b, " and %d more", n)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// Unwrap returns the underlying failure.
func (e *LoRAError) Unwrap() error { return e.Err }

// OpenLoRA reads a safetensors file of float32, float16 or bfloat16 with the keys of
// diffusers, peft or kohya. DoRA, LoHa, LoKr and other methods are refused by name. Errors
// are [*LoRAError] and those of package safetensors.
func OpenLoRA(path string) (*LoRA, error) {
	f, err := safetensors.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read from
	return readLoRA(f)
}

// File is the name the LoRA was opened by.
func (l *LoRA) File() string { return l.file }

// Layers is the number of layers it changes.
func (l *LoRA) Layers() int { return len(l.layers) }

// Parts are those of a pipeline that it changes, such as [PartUNet] and [PartTextEncoder].
func (l *LoRA) Parts() []string {
	parts := map[string]bool{}
	for _, c := range l.layers {
		parts[c.part] = true
	}
	return slices.Sorted(maps.Keys(parts))
}

// Keys are what the keys of a part's layers begin with, sorted.
func (l *LoRA) Keys(part string) []string {
	var keys []string
	for _, c := range l.layers {
		if c.part == part {
			keys = append(keys, c.key)
		}
	}
	return keys
}

func (l *LoRA) fail(detail string, keys ...string) error {
	return &LoRAError{File: l.file, Detail: detail, Keys: keys}
}

// loraGroup is the tensors of one layer, by role.
type loraGroup struct {
	key, part, layer string
	tensors          [loraRoles]safetensors.Tensor // without a name where there is none
}

// readLoRA checks all keys and shapes before it reads any values.
func readLoRA(f *safetensors.File) (*LoRA, error) {
	l := &LoRA{file: f.Name()}
	groups, err := l.group(f.Tensors())
	if err != nil {
		return nil, err
	}
	meta, err := parseLoRAMetadata(l, f.Metadata())
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		c, err := l.check(g)
		if err != nil {
			return nil, err
		}
		l.layers = append(l.layers, c)
	}
	for i, g := range groups {
		if err := l.read(f, g, &l.layers[i], meta); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// group sorts the tensors by layer.
func (l *LoRA) group(tensors []safetensors.Tensor) ([]*loraGroup, error) {
	groups := map[string]*loraGroup{}
	var unknown []string
	for _, t := range tensors {
		if m := refusedMethod(t.Name); m != "" {
			return nil, l.fail("is not a plain LoRA, wanted one: "+m+" is not supported", t.Name)
		}
		part, layer, role, ok := parseLoRAKey(t.Name)
		if !ok {
			unknown = append(unknown, t.Name)
			continue
		}
		id := part + "." + flat(layer)
		g := groups[id]
		if g == nil {
			g = &loraGroup{key: part + "." + layer, part: part, layer: layer}
			groups[id] = g
		}
		if g.tensors[role].Name != "" {
			return nil, l.fail("two tensors are the same of one layer", g.tensors[role].Name, t.Name)
		}
		g.tensors[role] = t
	}
	if len(unknown) > 0 {
		return nil, l.fail("has keys that are not of a LoRA, wanted those of diffusers, peft or kohya", unknown...)
	}
	if len(groups) == 0 {
		return nil, l.fail("has no tensors")
	}
	out := make([]*loraGroup, 0, len(groups))
	for _, id := range slices.Sorted(maps.Keys(groups)) {
		out = append(out, groups[id])
	}
	return out, nil
}

// check takes the shapes of a layer: down [r, in] and up [out, r], or for convolutions
// [r, in, kh, kw] and [out, r, 1, 1].
func (l *LoRA) check(g *loraGroup) (c loraLayer, err error) {
	down, up, alpha := g.tensors[loraDown], g.tensors[loraUp], g.tensors[loraAlpha]
	switch {
	case down.Name == "" && up.Name == "":
		return c, l.fail("an alpha has no layer", alpha.Name)
	case down.Name == "":
		return c, l.fail("lacks the down matrix that goes with", up.Name)
	case up.Name == "":
		return c, l.fail("lacks the up matrix that goes with", down.Name)
	case alpha.Name != "" && alpha.Elems() != 1:
		return c, l.fail(fmt.Sprintf("alpha has shape %v, wanted one number", alpha.Shape), alpha.Name)
	}
	d, u := down.Shape, up.Shape
	if len(d) != 2 && len(d) != 4 || slices.Min(d) < 1 {
		return c, l.fail(fmt.Sprintf("shape %v, wanted [rank, in] or [rank, in, height, width]", d), down.Name)
	}
	if len(u) != 2 && len(u) != 4 || slices.Min(u) < 1 || len(u) == 4 && (u[2] != 1 || u[3] != 1) {
		return c, l.fail(fmt.Sprintf("shape %v, wanted [out, rank] or [out, rank, 1, 1]", u), up.Name)
	}
	if u[1] != d[0] {
		return c, l.fail(fmt.Sprintf("ranks %d and %d, wanted the same", d[0], u[1]), down.Name, up.Name)
	}
	c = loraLayer{key: g.key, part: g.part, layer: g.layer, rank: d[0], shape: slices.Clone(d)}
	c.shape[0] = u[0]
	return c, nil
}

// read reads the values of a layer, which must be finite.
func (l *LoRA) read(f *safetensors.File, g *loraGroup, c *loraLayer, meta loraMetadata) (err error) {
	if c.scale, err = meta.scale(l, c); err != nil {
		return err
	}
	if name := g.tensors[loraAlpha].Name; name != "" {
		alpha, err := f.Float32s(name)
		if err != nil {
			return err
		}
		if !finite(alpha) {
			return l.fail(fmt.Sprintf("alpha is %v, wanted a finite number", alpha[0]), name)
		}
		c.scale = float64(alpha[0]) / float64(c.rank)
	}
	for role, to := range []*[]float32{loraDown: &c.down, loraUp: &c.up} {
		name := g.tensors[role].Name
		if *to, err = f.Float32s(name); err != nil {
			return err
		}
		if !finite(*to) {
			return l.fail("has values that are not finite", name)
		}
	}
	return nil
}

func finite(x []float32) bool {
	for _, v := range x {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return false
		}
	}
	return true
}
