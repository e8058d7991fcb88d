package model

import (
	"fmt"
	"math"
	"strings"
)

// unetBuilder builds the graph of a UNet2DModel in the order of its forward method
// (diffusers/models/unets/unet_2d.py). Names are those of the weights.
type unetBuilder struct {
	*builder
	c      UNet2DConfig
	temb   TensorID   // the activated time embedding, which every resnet projects
	skips  []TensorID // results of the down path that the up path takes, last first
	image  TensorID   // the small image of the skip blocks' down path
	sample TensorID

	embedAct Activation // within the embeddings of time and class
	timeCond int        // length of the vector that conditions the time embedding, 0 for none
}

// buildUNet2D makes the graph. Errors are [*ConfigError].
func buildUNet2D(file string, c UNet2DConfig) (*Graph, error) {
	b := &unetBuilder{builder: newBuilder(file), c: c, embedAct: SiLU}
	b.sample = b.input(InputSample, c.InChannels)
	t := b.input(InputTimestep, 1)
	if c.CenterInput {
		base := b.base("center_input_sample", c.InChannels)
		b.sample = b.add(Affine{Base: base, X: b.sample, Mul: 2, Add: -1})
	}
	b.temb = b.act("time_embedding.nonlinearity", b.embedding(t), c.Act)

	b.image = b.sample
	h := b.conv("conv_in", b.sample, c.BlockChannels[0], 3, 1, 1)
	b.skips = append(b.skips, h)
	for i := range c.DownBlocks {
		h = b.down(i, h)
	}
	if c.MidBlock {
		h = b.mid(h)
	}
	skip := NoTensor
	for i := range c.UpBlocks {
		h, skip = b.up(i, h, skip)
	}
	groups := c.NormGroups
	if groups == 0 {
		groups = min(c.BlockChannels[0]/4, 32)
	}
	h = b.norm("conv_norm_out", h, groups, c.NormEps, SiLU, NoTensor)
	h = b.conv("conv_out", h, c.OutChannels, 3, 1, 1)
	if skip != NoTensor {
		h = b.sum("skip_sample", h, skip, 1)
	}
	if c.TimeEmbedding == "fourier" { // the network predicts the noise, scaled by 1/sigma
		h = b.add(DivRow{Base: b.base("divide_by_time", c.OutChannels), X: h, T: t})
	}
	b.g.Outputs = []TensorID{h}
	return b.g, b.err
}

// embedding is the time embedding plus that of the class.
func (b *unetBuilder) embedding(t TensorID) TensorID {
	c := b.c
	proj := b.project("time_proj", t)
	if b.timeCond > 0 {
		cond := b.linearNoBias("time_embedding.cond_proj", b.input(InputTimestepCond, b.timeCond),
			b.channels[proj])
		proj = b.sum("time_embedding.cond", proj, cond, 1)
	}
	emb := b.mlp("time_embedding", proj, c.TimeEmbeddingDim, b.embedAct)
	var class TensorID
	switch c.ClassEmbedding {
	case ClassTable:
		y := b.input(InputClass, 1)
		table := b.param("class_embedding.weight", "", c.NumClasses, c.TimeEmbeddingDim)
		class = b.add(Lookup{Base: b.base("class_embedding", c.TimeEmbeddingDim), Class: y,
			Table: table, Rows: c.NumClasses, Dim: c.TimeEmbeddingDim})
	case ClassTimestep:
		y := b.input(InputClass, 1)
		class = b.mlp("class_embedding", b.project("time_proj", y), c.TimeEmbeddingDim, b.embedAct)
	case ClassIdentity:
		class = b.input(InputClassEmbedding, c.TimeEmbeddingDim)
	default:
		return emb
	}
	return b.sum("time_embedding.class", emb, class, 1)
}

// project embeds a number a row: the time, or a class treated like one.
func (b *unetBuilder) project(name string, t TensorID) TensorID {
	dim := b.c.BlockChannels[0]
	if b.c.TimeEmbedding == "fourier" {
		w := ParamID(-1)
		for i, p := range b.g.Params { // a class shares the weights of the time
			if p.Name == name+".weight" {
				w = ParamID(i)
			}
		}
		if w < 0 {
			w = b.param(name+".weight", "", dim)
		}
		return b.add(FourierEmbedding{Base: b.base(name, 2*dim), T: t, Weight: w, Dim: dim})
	}
	return b.add(TimestepEmbedding{Base: b.base(name, dim), T: t, Dim: dim,
		Flip: b.c.FlipSinToCos, FreqShift: b.c.FreqShift})
}

// down is one block of the down path.
func (b *unetBuilder) down(i int, h TensorID) TensorID {
	kind, out := b.c.DownBlocks[i], b.c.BlockChannels[i]
	name := fmt.Sprintf("down_blocks.%d", i)
	skip, attn := strings.Contains(kind, "Skip"), strings.HasPrefix(kind, "Attn")
	for j := range b.c.LayersPerBlock {
		o := b.resnetOpts(out)
		if skip {
			o.groups, o.groupsOut, o.div = min(b.channels[h]/4, 32), min(out/4, 32), math.Sqrt2
		}
		h = b.resnet(fmt.Sprintf("%s.resnets.%d", name, j), h, o)
		if attn {
			h = b.attention(fmt.Sprintf("%s.attentions.%d", name, j), h, b.attnGroups(skip), o.div)
		}
		b.skips = append(b.skips, h)
	}
	if i == len(b.c.DownBlocks)-1 {
		return h
	}
	switch {
	case skip:
		h = b.downSkip(name, h, out)
	case kind == "ResnetDownsampleBlock2D" || attn && b.c.DownsampleType == "resnet":
		o := b.resnetOpts(out)
		o.resample = modeOf(DownMean)
		h = b.resnet(name+".downsamplers.0", h, o)
	default:
		h = b.downsample(name+".downsamplers.0.conv", h, out, b.c.DownsamplePadding)
	}
	b.skips = append(b.skips, h)
	return h
}

