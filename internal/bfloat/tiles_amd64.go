//go:build !linux

package bfloat

// allowTiles: no other system is known to grant tile registers to a Go program.
func allowTiles() bool { return false }
