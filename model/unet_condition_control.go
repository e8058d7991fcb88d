package model

import "fmt"

// WithResiduals is the network, with the same weights, that adds [Inputs.Residuals] to
// the results of its down path, in their order, and to that of its middle block:
// diffusers' down_block_additional_residuals and mid_block_additional_residual, which a
// [ControlNet] makes. A network with a ControlNet within is refused with a [*GraphError].
func (u *UNetCondition) WithResiduals() (*UNetCondition, error) {
	if u.control != nil {
		return nil, graphErrorf("", "the network has a ControlNet within, which makes the residuals")
	}
	b := newConditionBuilder("config.json", u.config)
	b.extra = func(_ int, to TensorID) TensorID {
		id := b.input(InputResidual, b.channels[to])
		b.g.Inputs[len(b.g.Inputs)-1].Like = to
		return id
	}
	b.unet()
	return u.rebuilt(b, nil)
}

// controlPrefix begins the names of the layers of a ControlNet within a network.
const controlPrefix = "controlnet."

// WithControl is the network with a ControlNet before it in the same graph, weights
// shared with both. Its runs also take Control and ControlScale as those of the
// ControlNet do, its [ConditionDenoiser] takes them from the condition. Without the weights
// of one it has none. A ControlNet for another network gives a [*ConfigError].
func (u *UNetCondition) WithControl(c *ControlNet) (*UNetCondition, error) {
	if u.control != nil {
		return nil, graphErrorf("", "the network has a ControlNet within: want one without")
	}
	config := c.Config()
	if err := u.fitControl(&config); err != nil {
		return nil, err
	}
	first := newConditionBuilder("controlnet/config.json", config.UNet)
	first.prefix = controlPrefix
	residuals := first.control(config)
	first.prefix = ""
	b := newConditionBuilder("", u.config)
	b.builder = first.builder
	b.extra = func(i int, to TensorID) TensorID {
		switch {
		case i >= len(residuals):
			b.fail("layers_per_block", "gives %d residuals, the U-Net takes more", len(residuals))
			return to
		case b.channels[residuals[i]] != b.channels[to]:
			b.fail("block_out_channels", "residual %d has %d channels, the U-Net takes %d", i,
				b.channels[residuals[i]], b.channels[to])
		}
		return residuals[i]
	}
	b.unet()
	from := u
	if c.weights == nil { // only parsed
		from = &UNetCondition{config: u.config}
	}
	out, err := from.rebuilt(b, c.weights)
	if err != nil {
		return nil, err
	}
	out.control = &config
	return out, nil
}

// fitControl refuses a ControlNet that needs what the network does not take, or that
// has another number of results.
func (u *UNetCondition) fitControl(c *ControlNetConfig) error {
	taken := 1 + len(u.config.DownBlocks)
	for _, layers := range u.config.LayersPerBlock {
		taken += layers
	}
	for _, x := range []struct {
		key         string
		found, want int
	}{
		{"in_channels", c.UNet.InChannels, u.config.InChannels},
		{"cross_attention_dim", c.UNet.CrossAttentionDim, u.config.CrossAttentionDim},
		{"layers_per_block", c.Residuals(), taken},
	} {
		if x.found != x.want {
			what := fmt.Sprintf("is %d", x.found)
			if x.key == "layers_per_block" {
				what = fmt.Sprintf("gives %d residuals", x.found)
			}
			return &ConfigError{File: "controlnet/config.json", Key: x.key,
				Detail: fmt.Sprintf("%s, the U-Net's is %d", what, x.want)}
		}
	}
	if c.UNet.ClassEmbedding != ClassNone && c.UNet.ClassEmbedding != u.config.ClassEmbedding {
		return &ConfigError{File: "controlnet/config.json", Key: "class_embed_type",
			Detail: "takes classes, which the U-Net does not"}
	}
	if p := c.UNet.PooledDim; p != 0 && p != u.config.PooledDim {
		return &ConfigError{File: "controlnet/config.json", Key: "projection_class_embeddings_input_dim",
			Detail: fmt.Sprintf("takes a pooled text of %d features, the U-Net of %d", p, u.config.PooledDim)}
	}
	return nil
}

// rebuilt is the network of another graph, whose weights are those of before and then
// the network's own.
func (u *UNetCondition) rebuilt(b *conditionBuilder, before *Weights) (*UNetCondition, error) {
	if b.err != nil {
		return nil, b.err
	}
	out := &UNetCondition{network: network{graph: b.g}, config: u.config}
	if err := b.g.Validate(); err != nil {
		return nil, err
	}
	if u.weights == nil { // only parsed
		return out, nil
	}
	var data []*tensor
	if before != nil {
		data = append(data, before.data...)
	}
	var err error
	out.weights, err = bindWeights(b.g, append(data, u.weights.data...))
	return out, err
}

// residualCount is the number of factors that a condition has: 0 without a ControlNet.
func (u *UNetCondition) residualCount() int {
	if u.control == nil {
		return 0
	}
	return u.control.Residuals()
}

// controlLen is the size of the control image: 0 without a ControlNet.
func (d *ConditionDenoiser) controlLen() int {
	c := d.unet.control
	if c == nil {
		return 0
	}
	return c.ControlChannels * d.shape[1] * d.shape[2] * c.Factor() * c.Factor()
}

// checkControl refuses a control image or factors of another size.
func (d *ConditionDenoiser) checkControl(c *TextEmbedding) error {
	if c.Control == nil && c.ControlScale == nil {
		return nil
	}
	if want := d.controlLen(); len(c.Control) != want {
		return inputErrorf("condition", "Control has %d elements, wanted %d", len(c.Control), want)
	}
	if want := d.unet.residualCount(); len(c.ControlScale) != want {
		return inputErrorf("condition", "ControlScale has %d elements, wanted %d", len(c.ControlScale), want)
	}
	return nil
}

// gatherControl appends the control images and factors of rows to those of in; zeros
// where a condition has none, which adds nothing.
func (d *ConditionDenoiser) gatherControl(in *Inputs, conds []*TextEmbedding) {
	if d.unet.control == nil {
		return
	}
	image, n := d.controlLen(), d.unet.residualCount()
	d.control, d.scales = d.control[:0], d.scales[:0]
	for _, c := range conds {
		d.control = appendOrZeros(d.control, c.Control, image)
		d.scales = appendOrZeros(d.scales, c.ControlScale, n)
	}
	in.Control, in.ControlScale = d.control, d.scales
}

// appendOrZeros appends v, or n zeros if it is nil.
func appendOrZeros(to, v []float32, n int) []float32 {
	to = append(to, v...)
	for range n - len(v) {
		to = append(to, 0)
	}
	return to
}
