package gpu

import (
	"os"
	"testing"

	"github.com/cudiffuse/cudiffuse/internal/emu"
	"github.com/cudiffuse/cudiffuse/internal/gputest"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// dtypeOf is the device's name for a type of the test machinery.
var dtypeOf = map[gputest.DType]DType{
	gputest.Float32: Float32, gputest.Float16: Float16, gputest.BFloat16: BFloat16,
}

// opened counts the GPUs that tests have open.
var opened int

// openCUDA opens the first GPU, which may be the emulated one, and closes it after the test; nothing
// may be left on the emulated one then. Without a GPU the test is skipped, which is a failure where
// CUDA_REQUIRED=1 says that there must be one.
func openCUDA(t testing.TB, dtype gputest.DType) *CUDA {
	t.Helper()
	dev, err := OpenCUDA(0, CUDAOptions{DType: dtypeOf[dtype]})
	if err != nil {
		if os.Getenv("CUDA_REQUIRED") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	opened++
	t.Cleanup(func() {
		if err := dev.Close(); err != nil {
			t.Error(err)
		}
		opened--
		if leaks, err := emu.Leaks(); err == nil && opened == 0 && leaks != (emu.LeakSet{}) {
			t.Errorf("left on the device: %+v", leaks)
		}
	})
	return dev
}

// forEachDevice runs f on the CPU and on a GPU, for each type of the network's buffers.
func forEachDevice(t *testing.T, f func(t *testing.T, dev sampler.Device, dtype gputest.DType)) {
	t.Run("cpu", func(t *testing.T) {
		cpu := NewCPU(2)
		defer cpu.Close()
		for _, d := range gputest.DTypes {
			t.Run(d.String(), func(t *testing.T) { f(t, narrow{cpu, d}, d) })
		}
	})
	t.Run("cuda", func(t *testing.T) {
		for _, d := range gputest.DTypes {
			t.Run(d.String(), func(t *testing.T) { f(t, openCUDA(t, d), d) })
		}
	})
}
