package gpu_test

import (
	"fmt"

	"github.com/cudiffuse/cudiffuse/gpu"
)

// The noise of an element does not depend on which other elements are asked for.
func ExampleNormals() {
	all := make([]float32, 6)
	gpu.Normals(all, 42, 0, 0)
	tail := make([]float32, 2)
	gpu.Normals(tail, 42, 0, 4)
	fmt.Printf("%.4f\n%.4f\n", all, tail)
	// Output:
	// [-0.9702 0.1940 -1.2356 1.9239 -0.0732 0.1391]
	// [-0.0732 0.1391]
}
