package model

// fma is x*y + z rounded once: the compiler fuses the two.
func fma(x, y, z float32) float32 { return x*y + z }
