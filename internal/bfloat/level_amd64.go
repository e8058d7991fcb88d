package bfloat

import "golang.org/x/sys/cpu"

// levels are those of this processor, the best one last.
var levels = detect()

func detect() []level {
	x := cpu.X86
	found := []level{generic}
	if !x.HasAVX2 || !x.HasFMA || !x.HasBMI2 {
		return found
	}
	found = append(found, avx2)
	if !x.HasAVX512F || !x.HasAVX512BW || !x.HasAVX512DQ || !x.HasAVX512VL {
		return found
	}
	found = append(found, avx512)
	if x.HasAMXTile && x.HasAMXBF16 && allowTiles() {
		found = append(found, amx)
	}
	return found
}
