//go:build !amd64

package gemm

// What only AVX-512 and AVX2 have; nothing calls these.

const winoSpans = 8

func (*winoSpace) transformSpansAVX512([]float32, int, int, int, int, []span) {}

func (*winoSpace) spreadSIMD(level, []float32, []float32, int) {}

func outputAVX512(*winoOutput, []float32) {}

func gatherAVX512([]float32, int, []float32, []int32, []span) {}

func move5(*float32, int, *float32, int, int, int) {}

func gatherRun2(*float32, int, *float32, *int32, int, int) {}

func gatherRun5(*float32, int, *float32, *int32, int, int) {}

func evens2(*float32, int, *float32, int, int, int) {}

func sum2(*float32, int, *float32, int, *float32, int, int, int) {}

func twice2(*float32, *float32, int) {}

func sum5(*float32, int, *float32, int, *float32, int, int, int) {}

func pack2(*float32, *float32, int, int, int) {}

func pack5(*float32, *float32, int, int, int) {}

func few5(*float32, int, *float32, int, *int32, int, *float32, int, int, int, *float32) {}

func weights2(*float32, int, int, *float32, int, int) {}

func weights5(*float32, int, int, *float32, int, int) {}

func thinAVX512(int, *[winoTerms * thinTiles * thinRows]float32, *[winoTerms * thinChannels * thinRows]float32, []float32, int, bool) {
}

func thinTurnAVX512([]float32, int, *[winoTerms * thinTiles * thinRows]float32, int) {}
