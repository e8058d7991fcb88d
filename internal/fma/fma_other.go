//go:build !arm64

package fma

// Float32 is x*y + z rounded once.
func Float32(x, y, z float32) float32 { return Soft(x, y, z) }
