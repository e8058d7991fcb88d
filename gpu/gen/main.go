// Command gen writes the assembly of package gpu. Run it with go generate in that package. Each
// kernel mirrors its generic twin: the same roundings in the same order, none of them fused.
package main

import . "github.com/mmcloughlin/avo/build"

func main() {
	avx2.philox()
	avx2.boxMuller()
	avx512.normals()
	for _, s := range []set{avx2, avx512} {
		s.fused()
	}
	sum()
	scale()
	clip()
	Generate()
}
