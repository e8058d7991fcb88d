package gpu

// fusedLanes is the number of elements of which fusedSIMD does a multiple.
func fusedLanes() int {
	if simd == avx512 {
		return 16
	}
	return 8
}

// haveFused tells whether the level in use has the fused update in assembly.
func haveFused() bool { return simd >= avx2 }

func fusedSIMD(n int, f *fused) {
	if simd == avx512 {
		fusedAVX512(n, &f.r[0])
	} else {
		fusedAVX2(n, &f.r[0])
	}
}
