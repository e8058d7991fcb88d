// Command gen writes the assembly of package model. Run it with go generate in
// that package. Each kernel mirrors its generic twin operation by operation, fused or not.
package main

import . "github.com/mmcloughlin/avo/build"

func main() {
	silu()
	gelu(false)
	gelu(true)
	affine()
	sum()
	momentLanes()
	normalise()
	normalise512()
	silu512()
	gelu512(false)
	gelu512(true)
	for _, s := range []isa{avx2, avx512} {
		s.pixelMoments()
		s.softmax()
		s.scaleRows()
		for _, rows := range s.mulRows {
			s.mulBlock(rows)
		}
	}
	mulPair()
	Generate()
}
