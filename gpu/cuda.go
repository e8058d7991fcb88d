package gpu

import (
	"errors"
	"fmt"

	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// CUDA is a GPU. It executes plans with one launch a stage for all requests of a batch, and a second
// one where a plan asks for it (sampler.Cost); its results have the bits of [CPU]. It may be used by
// many goroutines; each Program has a stream of its own.
//
// A program that is built without the tag cuda has the same functions; [OpenCUDA] then returns
// [cuda.ErrNotBuilt].
type CUDA struct {
	dev   *cuda.Device
	mod   *cuda.Module
	dtype DType
}

var _ sampler.Device = (*CUDA)(nil)

// CUDAOptions tune a device. The zero value has a float32 network and no limits.
type CUDAOptions struct {
	DType  DType        // of the network's input and output
	Driver cuda.Options // memory limit, timeout
}

// OpenCUDA opens a GPU by its number, from 0, and loads the kernels. It keeps the device's primary
// context until Close. Errors are those of [cuda.Open]; [cuda.Unavailable] tells those that mean that
// there is no such device to work with.
func OpenCUDA(ordinal int, o CUDAOptions) (*CUDA, error) {
	if err := o.DType.check(); err != nil {
		return nil, err
	}
	dev, err := cuda.Open(ordinal, o.Driver)
	if err != nil {
		return nil, err
	}
	image, err := kernelImage()
	if err == nil {
		c := &CUDA{dev: dev, dtype: o.DType}
		if c.mod, err = dev.LoadModule(image); err == nil {
			return c, nil
		}
	}
	_ = dev.Close() // what matters is why the kernels did not load
	return nil, err
}

// Name returns "cuda:0" for the first device.
func (c *CUDA) Name() string { return fmt.Sprintf("cuda:%d", c.dev.Info().Ordinal) }

// Driver returns the device underneath, for networks that run on it.
func (c *CUDA) Driver() *cuda.Device { return c.dev }

// Kernel returns one of the kernels of package cuda by its whole name, for networks.
func (c *CUDA) Kernel(name string) (*cuda.Kernel, error) { return c.mod.Kernel(name) }

// DType returns the type of the network's input and output.
func (c *CUDA) DType() DType { return c.dtype }

// Close frees everything on the device, what Programs hold included. It may be called twice.
func (c *CUDA) Close() error { return c.dev.Close() }

// typed is the whole name of a kernel of the device's network type.
func (c *CUDA) typed(name string) string { return name + "_" + dtypeSuffixes[c.dtype] }

// launch enqueues a kernel that runs once, by its whole name.
func (c *CUDA) launch(s *cuda.Stream, name string, g cuda.Geometry, args ...uint64) error {
	k, err := c.mod.Kernel(name)
	if err != nil {
		return err
	}
	l, err := k.Prepare(g, args...)
	if err != nil {
		return err
	}
	return errors.Join(s.Launch(l), l.Close())
}

// Program implements [sampler.Device]. The tables, the initial noise and the first network inputs are
// on their way when it returns; the slices of requests may be changed or dropped.
//
// Its errors are those of [CPU.Program] and a *[cuda.Error], out of memory for one.
func (c *CUDA) Program(elems int, reqs []sampler.Request) (sampler.Program, error) {
	for i := range reqs {
		if reqs[i].Noise != nil {
			return nil, &sampler.RequestError{Row: i, Field: "noise", Detail: "given: want none on a GPU, whose noise is the seed's"}
		}
	}
	if _, err := checkBatch(elems, reqs); err != nil {
		return nil, err
	}
	b, err := newBatch(elems, reqs)
	if err != nil {
		return nil, err
	}
	p := newCUDAProgram(c, b)
	if err := c.dev.Do(func() error { return p.open(reqs) }); err != nil {
		_ = p.Close()
		return nil, err
	}
	return p, nil
}
