// Command gen writes the AVX2 assembly of package gemm. Run it with go generate in that package.
package main

import . "github.com/mmcloughlin/avo/build"

func main() {
	for rows := 1; rows <= tileM; rows++ {
		kernel(rows)
	}
	for spans := 2; spans <= maxSpans; spans++ {
		pack(spans)
	}
	packAny()
	Generate()
}
