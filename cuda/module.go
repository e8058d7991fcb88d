//go:build cuda

package cuda

import (
	"errors"
	"fmt"
	"math"

	"gorgonia.org/cu"
)

// Module is a loaded kernel image.
type Module struct {
	d       *Device
	mod     cu.Module
	native  bool
	open    bool // on the thread only
	kernels map[string]*Kernel
}

// Kernel is an entry point of a module.
type Kernel struct {
	m          *Module
	name       string
	fn         cu.Function
	registers  int
	maxThreads int
	params     []int // sizes of the parameters in bytes
	known      bool  // the driver told params
}

// LoadModule loads the native code for the device; where there is none, or the driver does not take
// it, it has the driver compile the PTX. When both fail, the error holds both reasons.
func (d *Device) LoadModule(image Image) (*Module, error) {
	var m *Module
	err := d.call(func() error {
		err := d.notRecording("LoadModule")
		if err == nil {
			m, err = d.load(image)
		}
		return err
	})
	return m, err
}

func (d *Device) load(image Image) (*Module, error) {
	m := &Module{d: d, open: true, kernels: map[string]*Kernel{}}
	var whyNot error
	if image.Native != nil {
		code, err := image.Native(d.info.Major, d.info.Minor)
		if err != nil {
			return nil, &Error{Op: "LoadModule", Detail: image.Name, Err: err}
		}
		if code != nil {
			if m.mod, err = cu.LoadData(string(code)); err == nil {
				m.native = true
				d.modules[m] = struct{}{}
				return m, nil
			}
			whyNot = d.failed("cuModuleLoadData", image.Name+", native code", err)
			if d.lost != nil || errors.Is(whyNot, OutOfMemory) {
				return nil, whyNot
			}
		}
	}
	if len(image.PTX) == 0 {
		if whyNot != nil {
			return nil, whyNot
		}
		return nil, &Error{Op: "LoadModule", Detail: fmt.Sprintf("%s has no code for compute capability %d.%d",
			image.Name, d.info.Major, d.info.Minor), Err: NoBinaryForGPU}
	}
	var err error
	if m.mod, err = cu.LoadData(string(image.PTX)); err != nil {
		return nil, errors.Join(d.failed("cuModuleLoadData", image.Name+", PTX", err), whyNot)
	}
	d.modules[m] = struct{}{}
	return m, nil
}

// Native tells whether the module is native code, not PTX that the driver compiled.
func (m *Module) Native() bool { return m.native }

// Kernel returns the entry point of a name.
func (m *Module) Kernel(name string) (*Kernel, error) {
	var k *Kernel
	err := m.d.call(func() error {
		if !m.open {
			return &Error{Op: "cuModuleGetFunction", Detail: name, Err: ErrClosed}
		}
		if k = m.kernels[name]; k != nil {
			return nil
		}
		fn, err := m.mod.Function(name)
		if err != nil {
			return m.d.failed("cuModuleGetFunction", name, err)
		}
		found := &Kernel{m: m, name: name, fn: fn}
		for _, a := range []struct {
			value *int
			what  int
		}{{&found.registers, numRegs}, {&found.maxThreads, maxThreadsPerBlock}} {
			var r Code
			if *a.value, r = functionAttribute(fn, a.what); r != 0 {
				return m.d.failed("cuFuncGetAttribute", name, r)
			}
		}
		var r Code
		if found.params, found.known, r = parameters(fn); r != 0 {
			return m.d.failed("cuFuncGetParamInfo", name, r)
		}
		k, m.kernels[name] = found, found
		return nil
	})
	return k, err
}

// Name returns the kernel's name.
func (k *Kernel) Name() string { return k.name }

// Registers returns the registers that a thread takes.
func (k *Kernel) Registers() int { return k.registers }

// MaxThreads returns the largest number of threads that a block may have.
func (k *Kernel) MaxThreads() int { return k.maxThreads }

// Unload frees the module, which no work may use any more. It may be called twice.
func (m *Module) Unload() error {
	return m.d.discard(func() error {
		if !m.open {
			return nil
		}
		if err := m.d.notRecording("Unload"); err != nil {
			return err
		}
		return m.free()
	})
}

func (m *Module) free() error {
	m.open = false
	delete(m.d.modules, m)
	if err := m.mod.Unload(); err != nil {
		return m.d.failed("cuModuleUnload", "", err)
	}
	return nil
}

// Launch is a kernel with its geometry and arguments, made once and launched as often as one likes.
type Launch struct {
	k      *Kernel
	native *nativeLaunch // in C memory, nil after Close; on the thread only
}

// Prepare makes a launch. args are the kernel's parameters in order, each in 8 bytes, see [F32] and
// the like; the driver takes as many bytes of each as the parameter has. Drivers before CUDA 12.4 do
// not tell how many a kernel has, and read what is not theirs when args are too few.
func (k *Kernel) Prepare(g Geometry, args ...uint64) (*Launch, error) {
	var l *Launch
	err := k.m.d.call(func() error {
		if !k.m.open {
			return &Error{Op: "Prepare", Detail: k.name, Err: ErrClosed}
		}
		why := k.wrongArguments(len(args))
		if why == "" {
			why = k.wrongGeometry(g)
		}
		if why != "" {
			return &Error{Op: "Prepare", Detail: k.name + ": " + why, Err: InvalidValue}
		}
		native := newNativeLaunch(k.fn, g, args)
		if native == nil {
			return &Error{Op: "Prepare", Detail: k.name + ", host memory", Err: OutOfMemory}
		}
		l = &Launch{k: k, native: native}
		k.m.d.launch[l] = struct{}{}
		return nil
	})
	return l, err
}

// wrongArguments says why the kernel cannot take n arguments, "" if it can.
func (k *Kernel) wrongArguments(n int) string {
	switch {
	case n > MaxParams:
		return fmt.Sprintf("%d arguments: want at most %d", n, MaxParams)
	case k.known && n != len(k.params):
		return fmt.Sprintf("%d arguments: want %d", n, len(k.params))
	}
	for i, size := range k.params {
		if size > 8 {
			return fmt.Sprintf("parameter %d has %d bytes: an argument has 8", i, size)
		}
	}
	return ""
}

// wrongGeometry says why the kernel cannot be launched so, "" if it can. The limits are those of every
// GPU that [Open] takes.
func (k *Kernel) wrongGeometry(g Geometry) string {
	for _, dim := range []struct {
		name       string
		extent, to int
	}{
		{"grid x", g.Grid.X, math.MaxInt32}, {"grid y", g.Grid.Y, 65535}, {"grid z", g.Grid.Z, 65535},
		{"block x", g.Block.X, 1024}, {"block y", g.Block.Y, 1024}, {"block z", g.Block.Z, 64},
		{"shared memory", g.Shared, math.MaxInt32},
	} {
		if dim.extent < 0 || dim.extent > dim.to {
			return fmt.Sprintf("%s %d: want 0 to %d", dim.name, dim.extent, dim.to)
		}
	}
	if n := max(g.Block.X, 1) * max(g.Block.Y, 1) * max(g.Block.Z, 1); n > k.maxThreads {
		return fmt.Sprintf("%d threads a block: want at most %d", n, k.maxThreads)
	}
	return ""
}

// Close frees the launch; what is enqueued goes on. It may be called twice.
func (l *Launch) Close() error {
	return l.k.m.d.discard(func() error {
		l.free()
		return nil
	})
}

func (l *Launch) free() {
	if l.native != nil {
		delete(l.k.m.d.launch, l)
		freeNativeLaunch(l.native)
		l.native = nil
	}
}
