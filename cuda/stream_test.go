//go:build cuda

package cuda

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// counter is one number on the device and the kernel that adds 1 to it.
type counter struct {
	d *Device
	s *Stream
	b *Buffer
	l *Launch
}

func newCounter(t testing.TB, d *Device) counter {
	t.Helper()
	s, err := d.NewStream()
	require.NoError(t, err)
	b, err := d.Alloc(4)
	require.NoError(t, err)
	require.NoError(t, d.Write(b, 0, make([]byte, 4)))
	l, err := kernel(t, d, "add_one").Prepare(Geometry{Block: Dim{X: 32}}, b.Ptr(), 1)
	require.NoError(t, err)
	return counter{d, s, b, l}
}

func (c counter) value(t testing.TB) int {
	t.Helper()
	require.NoError(t, c.s.Sync(context.Background()))
	got := make([]byte, 4)
	require.NoError(t, c.d.Read(got, c.b, 0))
	return int(binary.LittleEndian.Uint32(got))
}

func TestStreamRunsInOrder(t *testing.T) {
	d := open(t, 0, Options{})
	c := newCounter(t, d)
	for range 5 {
		require.NoError(t, c.s.Launch(c.l))
	}
	require.Equal(t, 5, c.value(t))
	require.NoError(t, c.s.Fill(c.b, 1, 0, 4)) // 0x01010101
	require.NoError(t, c.s.Launch(c.l))
	require.Equal(t, 0x01010102, c.value(t))
	done, err := c.s.Query()
	require.NoError(t, err)
	require.True(t, done)

	p, err := d.AllocPinned(4)
	require.NoError(t, err)
	other, err := d.Alloc(8)
	require.NoError(t, err)
	copy(p.Bytes(), []byte{9, 0, 0, 0})
	require.NoError(t, c.s.CopyToDevice(c.b, 0, p, 0, 4))
	require.NoError(t, c.s.Launch(c.l))
	require.NoError(t, c.s.Copy(other, 4, c.b, 0, 4))
	require.NoError(t, c.s.CopyToHost(p, 0, other, 4, 4))
	require.NoError(t, c.s.Sync(context.Background()))
	require.Equal(t, []byte{10, 0, 0, 0}, p.Bytes())
}

// TestEvents orders the work of two streams.
func TestEvents(t *testing.T) {
	d := open(t, 0, Options{})
	c := newCounter(t, d)
	s2, err := d.NewStream()
	require.NoError(t, err)
	start, err := d.NewEvent(true)
	require.NoError(t, err)
	end, err := d.NewEvent(true)
	require.NoError(t, err)
	p, err := d.AllocPinned(4)
	require.NoError(t, err)
	require.NoError(t, c.s.Record(start))
	require.NoError(t, c.s.Launch(c.l))
	require.NoError(t, c.s.Record(end))
	require.NoError(t, s2.Wait(end))
	require.NoError(t, s2.CopyToHost(p, 0, c.b, 0, 4))
	require.NoError(t, s2.Sync(context.Background()))
	require.Equal(t, byte(1), p.Bytes()[0], "the copy waits for the kernel of the other stream")
	require.NoError(t, end.Sync(context.Background()))
	happened, err := end.Query()
	require.NoError(t, err)
	require.True(t, happened)
	took, err := d.Elapsed(start, end)
	require.NoError(t, err)
	require.GreaterOrEqual(t, took, time.Duration(0))
	require.NoError(t, end.Close())
	require.NoError(t, end.Close())
	require.ErrorIs(t, c.s.Record(end), ErrClosed)
}

func TestGraphReplays(t *testing.T) {
	d := open(t, 0, Options{})
	c := newCounter(t, d)
	require.NoError(t, c.s.BeginCapture())
	require.NoError(t, c.s.Launch(c.l))
	require.NoError(t, c.s.Launch(c.l))
	for name, err := range map[string]error{
		"query": second(c.s.Query()), "sync": c.s.Sync(context.Background()), "begin": c.s.BeginCapture(),
		"alloc": second(d.Alloc(1 << 20)), "pinned": second(d.AllocPinned(1 << 20)), "trim": d.TrimCache(),
		"load": second(d.LoadModule(testImage)), "unload": c.l.k.m.Unload(),
	} {
		require.ErrorIs(t, err, ErrCapturing, name)
	}
	g, err := c.s.EndCapture()
	require.NoError(t, err)
	require.Equal(t, 2, g.Nodes())
	require.Equal(t, 0, c.value(t), "nothing ran")
	for range 3 {
		require.NoError(t, c.s.Replay(g))
	}
	require.Equal(t, 6, c.value(t))
	_, err = c.s.EndCapture()
	require.ErrorIs(t, err, InvalidValue)
	require.NoError(t, g.Close())
	require.NoError(t, g.Close())
	require.ErrorIs(t, c.s.Replay(g), ErrClosed)
	require.NoError(t, c.s.BeginCapture())
	require.NoError(t, c.s.Launch(c.l))
	require.NoError(t, c.s.Close(), "in the middle of a recording")
}

