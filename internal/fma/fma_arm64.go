package fma

// Float32 is x*y + z rounded once: the compiler fuses the two. (For GOAMD64=v3 it does so too, but not
// where z is read from memory.)
func Float32(x, y, z float32) float32 { return x*y + z }
