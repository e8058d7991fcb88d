// Command gen writes the assembly of package gemm. Run it with go generate in that package.
package main

import . "github.com/mmcloughlin/avo/build"

func main() {
	for rows := 1; rows <= 6; rows++ {
		wide2.kernel(rows)
	}
	for rows := 1; rows <= 14; rows++ {
		wide5.kernel(rows)
		narrow5.kernel(rows)
	}
	for spans := 2; spans <= maxSpans; spans++ {
		gather2(spans)
	}
	gather2Any()
	for spans := 1; spans <= 8; spans++ {
		gather5(spans)
	}
	gather5Any()
	few5()
	move5()
	transform2()
	output2()
	spread2()
	spread5()
	for spans := 1; spans <= 8; spans++ {
		transform5(spans)
	}
	output5()
	for tiles := 1; tiles < len(thinTerms); tiles++ {
		thin5(tiles)
	}
	thinRows5()
	consts := weightConsts()
	weights2(consts)
	weights5(consts)
	wide2.gatherRun("gatherRun2")
	wide5.gatherRun("gatherRun5")
	evens2()
	sum2()
	twice2()
	sum5()
	pack2()
	pack5()
	Generate()
}
