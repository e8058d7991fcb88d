//go:build !arm64

package model

// fma is x*y + z rounded once.
func fma(x, y, z float32) float32 { return fmaSoft(x, y, z) }