// downSkip halves the size with a FIR resnet, and adds the image, halved as well.
func (b *unetBuilder) downSkip(name string, h TensorID, out int) TensorID {
	o := b.resnetOpts(out)
	g := min(out/4, 32)
	o.groups, o.groupsOut, o.div = g, g, math.Sqrt2
	o.resample, o.shortcut = modeOf(DownFIR), true
	h = b.resnet(name+".resnet_down", h, o)
	b.image = b.resample(name+".downsamplers.0", b.image, DownFIR)
	return b.sum(name+".skip", b.conv(name+".skip_conv", b.image, out, 1, 1, 0), h, 1)
}

// mid is UNetMidBlock2D: resnet, attention, resnet.
func (b *unetBuilder) mid(h TensorID) TensorID {
	c := b.channels[h]
	o := b.resnetOpts(c)
	if b.c.NormGroups == 0 {
		o.groups = min(c/4, 32)
		o.groupsOut = o.groups
	}
	o.div = b.c.MidBlockScale
	h = b.resnet("mid_block.resnets.0", h, o)
	if b.c.AddAttention {
		groups := b.c.AttnNormGroups
		if groups == 0 && !b.c.ScaleShift {
			groups = o.groups
		}
		h = b.attention("mid_block.attentions.0", h, groups, o.div)
	}
	return b.resnet("mid_block.resnets.1", h, o)
}

// up is one block of the up path. skip is the image of the skip blocks, NoTensor
// before the first.
func (b *unetBuilder) up(i int, h, skip TensorID) (TensorID, TensorID) {
	last := len(b.c.UpBlocks) - 1
	kind, out := b.c.UpBlocks[i], b.c.BlockChannels[last-i]
	name := fmt.Sprintf("up_blocks.%d", i)
	isSkip, attn := strings.Contains(kind, "Skip"), strings.HasPrefix(kind, "Attn")
	for j := range b.c.LayersPerBlock + 1 {
		lateral := b.skips[len(b.skips)-1]
		b.skips = b.skips[:len(b.skips)-1]
		o := b.resnetOpts(out)
		if isSkip {
			o.groups = min((b.channels[h]+b.channels[lateral])/4, 32)
			if attn { // diffusers divides only the second term here
				o.groups = min(b.channels[h]+b.channels[lateral]/4, 32)
			}
			o.groupsOut, o.div = min(out/4, 32), math.Sqrt2
		}
		h = b.concat(fmt.Sprintf("%s.concat.%d", name, j), h, lateral)
		h = b.resnet(fmt.Sprintf("%s.resnets.%d", name, j), h, o)
		if attn && !isSkip {
			h = b.attention(fmt.Sprintf("%s.attentions.%d", name, j), h, b.attnGroups(false), o.div)
		}
	}
	if isSkip {
		return b.upSkip(name, h, skip, out, attn, i < last)
	}
	switch {
	case i == last:
	case kind == "ResnetUpsampleBlock2D" || attn && b.c.UpsampleType == "resnet":
		o := b.resnetOpts(out)
		o.resample = modeOf(UpNearest)
		h = b.resnet(name+".upsamplers.0", h, o)
	default:
		h = b.resample(name+".upsamplers.0", h, UpNearest)
		h = b.conv(name+".upsamplers.0.conv", h, out, 3, 1, 1)
	}
	return h, skip
}

// upSkip ends a skip block: attention, the doubled image plus what this block adds to
// it, and a FIR resnet that doubles the size.
func (b *unetBuilder) upSkip(name string, h, skip TensorID, out int,
	attn, resize bool) (TensorID, TensorID) {
	if attn {
		h = b.attention(name+".attentions.0", h, b.attnGroups(true), math.Sqrt2)
	}
	if skip != NoTensor {
		skip = b.resample(name+".upsampler", skip, UpFIR)
	}
	if !resize {
		return h, skip
	}
	g := min(out/4, 32)
	z := b.norm(name+".skip_norm", h, g, b.c.NormEps, SiLU, NoTensor)
	z = b.conv(name+".skip_conv", z, 3, 3, 1, 1)
	if skip != NoTensor {
		z = b.sum(name+".skip", z, skip, 1)
	}
	o := b.resnetOpts(out)
	o.groups, o.groupsOut, o.div = g, g, math.Sqrt2
	o.resample, o.shortcut = modeOf(UpFIR), true
	return b.resnet(name+".resnet_up", h, o), z
}

// attnGroups are the groups of an attention's norm outside the middle block.
func (b *unetBuilder) attnGroups(skip bool) int {
	if skip {
		return 32
	}
	return b.c.NormGroups
}
