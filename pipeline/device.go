package pipeline

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/cudiffuse/cudiffuse/gpu"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// syncTimeout ends a wait for a GPU that hangs. No update takes a second.
const syncTimeout = time.Minute

// device is a device that the pipeline opened and closes.
type device interface {
	sampler.Device
	Close() error
}

// parseDevice returns the number of the GPU that a name asks for, -1 for the CPU.
func parseDevice(name string) (ordinal int, err error) {
	rest, isCUDA := strings.CutPrefix(name, "cuda")
	switch {
	case name == "", name == "auto", name == "cpu":
		return -1, nil
	case isCUDA && rest == "":
		return 0, nil
	case isCUDA && strings.HasPrefix(rest, ":"):
		if n, err := strconv.ParseUint(rest[1:], 10, 31); err == nil && n <= math.MaxUint16 {
			return int(n), nil
		}
	}
	return 0, &RequestError{Field: "device", Value: fmt.Sprintf("%q", name),
		Want: "auto, cpu or cuda:N with the number of a GPU, e.g. cuda:0"}
}

// CheckDevice tells whether name is one that [Options.Device] takes. Whether there is such a device
// shows when a model is opened.
func CheckDevice(name string) error {
	_, err := parseDevice(name)
	return err
}

// openDevice opens the device of a name.
func openDevice(o Options) (device, error) {
	ordinal, err := parseDevice(o.Device)
	switch {
	case err != nil:
		return nil, err
	case ordinal < 0:
		return gpu.NewCPU(o.Threads), nil
	}
	dev, err := gpu.OpenCUDA(ordinal, gpu.CUDAOptions{Driver: cuda.Options{SyncTimeout: syncTimeout}})
	if err != nil {
		return nil, fmt.Errorf("device %s: %w", o.Device, err)
	}
	return dev, nil
}
