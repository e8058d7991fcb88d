//go:build cuda

package cuda

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestLateFailure: a kernel that goes wrong shows later, by name, and the device is lost then.
func TestLateFailure(t *testing.T) {
	d := open(t, 0, Options{})
	c := newCounter(t, d)
	k, err := c.l.k.m.Kernel("crash")
	require.NoError(t, err)
	crash, err := k.Prepare(Geometry{})
	require.NoError(t, err)
	require.NoError(t, c.s.Launch(c.l))
	require.NoError(t, c.s.Launch(crash), "the launch itself is fine")
	err = c.s.Sync(context.Background())
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
	d = open(t, 0, Options{})
	c = newCounter(t, d)
	require.NoError(t, c.s.Launch(c.l))
	require.Equal(t, 1, c.value(t), "the device works again when it is opened again")
}

// TestBlockingNamesExactly: with Options.Blocking the failing launch itself fails.
func TestBlockingNamesExactly(t *testing.T) {
	d := open(t, 0, Options{Blocking: true})
	c := newCounter(t, d)
	k, err := c.l.k.m.Kernel("crash")
	require.NoError(t, err)
	crash, err := k.Prepare(Geometry{})
	require.NoError(t, err)
	require.NoError(t, c.s.Launch(c.l))
	err = c.s.Launch(crash)
	require.ErrorIs(t, err, IllegalAddress)
	require.ErrorContains(t, err, "enqueued by cuLaunchKernel crash")
}

// TestHang: a wait ends with its context, and with the device's limit; then the device is lost.
func TestHang(t *testing.T) {
	if os.Getenv("CUDA_TEST_HANG") == "" { // what hangs keeps its memory, so it is another process
		script(t, "")
		cmd := exec.Command(os.Args[0], "-test.run=^TestHang$", "-test.v")
		cmd.Env = append(os.Environ(), "CUDA_TEST_HANG=1", "CUDIFFUSE_EMU_FAULTS=launch@1=hang")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Contains(t, string(out), "PASS: TestHang")
		return
	}
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
	d := open(t, 0, Options{})
	infos, err := Devices()
	require.NoError(t, err)
	if len(infos) < 2 {
		t.Skip("this machine has one device; the emulated driver has two where it is required")
	}
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
