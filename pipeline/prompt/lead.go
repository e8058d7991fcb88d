package prompt

// Lead applies the weights w of a text to its hidden states z, [len(w), dim], in place: away from those of the empty text,
// or towards them. It is what ComfyUI does for every text encoder (comfy/sd1_clip.py, ClipTokenWeightEncoder):
//
//	z[t,i] = empty[t,i] + w[t] (z[t,i] - empty[t,i])
//
// Unlike [Emphasize] it needs no mean, which is next to nothing in the states of T5. Where a weight is 1 nothing changes,
// not a bit. len(z) must be a multiple of len(w), and empty as long as z.
func Lead(z, empty, w []float32) {
	if len(w) == 0 {
		return
	}
	dim := len(z) / len(w)
	for t, v := range w {
		if v == 1 {
			continue
		}
		row, from := z[t*dim:][:dim], empty[t*dim:][:dim]
		for i, e := range from {
			row[i] = e + float32(v*float32(row[i]-e))
		}
	}
}

// Plain tells whether all weights are 1.
func Plain(w []float32) bool {
	for _, v := range w {
		if v != 1 {
			return false
		}
	}
	return true
}
