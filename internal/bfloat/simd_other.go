//go:build !amd64

package bfloat

func productTile(_ level, kb int, a, b []uint16, c []float32, ldc int) {
	productGeneric(kb, a, b, c, ldc)
}

func productAMX(_, _, _ int, _, _ []uint16, _ sums, _ []float32, _ int) {}

func columnAMX(_, _ int, _ []uint16, _ int, _ []uint16, _ []float32, _ bool) {}

func weaveSIMD([]uint16, []float32, int) {}

func roundSIMD([]uint16, int, []float32, int, int, int) {}

func gatherSIMD(_, _ []uint16, _ []int32, _ []span) bool { return false }
