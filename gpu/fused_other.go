//go:build !amd64

package gpu

// There is no fused update in assembly for this architecture: its loops have some.

func fusedLanes() int { return 1 }

func haveFused() bool { return false }

func fusedSIMD(int, *fused) {}
