// Command gen writes the AVX2 and AVX-512 assembly of package bfloat. Run it with go generate in that package.
// AMX, which the generator does not know, is in amx_amd64.s by hand.
package main

import . "github.com/mmcloughlin/avo/build"

func main() {
	shape{"product2x2", 32, 2, 2}.product()
	shape{"product5x8", 64, 1, 8}.product()
	round5()
	weave5()
	for spans := 1; spans <= maxSpans; spans++ {
		gather5(spans)
	}
	Generate()
}
