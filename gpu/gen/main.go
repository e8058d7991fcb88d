// Command gen writes the AVX2 assembly of package gpu. Run it with go generate in that package.
// Each kernel mirrors its generic twin: the same roundings in the same order, none of them fused.
package main

import . "github.com/mmcloughlin/avo/build"

func main() {
	philox()
	boxMuller()
	Generate()
}
