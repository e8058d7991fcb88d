package gpu

import "os"

// simd tells whether the assembly is used. Tests switch it; nothing else does after start-up.
// CUDIFFUSE_CPU=generic in the environment turns it off. The results are the same bits.
var simd = haveSIMD && os.Getenv("CUDIFFUSE_CPU") != "generic"
