package gpu

// blockThreads is the number of partial sums of a reduction: the threads of a block on a GPU.
const blockThreads = 1024

// rescaling is guidance rescale of one request (sampler.WithRescale).
type rescaling struct {
	phi, keep float32 // phi and 1-phi, each rounded once from float64
	partial   [blockThreads]float32
}

func newRescaling(phi float64) *rescaling {
	return &rescaling{phi: float32(phi), keep: float32(1 - phi)}
}

// factor is
//
//	factor = phi*(std(first)/std(m)) + (1-phi)
//
// in this order, each operation rounded. It is 1 when std(m) is 0, and for samples of one element,
// which have no standard deviation: then m does not change. (In diffusers both are 0/0 and every
// element becomes NaN.) A NaN or an infinity among the outputs makes it NaN, as there.
//
// With one condition of weight 1 it is 1 to one rounding of phi + (1-phi).
func (r *rescaling) factor(first, m []float32) float32 {
	if len(m) == 1 {
		return 1
	}
	stdFirst, stdM := r.std(first), r.std(m)
	if stdM == 0 {
		return 1
	}
	ratio := stdFirst / stdM
	return float32(r.phi*ratio) + r.keep
}

// std is the standard deviation of v with n-1 degrees of freedom (torch.std), n at least 2, in two
// passes:
//
//	mean = total(v) / n
//	std  = sqrt(total((v-mean)*(v-mean)) / (n-1))
//
// n and n-1 are rounded to float32, and so is each operation: subtraction, product, sum, quotient
// and square root.
func (r *rescaling) std(v []float32) float32 {
	p := &r.partial
	clear(p[:])
	for rest := v; len(rest) > 0; rest = rest[min(blockThreads, len(rest)):] {
		for l, x := range rest[:min(blockThreads, len(rest))] {
			p[l] += x
		}
	}
	mean := total(p) / float32(len(v))
	clear(p[:])
	for rest := v; len(rest) > 0; rest = rest[min(blockThreads, len(rest)):] {
		for l, x := range rest[:min(blockThreads, len(rest))] {
			d := x - mean
			p[l] += float32(d * d)
		}
	}
	variance := total(p) / float32(len(v)-1)
	return root(variance)
}

// total adds up 1024 partial sums, of which number l has added elements l, l+1024, l+2048, ... from
// +0 in this order. It is a tree, as a block of threads does it:
//
//	for s = 512, 256, ..., 1:  partial[l] += partial[l+s]  for l < s
func total(p *[blockThreads]float32) float32 {
	for s := blockThreads / 2; s > 0; s /= 2 {
		for l := range s {
			p[l] += p[l+s]
		}
	}
	return p[0]
}
