//go:build cuda

package cuda

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/internal/emu"
)

// TestEveryCallMayFail makes every driver call of a session fail in turn, with a code that leaves the
// context usable, one that does not, and one that asks for memory. Whatever fails, the session ends
// with an error of this package, or without one where nothing depends on the call; it gives back
// everything, and the next session works.
func TestEveryCallMayFail(t *testing.T) {
	script(t, "")
	require.NoError(t, session())
	n, err := emu.Counters()
	require.NoError(t, err)
	require.Greater(t, n.Calls, uint64(50))
	failed := 0
	for k := uint64(1); k <= n.Calls; k++ {
		for _, code := range []Code{InvalidValue, OutOfMemory, LaunchFailed} {
			require.NoError(t, emu.Reset())
			require.NoError(t, emu.Faults(fmt.Sprintf("call@%d=%d", k, int(code))))
			err := session()
			require.True(t, err == nil || Failed(err), "call %d, %v: %v", k, code, err)
			if err != nil {
				failed++
			}
			leaks, e := emu.Leaks()
			require.NoError(t, e)
			require.Zero(t, leaks, "call %d, %v: %v", k, code, err)
			if k%10 == 0 {
				require.NoError(t, emu.Reset())
				require.NoError(t, session(), "after call %d failed with %v", k, code)
			}
		}
	}
	require.Greater(t, failed, int(n.Calls)*2, "most calls matter")
}

// session uses everything once. The device is closed without closing the rest before.
func session() (err error) {
	d, err := Open(0, Options{SyncTimeout: 5 * time.Second})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	m, err := d.LoadModule(testImage)
	if err != nil {
		return err
	}
	k, err := m.Kernel("add_one")
	if err != nil {
		return err
	}
	s, err := d.NewStream()
	if err != nil {
		return err
	}
	b, err := d.Alloc(8)
	if err != nil {
		return err
	}
	p, err := d.AllocPinned(8)
	if err != nil {
		return err
	}
	l, err := k.Prepare(Geometry{Block: Dim{X: 32}}, b.Ptr(), 2)
	if err != nil {
		return err
	}
	if err := d.Write(b, 0, []byte{1, 0, 0, 0, 2, 0, 0, 0}); err != nil {
		return err
	}
	if err := replay(d, s, l, b, p); err != nil {
		return err
	}
	got := make([]byte, 8)
	if err := d.Read(got, b, 0); err != nil {
		return err
	}
	if want := [8]byte{4, 0, 0, 0, 5, 0, 0, 0}; [8]byte(got) != want || [8]byte(p.Bytes()) != want {
		return fmt.Errorf("got %v and %v, want %v", got, p.Bytes(), want)
	}
	return errors.Join(b.Free(), d.TrimCache(), l.Close(), s.Close(), m.Unload())
}

// replay launches l once, and twice from a graph, copies b to p and measures it.
func replay(d *Device, s *Stream, l *Launch, b *Buffer, p *Pinned) error {
	from, err := d.NewEvent(true)
	if err != nil {
		return err
	}
	to, err := d.NewEvent(true)
	if err != nil {
		return err
	}
	if err := s.BeginCapture(); err != nil {
		return err
	}
	errs := []error{s.Launch(l), s.Launch(l)}
	g, err := s.EndCapture()
	if err := errors.Join(append(errs, err)...); err != nil {
		return err
	}
	for _, enqueue := range []func() error{
		func() error { return s.Record(from) }, func() error { return s.Wait(from) },
		func() error { return s.Launch(l) }, func() error { return s.Replay(g) },
		func() error { return s.CopyToHost(p, 0, b, 0, 8) }, func() error { return s.Record(to) },
		func() error { return s.Sync(context.Background()) },
	} {
		if err := enqueue(); err != nil {
			return err
		}
	}
	_, err = d.Elapsed(from, to)
	return errors.Join(err, g.Close(), from.Close(), to.Close())
}
