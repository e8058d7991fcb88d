package torchrand_test

import (
	"fmt"

	"github.com/cudiffuse/cudiffuse/sampler/torchrand"
)

func ExampleCPU_Randn() {
	x := make([]float32, 4*64*64)
	torchrand.NewCPU(42).Randn(x)
	fmt.Printf("%.4f %.4f %.4f\n", x[0], x[1], x[2])
	// Output: 1.9269 1.4873 0.9007
}
