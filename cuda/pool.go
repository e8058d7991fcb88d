//go:build cuda

package cuda

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"unsafe"

	"gorgonia.org/cu"
)

// pool is a caching allocator of one kind of memory. Sizes are rounded up to classes, eight between
// two powers of two, so that at most an eighth is lost; what is freed is kept for the next request of
// its class.
//
// Memory that is freed while work is enqueued may still be used by that work: it waits until every
// stream that had work then has been waited for, and is only then given out again.
type pool struct {
	d       *Device
	name    string
	alloc   func(d *Device, size int64) (uintptr, error)
	free    func(d *Device, at uintptr) error
	stats   MemoryStats
	cache   map[int64][]uintptr
	pending []pending
}

type pending struct {
	at    uintptr
	size  int64
	after []mark
}

// mark is a point in the work of a stream.
type mark struct {
	stream *Stream
	work   uint64
}

func allocDevice(d *Device, size int64) (uintptr, error) {
	p, err := cu.MemAlloc(size)
	if err != nil {
		return 0, d.failed("cuMemAlloc", fmt.Sprintf("%d bytes", size), err)
	}
	return uintptr(p), nil
}

func freeDevice(d *Device, at uintptr) error {
	if err := cu.MemFree(cu.DevicePtr(at)); err != nil {
		return d.failed("cuMemFree", "", err)
	}
	return nil
}

const (
	smallest = 512     // bytes, and the alignment of every allocation
	largest  = 1 << 46 // of one allocation, more than any device has
)

// class rounds a size up to its class.
func class(size int64) int64 {
	if size <= smallest {
		return smallest
	}
	step := int64(1) << (bits.Len64(uint64(size-1)) - 4)
	step = max(step, smallest)
	return (size + step - 1) / step * step
}

// get returns memory of at least size bytes and its class.
func (p *pool) get(size int64) (uintptr, int64, error) {
	if size < 1 || size > largest {
		return 0, 0, &Error{Op: "Alloc", Detail: fmt.Sprintf("%d bytes: want 1 to 2^46", size), Err: InvalidValue}
	}
	c := class(size)
	p.sweep()
	if list := p.cache[c]; len(list) > 0 {
		at := list[len(list)-1]
		p.cache[c] = list[:len(list)-1]
		p.stats.Cached -= c
		p.stats.Reuses++
		p.use(c)
		return at, c, nil
	}
	at, err := p.grow(c)
	if errors.Is(err, OutOfMemory) {
		if e := p.reclaim(); e != nil {
			return 0, 0, e
		}
		at, err = p.grow(c)
	}
	if errors.Is(err, OutOfMemory) {
		return 0, 0, p.full(size)
	}
	if err != nil {
		return 0, 0, err
	}
	p.stats.Allocations++
	p.use(c)
	return at, c, nil
}

func (p *pool) use(c int64) {
	p.stats.InUse += c
	p.stats.Live++
	p.stats.Peak = max(p.stats.Peak, p.stats.InUse)
}

// grow asks the driver, unless that would pass the limit.
func (p *pool) grow(c int64) (uintptr, error) {
	if err := p.d.notRecording("Alloc"); err != nil {
		return 0, err
	}
	if limit := p.d.options.MemoryLimit; p == &p.d.mem && limit > 0 && p.held()+c > limit {
		return 0, OutOfMemory
	}
	return p.alloc(p.d, c)
}

// held is what the driver has given out: used, cached and pending.
func (p *pool) held() int64 {
	n := p.stats.InUse + p.stats.Cached
	for _, f := range p.pending {
		n += f.size
	}
	return n
}

// reclaim waits for the work that still uses freed memory and gives the whole cache back.
func (p *pool) reclaim() error {
	p.stats.Trims++
	for _, f := range p.pending {
		for _, m := range f.after {
			if _, open := p.d.streams[m.stream]; !open {
				continue
			}
			if err := m.stream.wait(context.Background()); err != nil {
				return err
			}
		}
	}
	return p.trim()
}

func (p *pool) full(size int64) error {
	e := &MemoryError{Requested: size, InUse: p.stats.InUse, Cached: p.held() - p.stats.InUse}
	if p == &p.d.mem {
		e.Limit, e.Total = p.d.options.MemoryLimit, p.d.info.TotalMemory
		if free, _, err := cu.MemInfo(); err == nil {
			e.Free = free
		}
	}
	return &Error{Op: "Alloc", Detail: p.name + " memory of " + p.d.info.Name, Err: e}
}

// put takes memory back.
func (p *pool) put(at uintptr, c int64) {
	p.stats.InUse -= c
	p.stats.Live--
	var after []mark
	for s := range p.d.streams {
		if s.done < s.work {
			after = append(after, mark{s, s.work})
		}
	}
	if len(after) > 0 {
		p.pending = append(p.pending, pending{at, c, after})
		return
	}
	p.keep(at, c)
}

func (p *pool) keep(at uintptr, c int64) {
	if p.cache == nil {
		p.cache = map[int64][]uintptr{}
	}
	p.cache[c] = append(p.cache[c], at)
	p.stats.Cached += c
}

// sweep moves pending memory whose work is done to the cache.
func (p *pool) sweep() {
	p.pending = slices.DeleteFunc(p.pending, func(f pending) bool {
		for _, m := range f.after {
			if _, open := p.d.streams[m.stream]; open && m.stream.done < m.work {
				return false
			}
		}
		p.keep(f.at, f.size)
		return true
	})
}

// trim gives the cache back to the driver.
func (p *pool) trim() error {
	p.sweep()
	var errs []error
	for c, list := range p.cache {
		for _, at := range list {
			errs = append(errs, p.free(p.d, at))
			p.stats.Cached -= c
		}
	}
	clear(p.cache)
	return errors.Join(errs...)
}

// close gives everything back that is cached or pending; buffers that are still open are freed before.
func (p *pool) close() error {
	for _, f := range p.pending {
		p.keep(f.at, f.size)
	}
	p.pending = nil
	return p.trim()
}

// pinnedBytes is page-locked memory as a slice.
func pinnedBytes(at uintptr, size int64) []byte {
	return unsafe.Slice((*byte)(hostPointer(at)), size)
}