// TestRecordingLeavesOthersAlone: other streams work while one is recorded, and none is drawn into it.
func TestRecordingLeavesOthersAlone(t *testing.T) {
	d := open(t, 0, Options{})
	c, other := newCounter(t, d), newCounter(t, d)
	e, err := d.NewEvent(false)
	require.NoError(t, err)
	require.NoError(t, c.s.BeginCapture())
	require.NoError(t, c.s.Launch(c.l))
	require.NoError(t, c.s.Record(e))
	require.ErrorIs(t, other.s.Wait(e), ErrCapturing)
	require.NoError(t, c.s.Wait(e), "its own event")
	require.NoError(t, other.s.Launch(other.l))
	require.Equal(t, 1, other.value(t))
	require.NoError(t, other.b.Free(), "which needs no driver")
	g, err := c.s.EndCapture()
	require.NoError(t, err)
	require.NoError(t, c.s.Replay(g))
	require.Equal(t, 1, c.value(t))
	require.NoError(t, c.s.Record(e))
	require.NoError(t, other.s.Wait(e))
	require.NoError(t, other.s.Sync(context.Background()))
}

// TestEnqueueDoesNotAllocate: neither the Go heap nor C memory grows while work is enqueued.
func TestEnqueueDoesNotAllocate(t *testing.T) {
	d := open(t, 0, Options{})
	c := newCounter(t, d)
	p, err := d.AllocPinned(4)
	require.NoError(t, err)
	e, err := d.NewEvent(false)
	require.NoError(t, err)
	require.NoError(t, c.s.BeginCapture())
	require.NoError(t, c.s.Launch(c.l))
	g, err := c.s.EndCapture()
	require.NoError(t, err)
	enqueue := func() error {
		for _, err := range [...]error{c.s.Launch(c.l), c.s.Replay(g), c.s.CopyToDevice(c.b, 0, p, 0, 4),
			c.s.CopyToHost(p, 0, c.b, 0, 4), c.s.Copy(c.b, 0, c.b, 0, 4), c.s.Fill(c.b, 0, 0, 4), c.s.Record(e),
			c.s.Wait(e)} {
			if err != nil {
				return err
			}
		}
		return nil
	}
	allocs := testing.AllocsPerRun(50, func() {
		if d.Do(enqueue) != nil {
			panic("enqueue")
		}
	})
	require.Zero(t, allocs)
	require.NoError(t, c.s.Sync(context.Background()))
}

func TestPrepareChecks(t *testing.T) {
	d := open(t, 0, Options{})
	k := kernel(t, d, "add_one")
	require.Equal(t, "add_one", k.Name())
	require.Positive(t, k.Registers())
	require.GreaterOrEqual(t, k.MaxThreads(), 256)
	for name, err := range map[string]error{
		"threads":        second(k.Prepare(Geometry{Block: Dim{X: k.MaxThreads() + 1}}, 0, 0)),
		"block":          second(k.Prepare(Geometry{Block: Dim{X: 32, Y: 64}}, 0, 0)),
		"overflow":       second(k.Prepare(Geometry{Block: Dim{X: 1 << 32, Y: 1 << 32}}, 0, 0)),
		"grid":           second(k.Prepare(Geometry{Grid: Dim{X: 1 << 32}}, 0, 0)),
		"grid y":         second(k.Prepare(Geometry{Grid: Dim{Y: 65536}}, 0, 0)),
		"negative":       second(k.Prepare(Geometry{Grid: Dim{Z: -1}}, 0, 0)),
		"shared":         second(k.Prepare(Geometry{Shared: -1}, 0, 0)),
		"many arguments": second(k.Prepare(Geometry{}, make([]uint64, MaxParams+1)...)),
	} {
		require.ErrorIs(t, err, InvalidValue, name)
	}
	if k.known { // drivers from CUDA 12.4 on
		require.Equal(t, []int{8, 4}, k.params)
		require.ErrorContains(t, second(k.Prepare(Geometry{}, 0)), "add_one: 1 arguments: want 2")
		require.ErrorContains(t, second(k.Prepare(Geometry{}, 0, 0, 0)), "add_one: 3 arguments: want 2")
		wide := kernel(t, d, "wide")
		require.ErrorContains(t, second(wide.Prepare(Geometry{}, 0)), "parameter 0 has 16 bytes")
	}
	require.True(t, k.known || !emulated())
	_, err := k.m.Kernel("nothing")
	require.ErrorIs(t, err, NotFound)
	require.ErrorContains(t, err, "nothing")
}

// TestImages: native code first, PTX where there is none or the driver refuses it, and both reasons
// when nothing loads.
func TestImages(t *testing.T) {
	d := open(t, 0, Options{})
	garbage := func(int, int) ([]byte, error) { return []byte("\x7fELF and then nothing"), nil }
	m, err := d.LoadModule(Image{Name: "fallback", PTX: []byte(testPTX), Native: garbage})
	require.NoError(t, err)
	require.False(t, m.Native())
	require.NoError(t, m.Unload())
	require.NoError(t, m.Unload())
	_, err = m.Kernel("add_one")
	require.ErrorIs(t, err, ErrClosed)

	_, err = d.LoadModule(Image{Name: "broken", PTX: []byte(".version 6.3\n.target sm_75\nnonsense"), Native: garbage})
	require.ErrorContains(t, err, "broken, PTX")
	require.ErrorContains(t, err, "broken, native code")
	_, err = d.LoadModule(Image{Name: "empty"})
	require.ErrorIs(t, err, NoBinaryForGPU)
	require.True(t, Unavailable(err))
	_, err = d.LoadModule(Image{Name: "unreadable", Native: func(int, int) ([]byte, error) { return nil, Unknown }})
	require.ErrorIs(t, err, Unknown)
}
