// Command gen writes the AVX2 assembly of package model. Run it with go generate in
// that package. Each kernel mirrors its generic twin operation by operation, with a
// multiply and an add where a fused one would round differently.
package main

import . "github.com/mmcloughlin/avo/build"

func main() {
	silu()
	gelu(false)
	gelu(true)
	addMoments()
	normalise()
	softmax()
	for _, rows := range []int{1, 4} {
		mulBlock(rows)
	}
	Generate()
}
