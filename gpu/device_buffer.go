package gpu

import (
	"context"
	"errors"
	"fmt"

	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// DeviceBuffer is a [sampler.Buffer] on a GPU. It belongs to a Program, whose stream orders all work
// on it.
type DeviceBuffer struct {
	c      *CUDA
	stream *cuda.Stream
	mem    *cuda.Buffer
	elems  int
	dtype  DType
}

var _ sampler.Buffer = (*DeviceBuffer)(nil)

// newDeviceBuffer allocates elems elements, 0 at first.
func newDeviceBuffer(c *CUDA, s *cuda.Stream, elems int, d DType) (*DeviceBuffer, error) {
	mem, err := c.dev.Alloc(int64(elems) * int64(d.Size()))
	if err != nil {
		return nil, err
	}
	b := &DeviceBuffer{c: c, stream: s, mem: mem, elems: elems, dtype: d}
	return b, s.Fill(mem, 0, 0, mem.Size())
}

// Len returns the number of elements.
func (b *DeviceBuffer) Len() int { return b.elems }

// Host returns nil: the host cannot use the memory. See Download and Upload.
func (b *DeviceBuffer) Host() []float32 { return nil }

// DType returns the type of the elements in the memory.
func (b *DeviceBuffer) DType() DType { return b.dtype }

// Ptr returns the device address.
func (b *DeviceBuffer) Ptr() uint64 { return b.mem.Ptr() }

// Memory returns the memory on the device.
func (b *DeviceBuffer) Memory() *cuda.Buffer { return b.mem }

// Stream returns the stream that orders all work on the buffer: a network on the GPU enqueues there.
func (b *DeviceBuffer) Stream() *cuda.Stream { return b.stream }

// Download waits for the work on the buffer and copies it to dst, which has Len values.
func (b *DeviceBuffer) Download(dst []float32) error {
	if err := b.checkHost("dst", dst); err != nil {
		return err
	}
	return b.c.dev.Do(func() error {
		if b.dtype == Float32 {
			return b.read(dst, b.mem)
		}
		return b.staged(func(stage *cuda.Buffer) error {
			if err := b.cast("cast_"+dtypeSuffixes[b.dtype]+"_to_f32", stage, b.mem); err != nil {
				return err
			}
			return b.read(dst, stage)
		})
	})
}

// Upload copies src, which has Len values, to the device, rounded to the buffer's type, after the work
// on the buffer. It waits for the copy.
func (b *DeviceBuffer) Upload(src []float32) error {
	if err := b.checkHost("src", src); err != nil {
		return err
	}
	return b.c.dev.Do(func() error {
		if b.dtype == Float32 {
			return b.write(b.mem, src)
		}
		return b.staged(func(stage *cuda.Buffer) error {
			if err := b.write(stage, src); err != nil {
				return err
			}
			return b.cast("cast_f32_to_"+dtypeSuffixes[b.dtype], b.mem, stage)
		})
	})
}

func (b *DeviceBuffer) read(dst []float32, mem *cuda.Buffer) error {
	if err := b.stream.Sync(context.Background()); err != nil {
		return err
	}
	return b.c.dev.Read(bytesOf(dst), mem, 0)
}

func (b *DeviceBuffer) write(mem *cuda.Buffer, src []float32) error {
	if err := b.stream.Sync(context.Background()); err != nil {
		return err
	}
	return b.c.dev.Write(mem, 0, bytesOf(src))
}

// staged calls f with memory for the elements in float32.
func (b *DeviceBuffer) staged(f func(*cuda.Buffer) error) error {
	stage, err := b.c.dev.Alloc(4 * int64(b.elems))
	if err != nil {
		return err
	}
	return errors.Join(f(stage), stage.Free())
}

// cast runs a cast kernel over the elements and waits for it.
func (b *DeviceBuffer) cast(name string, dst, src *cuda.Buffer) error {
	blocks := min((b.elems+stepThreads-1)/stepThreads, 8*b.c.dev.Info().SMs)
	err := b.c.launch(b.stream, name, cuda.Geometry{Grid: cuda.Dim{X: blocks}, Block: cuda.Dim{X: stepThreads}},
		dst.Ptr(), src.Ptr(), uint64(b.elems))
	if err != nil {
		return err
	}
	return b.stream.Sync(context.Background())
}

func (b *DeviceBuffer) checkHost(name string, v []float32) error {
	if len(v) != b.elems {
		return &sampler.RequestError{Row: -1, Field: name,
			Detail: fmt.Sprintf("%d values: want %d", len(v), b.elems)}
	}
	return nil
}
