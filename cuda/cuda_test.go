//go:build cuda

package cuda

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/cudiffuse/cudiffuse/internal/emu"
	"github.com/stretchr/testify/require"
)

// testPTX has the kernels of these tests.
const testPTX = `.version 6.3
.target sm_75
.address_size 64

// add_one adds 1 to n numbers.
.visible .entry add_one(.param .u64 p, .param .u32 n) {
	.reg .pred %out;
	.reg .b32 %r<6>;
	.reg .b64 %rd<4>;
	ld.param.u64 %rd1, [p];
	ld.param.u32 %r1, [n];
	mov.u32 %r2, %ctaid.x;
	mov.u32 %r3, %ntid.x;
	mov.u32 %r4, %tid.x;
	mad.lo.s32 %r5, %r2, %r3, %r4;
	setp.ge.u32 %out, %r5, %r1;
	@%out ret;
	cvta.to.global.u64 %rd1, %rd1;
	mul.wide.u32 %rd2, %r5, 4;
	add.s64 %rd3, %rd1, %rd2;
	ld.global.u32 %r4, [%rd3];
	add.s32 %r4, %r4, 1;
	st.global.u32 [%rd3], %r4;
	ret;
}

// crash writes where no memory is.
.visible .entry crash() {
	.reg .b32 %r<2>;
	.reg .b64 %rd<2>;
	mov.u64 %rd1, 4096;
	mov.u32 %r1, 7;
	st.global.u32 [%rd1], %r1;
	ret;
}

// wide has a parameter that no argument can hold.
.visible .entry wide(.param .align 8 .b8 p[16]) {
	ret;
}
`

var testImage = Image{Name: "test kernels", PTX: []byte(testPTX)}

// opened counts the devices that tests have open.
var opened int

// open opens device n and closes it after the test; nothing may be left on the emulated driver then.
// Without a GPU the test is skipped, which is a failure where CUDA_REQUIRED=1 says that there must be
// one.
func open(t testing.TB, n int, o Options) *Device {
	t.Helper()
	d, err := Open(n, o)
	if err != nil {
		if os.Getenv("CUDA_REQUIRED") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	opened++
	t.Cleanup(func() {
		require.NoError(t, d.Close())
		require.NoError(t, d.Close(), "twice")
		if opened--; opened == 0 {
			noLeaks(t)
		}
	})
	return d
}

// emulated tells whether the driver is the emulated one, which counts and fails as it is told.
func emulated() bool {
	_, err := emu.Counters()
	return err == nil
}

func noLeaks(t testing.TB) {
	t.Helper()
	if !emulated() {
		return
	}
	leaks, err := emu.Leaks()
	require.NoError(t, err)
	require.Zero(t, leaks)
}

// script makes driver calls fail from now on, until the test ends; it skips on a real driver.
func script(t testing.TB, faults string) {
	t.Helper()
	if !emulated() {
		if _, err := Devices(); err != nil { // open knows whether that is a failure
			open(t, 0, Options{})
		}
		t.Skip("a real driver does not fail on command")
	}
	require.NoError(t, emu.Reset())
	require.NoError(t, emu.Faults(faults))
	t.Cleanup(func() { require.NoError(t, emu.Reset()) })
}

// inChild runs the rest of a test in a process of its own with the given variables: it returns true
// there, and false here once that process has passed the test. What kills a context, hangs, or needs
// another machine belongs in one.
func inChild(t testing.TB, env ...string) bool {
	t.Helper()
	if os.Getenv("CUDA_TEST_CHILD") == t.Name() {
		return true
	}
	if _, err := Devices(); err != nil { // open knows whether that is a failure
		open(t, 0, Options{})
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=60s")
	cmd.Env = append(append(os.Environ(), "CUDA_TEST_CHILD="+t.Name()), env...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: "+t.Name(), "it was skipped")
	return false
}

// kernel loads a kernel of testPTX.
func kernel(t testing.TB, d *Device, name string) *Kernel {
	t.Helper()
	m, err := d.LoadModule(testImage)
	require.NoError(t, err)
	k, err := m.Kernel(name)
	require.NoError(t, err)
	return k
}

func TestDevices(t *testing.T) {
	d := open(t, 0, Options{})
	infos, err := Devices()
	require.NoError(t, err)
	require.NotEmpty(t, infos)
	require.Equal(t, infos[0], d.Info())
	require.GreaterOrEqual(t, d.Info().Major, 7)
	require.Positive(t, d.Info().SMs)
	require.Positive(t, d.Info().TotalMemory)
	require.True(t, strings.HasPrefix(d.Info().String(), "cuda:0 "+d.Info().Name))
	for _, n := range []int{-1, len(infos)} {
		_, err = Open(n, Options{})
		require.ErrorIs(t, err, InvalidDevice)
		require.True(t, Unavailable(err))
	}
	for _, o := range []Options{{MemoryLimit: -1}, {SyncTimeout: -1}} {
		_, err = Open(0, o)
		require.ErrorIs(t, err, InvalidValue)
	}
}

// TestPanicsComeBack: a fault of a function on the device's thread ends neither thread nor process.
func TestPanicsComeBack(t *testing.T) {
	d := open(t, 0, Options{})
	var p *PanicError
	require.ErrorAs(t, d.Do(func() error { panic("oh") }), &p)
	require.Equal(t, "oh", p.Value)
	require.NotEmpty(t, p.Stack)
	require.ErrorAs(t, d.Do(func() error { runtime.Goexit(); return nil }), &p, "as require does when it fails")
	require.ErrorContains(t, d.Do(d.Close), "cannot be closed from within")
	oops := errors.New("oops")
	require.Equal(t, oops, d.Do(func() error { return d.Do(func() error { return oops }) }))
}

func TestClosed(t *testing.T) {
	d, err := Open(0, Options{})
	if err != nil {
		open(t, 0, Options{})
	}
	b, err := d.Alloc(100)
	require.NoError(t, err)
	p, err := d.AllocPinned(100)
	require.NoError(t, err)
	s, err := d.NewStream()
	require.NoError(t, err)
	e, err := d.NewEvent(false)
	require.NoError(t, err)
	k := kernel(t, d, "add_one")
	l, err := k.Prepare(Geometry{}, b.Ptr(), 1)
	require.NoError(t, err)
	require.NoError(t, d.Close())
	require.NoError(t, d.Close())
	noLeaks(t)
	for name, err := range map[string]error{
		"stream":  second(d.NewStream()),
		"alloc":   second(d.Alloc(1)),
		"pinned":  second(d.AllocPinned(1)),
		"event":   second(d.NewEvent(true)),
		"module":  second(d.LoadModule(testImage)),
		"kernel":  second(k.m.Kernel("crash")),
		"prepare": second(k.Prepare(Geometry{})),
		"stats":   second(d.Stats()),
		"do":      d.Do(func() error { return nil }),
		"launch":  s.Launch(l),
		"copy":    s.Copy(b, 0, b, 0, 1),
		"query":   second(s.Query()),
		"write":   d.Write(b, 0, []byte{1}),
		"trim":    d.TrimCache(),
	} {
		require.ErrorIs(t, err, ErrClosed, name)
	}
	for _, free := range []func() error{b.Free, p.Free, s.Close, e.Close, l.Close, k.m.Unload} {
		require.NoError(t, free(), "freeing after the device was closed does nothing")
	}
	require.Nil(t, p.Bytes())
}

func second[T any](_ T, err error) error { return err }
