//go:build cuda

package cuda

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/internal/emu"
)

// TestLateFailure: a kernel that goes wrong shows later, by name, and the device is lost then.
func TestLateFailure(t *testing.T) {
	if !inChild(t) {
		return
	}
	d := open(t, 0, Options{})
	c := newCounter(t, d)
	crash := c.crash(t)
	require.NoError(t, c.s.Launch(c.l))
	require.NoError(t, c.s.Launch(crash), "the launch itself is fine")
	err := c.s.Sync(context.Background())
	require.ErrorIs(t, err, IllegalAddress)
	require.ErrorIs(t, err, ErrContextLost)
	require.ErrorContains(t, err, "reported late, enqueued by cuLaunchKernel add_one, cuLaunchKernel crash")
	for name, err := range map[string]error{
		"alloc": second(d.Alloc(1)), "launch": c.s.Launch(c.l), "write": d.Write(c.b, 0, []byte{1}),
		"stream": second(d.NewStream()), "module": second(d.LoadModule(testImage)), "trim": d.TrimCache(),
	} {
		require.ErrorIs(t, err, ErrContextLost, name)
		require.ErrorIs(t, err, IllegalAddress, name)
		require.True(t, Failed(err), name)
	}
	require.NoError(t, d.Close())
	if !emulated() { // a real driver may want a new process
		return
	}
	d = open(t, 0, Options{})
	c = newCounter(t, d)
	require.NoError(t, c.s.Launch(c.l))
	require.Equal(t, 1, c.value(t), "the device works again when it is opened again")
}

// crash prepares the kernel that goes wrong.
func (c counter) crash(t testing.TB) *Launch {
	t.Helper()
	k, err := c.l.k.m.Kernel("crash")
	require.NoError(t, err)
	l, err := k.Prepare(Geometry{})
	require.NoError(t, err)
	return l
}

// TestFailureFoundByClose: nobody waited before, so Close reports it, once.
func TestFailureFoundByClose(t *testing.T) {
	if !inChild(t) {
		return
	}
	d, err := Open(0, Options{})
	require.NoError(t, err)
	c := newCounter(t, d)
	require.NoError(t, c.s.Launch(c.crash(t)))
	err = d.Close()
	require.ErrorIs(t, err, IllegalAddress)
	require.ErrorIs(t, err, ErrContextLost)
	require.ErrorContains(t, err, "cuLaunchKernel crash")
	require.NoError(t, d.Close())
	require.ErrorIs(t, c.s.Launch(c.l), ErrClosed)
	noLeaks(t)
}

// TestFailureFoundByClosingTheStream: it waits for its work.
func TestFailureFoundByClosingTheStream(t *testing.T) {
	if !inChild(t) {
		return
	}
	d := open(t, 0, Options{})
	c := newCounter(t, d)
	require.NoError(t, c.s.Launch(c.crash(t)))
	err := c.s.Close()
	require.ErrorIs(t, err, IllegalAddress)
	require.ErrorContains(t, err, "cuStreamQuery (reported late, enqueued by cuLaunchKernel crash)")
	require.NoError(t, c.s.Close())
}

// TestFailureInAGraph: the failure of a replay names the kernels that were recorded, and a recording
// forgets nothing of what was enqueued before it.
func TestFailureInAGraph(t *testing.T) {
	if !inChild(t) {
		return
	}
	d := open(t, 0, Options{})
	c := newCounter(t, d)
	crash := c.crash(t)
	require.NoError(t, c.s.Launch(c.l))
	require.NoError(t, c.s.BeginCapture())
	for range 2 {
		require.NoError(t, c.s.Launch(c.l))
		require.NoError(t, c.s.Launch(crash))
	}
	g, err := c.s.EndCapture()
	require.NoError(t, err)
	require.NoError(t, c.s.Replay(g))
	require.ErrorContains(t, c.s.Sync(context.Background()),
		"enqueued by cuLaunchKernel add_one, cuGraphLaunch add_one + crash")
}

// TestBlockingNamesExactly: with Options.Blocking the failing launch itself fails.
func TestBlockingNamesExactly(t *testing.T) {
	if !inChild(t) {
		return
	}
	d := open(t, 0, Options{Blocking: true})
	c := newCounter(t, d)
	crash := c.crash(t)
	require.NoError(t, c.s.Launch(c.l))
	err := c.s.Launch(crash)
	require.ErrorIs(t, err, IllegalAddress)
	require.ErrorContains(t, err, "enqueued by cuLaunchKernel crash")
}

// TestHang: a wait ends with its context, and with the device's limit; then the device is lost.
func TestHang(t *testing.T) {
	script(t, "")
	if !inChild(t, "CUDIFFUSE_EMU_FAULTS=launch@1=hang") { // what hangs keeps its memory
		return
	}
	script(t, "launch@1=hang")
	d, err := Open(0, Options{SyncTimeout: 300 * time.Millisecond})
	require.NoError(t, err)
	c := newCounter(t, d)
	require.NoError(t, c.s.Launch(c.l))
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	start := time.Now()
	require.ErrorIs(t, c.s.Sync(ctx), context.DeadlineExceeded)
	require.Less(t, time.Since(start), 250*time.Millisecond)
	err = c.s.Sync(context.Background())
	require.ErrorIs(t, err, ErrTimeout)
	require.ErrorIs(t, err, ErrContextLost)
	require.ErrorContains(t, err, "cuLaunchKernel add_one")
	require.ErrorIs(t, c.s.Launch(c.l), ErrContextLost)
	require.NoError(t, c.b.Free())
	require.NoError(t, d.Close(), "which does not wait for what never ends")
}

