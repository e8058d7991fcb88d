//go:build arm64 || amd64.v3

package gemm

// fma is x*y + z rounded once: the compiler fuses the two for these architectures.
func fma(x, y, z float32) float32 { return x*y + z }
