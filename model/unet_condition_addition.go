package model

// The numbers beside the text that Stable Diffusion XL takes: the network itself has six
// (original size, crop, target size), its refiner five (an aesthetic score in place of
// the target size), for a pooled text of 1280 features (Podell et al., "SDXL: Improving
// Latent Diffusion Models for High-Resolution Image Synthesis", 2023, arXiv:2307.01952,
// section 2.2). A file has only the length of all together, so that five are taken where
// they leave room for just such a text, and else six.
const (
	defaultTimeIDs  = 6
	refinerTimeIDs  = 5
	sdxlPooledWidth = 1280
)

// readAddition reads addition_embed_type, of which null and "text_time" are supported.
func (c *UNetConditionConfig) readAddition(f *fields) {
	const dimKey, sumKey = "addition_time_embed_dim", "projection_class_embeddings_input_dim"
	kind := f.choice("addition_embed_type", "", "text_time")
	dim, sum := f.optInt(dimKey, 0, maxWidth), f.optInt(sumKey, 0, maxConfigBytes)
	if kind == "" || f.err != nil { // the numbers have no effect
		return
	}
	if dim == 0 || sum == 0 {
		f.fail("addition_embed_type", "is %q, but %s or %s is null", kind, dimKey, sumKey)
		return
	}
	if float64(dim/2) == c.FreqShift {
		f.fail("freq_shift", "is %g, which divides by zero for an %s of %d", c.FreqShift, dimKey, dim)
	}
	c.TimeIDDim, c.TimeIDs = dim, defaultTimeIDs
	if sum-refinerTimeIDs*dim == sdxlPooledWidth {
		c.TimeIDs = refinerTimeIDs
	}
	if c.PooledDim = sum - c.TimeIDs*dim; c.PooledDim < 1 || c.PooledDim > maxWidth {
		f.fail(sumKey, "is %d, which leaves %d features for a text beside %d times %d",
			sum, c.PooledDim, c.TimeIDs, dim)
	}
}

// addition adds the embedding of the pooled text and of the numbers to that of the time.
func (b *conditionBuilder) addition(emb TensorID) TensorID {
	c := b.cond
	pooled, ids := b.input(InputPooled, c.PooledDim), b.input(InputTimeIDs, c.TimeIDs)
	times := b.add(TimestepEmbedding{Base: b.base("add_time_proj", c.TimeIDs*c.TimeIDDim), T: ids,
		Dim: c.TimeIDDim, Flip: c.FlipSinToCos, FreqShift: c.FreqShift})
	h := b.concat("add_embedding.concat", pooled, times)
	h = b.mlp("add_embedding", h, b.channels[emb], SiLU)
	return b.sum("time_embedding.addition", emb, h, 1)
}