// TestHangFoundByClose: Close waits no longer than the limit either, also when a recording has begun, and
// asks nothing of the driver then for which it would have to wait.
func TestHangFoundByClose(t *testing.T) {
	script(t, "")
	if !inChild(t) {
		return
	}
	for _, recording := range []bool{false, true} {
		d, err := Open(0, Options{SyncTimeout: 100 * time.Millisecond})
		require.NoError(t, err)
		c := newCounter(t, d)
		script(t, "launch@1=hang")
		require.NoError(t, c.s.Launch(c.l))
		if recording {
			require.NoError(t, c.s.BeginCapture())
		}
		err = d.Close()
		require.ErrorIs(t, err, ErrTimeout)
		require.ErrorIs(t, err, ErrContextLost)
		counted, e := emu.Counters()
		require.NoError(t, e)
		require.Zero(t, counted.Frees)
		require.Zero(t, counted.HostFrees)
		require.NoError(t, d.Close())
		require.NoError(t, c.b.Free())
	}
}

// TestOutOfMemoryOfTheDriver: the cache is given back and the driver asked again, once.
func TestOutOfMemoryOfTheDriver(t *testing.T) {
	d := open(t, 0, Options{})
	b, err := d.Alloc(1000)
	require.NoError(t, err)
	require.NoError(t, b.Free())
	script(t, "alloc@1=2")
	_, err = d.Alloc(5000)
	require.NoError(t, err)
	st, err := d.Stats()
	require.NoError(t, err)
	require.Zero(t, st.Memory.Cached, "the cache went back")
	script(t, "alloc@1=2,alloc@2=2")
	_, err = d.Alloc(50000)
	require.ErrorIs(t, err, OutOfMemory)
	var m *MemoryError
	require.ErrorAs(t, err, &m)
	_, err = d.Alloc(50000)
	require.NoError(t, err, "a later request works")
}

// TestBusyDevice: another process has the device for itself.
func TestBusyDevice(t *testing.T) {
	script(t, "context@1=46")
	_, err := Open(0, Options{})
	require.ErrorIs(t, err, DeviceUnavailable)
	require.True(t, Unavailable(err))
	require.ErrorContains(t, err, "another process")
	open(t, 0, Options{})
}

// TestTwoDevices: handles stay with their device.
func TestTwoDevices(t *testing.T) {
	if infos, err := Devices(); err == nil && len(infos) < 2 {
		if !emulated() {
			t.Skip("this machine has one device")
		}
		if !inChild(t, "CUDIFFUSE_EMU=devices=2") {
			return
		}
	}
	d := open(t, 0, Options{})
	other := open(t, 1, Options{})
	mine, theirs := newCounter(t, d), newCounter(t, other)
	require.NoError(t, theirs.s.Launch(theirs.l))
	require.NoError(t, mine.s.Launch(mine.l))
	require.Equal(t, 1, theirs.value(t))
	require.Equal(t, 1, mine.value(t))
	e, err := other.NewEvent(false)
	require.NoError(t, err)
	for name, err := range map[string]error{
		"launch": mine.s.Launch(theirs.l), "copy": mine.s.Copy(mine.b, 0, theirs.b, 0, 4),
		"write": d.Write(theirs.b, 0, []byte{1}), "record": mine.s.Record(e), "wait": mine.s.Wait(e),
	} {
		require.ErrorIs(t, err, ErrWrongDevice, name)
	}
}

// TestUnusableMachines: every reason why there is no GPU has a type and a text that says what to do.
func TestUnusableMachines(t *testing.T) {
	if os.Getenv("CUDA_TEST_CHILD") == "" {
		script(t, "")
	}
	for _, c := range []struct {
		env  string
		is   error
		text string
	}{
		{"CUDIFFUSE_LIBCUDA=/nonexistent/libcuda.so.1", ErrNoDriver, "install the NVIDIA driver"},
		{"CUDIFFUSE_EMU=devices=0", NoDevice, "no CUDA device"},
		{"CUDIFFUSE_EMU=init=100", NoDevice, "no CUDA device"},
		{"CUDIFFUSE_EMU=init=803", SystemDriverMismatch, "reboot after the driver update"},
		{"CUDIFFUSE_EMU=init=999", Unknown, "the driver does not initialise"},
		{"CUDIFFUSE_EMU=driver=11020", nil, "the driver is for CUDA 11.2: want one for CUDA 11.4 or later; update"},
		{"CUDIFFUSE_EMU=sm=70", NoBinaryForGPU, "has compute capability 7.0, 7.5 is needed"},
	} {
		if !inChild(t, c.env, "CUDA_TEST_TEXT="+c.text, fmt.Sprintf("CUDA_TEST_CODE=%v", c.is)) {
			continue
		}
		want := os.Getenv("CUDA_TEST_TEXT")
		_, err := Open(0, Options{})
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, strings.Replace(os.Getenv("CUDA_TEST_CODE"), "<nil>", "", 1))
		require.True(t, Unavailable(err))
		require.True(t, Failed(err))
		if infos, err := Devices(); err == nil { // only its age speaks against it
			require.Len(t, infos, 1)
			require.Equal(t, 7, infos[0].Major)
			require.Contains(t, want, "7.5")
		}
		return
	}
}
