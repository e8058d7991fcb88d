package pipeline

import (
	"context"
	"errors"
	"fmt"
	"image"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/cudiffuse/cudiffuse/gpu"
	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/model/device"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// syncTimeout ends a wait for a GPU that hangs. No update takes a second.
const syncTimeout = time.Minute

// openedDevice is a device that the pipeline opened and closes.
type openedDevice interface {
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

// precisions are the types of a network, by the names that people use.
var precisions = map[string]gpu.DType{"fp32": gpu.Float32, "fp16": gpu.Float16, "bf16": gpu.BFloat16}

// ParsePrecision returns the type of a network that a name stands for: fp32, fp16 or bf16.
func ParsePrecision(name string) (gpu.DType, error) {
	t, ok := precisions[name]
	if !ok {
		return 0, &RequestError{Field: "precision", Value: fmt.Sprintf("%q", name), Want: "fp32, fp16 or bf16"}
	}
	return t, nil
}

// precision is the type that was asked for.
func (o Options) precision() (gpu.DType, error) {
	if o.Precision == "" {
		return gpu.Float32, nil
	}
	return ParsePrecision(o.Precision)
}

// onCPU tells whether the denoiser runs on the CPU.
func (o Options) onCPU() bool {
	ordinal, err := parseDevice(o.Device)
	return err == nil && ordinal < 0 || o.Network == "cpu"
}

// bfloat tells whether networks have bfloat16 on the CPU.
func (o Options) bfloat() bool {
	t, err := o.precision()
	return err == nil && t == gpu.BFloat16 && o.onCPU()
}

// check refuses options that cannot be right, before anything is opened.
func (o Options) check() error {
	ordinal, err := parseDevice(o.Device)
	if err != nil {
		return err
	}
	t, err := o.precision()
	switch {
	case err != nil:
		return err
	case o.Network != "" && o.Network != "device" && o.Network != "cpu":
		return &RequestError{Field: "network", Value: fmt.Sprintf("%q", o.Network), Want: "device or cpu"}
	case o.Parts != "" && o.Parts != "device" && o.Parts != "cpu":
		return &RequestError{Field: "parts", Value: fmt.Sprintf("%.40q", o.Parts), Want: "device, cpu or nothing"}
	case o.Parts == "device" && ordinal < 0:
		return &RequestError{Field: "parts", Value: `"device"`, Want: "cpu or nothing without a GPU"}
	case o.Autotune < 0 || o.Autotune > maxAutotune:
		return &RequestError{Field: "autotune", Value: fmt.Sprint(o.Autotune), Want: fmt.Sprintf("0..%d", maxAutotune)}
	case t == gpu.Float16 && o.onCPU():
		return &RequestError{Field: "precision", Value: fmt.Sprintf("%q", o.Precision), Want: "fp32 or bf16 where the network runs on the CPU"}
	}
	return nil
}

// maxAutotune bounds the plans that are timed for a layer.
const maxAutotune = 64

// openDevice opens the device of a name.
func openDevice(o Options) (openedDevice, error) {
	ordinal, err := parseDevice(o.Device)
	switch {
	case err != nil:
		return nil, err
	case ordinal < 0:
		return gpu.NewCPU(o.Threads), nil
	}
	t, err := o.precision()
	if err != nil {
		return nil, err
	}
	if o.Network == "cpu" {
		t = gpu.Float32 // of the tensors; the network's matrices may have another
	}
	dev, err := gpu.OpenCUDA(ordinal, gpu.CUDAOptions{DType: t,
		Driver: cuda.Options{SyncTimeout: syncTimeout}})
	if err != nil {
		return nil, fmt.Errorf("device %s: %w", o.Device, err)
	}
	return dev, nil
}

// place is where a pipeline's networks run.
type place struct {
	dev  openedDevice
	net  *device.Network // the denoiser on a GPU, nil where it runs on the CPU
	pool *workers.Pool   // of networks on the CPU

	parts parts // beside the denoiser

	safety func(image.Image) error // may be nil
}

// openPlace opens a device and puts the denoiser on it, unless it is the CPU or the network is to stay there.
func openPlace(net model.Network, o Options) (place, error) {
	dev, err := openDevice(o)
	if err != nil {
		return place{}, err
	}
	pl := place{dev: dev, safety: o.Safety}
	if c, ok := dev.(*gpu.CUDA); ok && o.Network != "cpu" {
		do := device.Options{Bundle: o.Plans, Autotune: o.Autotune}
		if _, flux := net.(*model.Flux); flux {
			do.Height, do.Width = fluxSide, fluxSide
		}
		pl.net, err = device.Load(context.Background(), c, net, do)
		if err != nil {
			_ = dev.Close() // what matters is why the network did not load
			return place{}, fmt.Errorf("device %s: %w", o.Device, err)
		}
	}
	if o.bfloat() {
		if err := net.Weights().UseBFloat16(); err != nil {
			_ = dev.Close() // what matters is why not
			return place{}, err
		}
	}
	pl.pool = workers.New(o.Threads)
	return pl, nil
}

// Close ends the pipeline's threads and frees its device. It may be called twice.
func (pl *place) Close() error {
	pl.pool.Close()
	err := pl.parts.close()
	if pl.net != nil {
		err = errors.Join(err, pl.net.Close())
	}
	return errors.Join(err, pl.dev.Close())
}
