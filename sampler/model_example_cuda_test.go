//go:build cuda

package sampler_test

import (
	"fmt"
	"os"

	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/cudiffuse/cudiffuse/gpu"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// closingDevice is a device that is closed after use.
type closingDevice interface {
	sampler.Device
	Close() error
}

// firstGPU opens the first GPU, or the CPU where there is none and none is asked for.
func firstGPU() (closingDevice, error) {
	dev, err := gpu.OpenCUDA(0, gpu.CUDAOptions{})
	if err == nil {
		return dev, nil
	}
	if os.Getenv("CUDA_REQUIRED") == "" && cuda.Unavailable(err) {
		return gpu.NewCPU(1), nil
	}
	return nil, err
}

// The same network on a GPU: [gpu.OnHost] copies what it takes to the host, and what it gives back.
func ExampleModel_onHost() {
	dev, err := firstGPU()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer dev.Close()
	if err := drawSigns(dev, gpu.OnHost); err != nil {
		fmt.Println(err)
	}
	// Output:
	// [+1.00 +1.00 +1.00 -1.00]
	// [+1.00 +1.00 +1.00 +1.00]
}
