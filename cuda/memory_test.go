//go:build cuda

package cuda

import (
	"bytes"
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestClass(t *testing.T) {
	for _, c := range []struct{ size, want int64 }{
		{1, 512}, {512, 512}, {513, 1024}, {1025, 1536}, {4096, 4096}, {4097, 4608}, {8193, 9216},
		{1 << 20, 1 << 20}, {1<<20 + 1, 1<<20 + 1<<17}, {largest, largest},
	} {
		require.Equal(t, c.want, class(c.size), "%d", c.size)
	}
	for size := int64(1); size < 1<<22; size += 977 {
		c := class(size)
		require.GreaterOrEqual(t, c, size)
		require.Zero(t, c%512)
		require.LessOrEqual(t, c, size+size/8+512, "%d", size)
		require.Equal(t, c, class(c))
	}
}

// TestMemory writes and reads, more than one piece of the staging buffer among it.
func TestMemory(t *testing.T) {
	d := open(t, 0, Options{})
	for _, n := range []int{1, 3, 4096, staging, staging + 5, 2*staging + 1} {
		b, err := d.Alloc(int64(n) + 7)
		require.NoError(t, err)
		require.Zero(t, b.Ptr()%512)
		want, got := make([]byte, n), make([]byte, n)
		rng := rand.New(rand.NewPCG(1, uint64(n)))
		for i := range want {
			want[i] = byte(rng.Uint32())
		}
		require.NoError(t, d.Write(b, 7, want))
		require.NoError(t, d.Read(got, b, 7))
		require.True(t, bytes.Equal(want, got), "%d bytes", n)
		require.NoError(t, b.Free())
		require.NoError(t, b.Free(), "twice")
		require.ErrorIs(t, d.Write(b, 0, want), ErrClosed)
	}
	b, err := d.Alloc(1)
	require.NoError(t, err)
	require.NoError(t, d.Write(b, 0, nil), "nothing is not an error")
}

func TestRanges(t *testing.T) {
	d := open(t, 0, Options{})
	b, err := d.Alloc(100)
	require.NoError(t, err)
	p, err := d.AllocPinned(50)
	require.NoError(t, err)
	require.Len(t, p.Bytes(), 50)
	s, err := d.NewStream()
	require.NoError(t, err)
	for name, err := range map[string]error{
		"write past the end":   d.Write(b, 1, make([]byte, 100)),
		"negative offset":      d.Read(make([]byte, 1), b, -1),
		"offset that wraps":    d.Read(make([]byte, 1), b, 1<<62),
		"copy past the source": s.CopyToDevice(b, 0, p, 40, 20),
		"copy past the target": s.CopyToHost(p, 0, b, 0, 51),
		"negative length":      s.Copy(b, 0, b, 0, -1),
		"fill":                 s.Fill(b, 1, 90, 11),
		"no bytes":             second(d.Alloc(0)),
		"negative bytes":       second(d.AllocPinned(-1)),
		"too many bytes":       second(d.Alloc(1 << 62)),
	} {
		require.ErrorIs(t, err, InvalidValue, name)
	}
}

// TestCache: freed memory of a class is given out again, and the statistics say so.
func TestCache(t *testing.T) {
	d := open(t, 0, Options{})
	a, err := d.Alloc(5000)
	require.NoError(t, err)
	at := a.Ptr()
	require.NoError(t, a.Free())
	b, err := d.Alloc(4900)
	require.NoError(t, err)
	require.Equal(t, at, b.Ptr(), "the same class")
	st, err := d.Stats()
	require.NoError(t, err)
	require.Equal(t, MemoryStats{InUse: 5120, Peak: 5120, Allocations: 1, Reuses: 1, Live: 1}, st.Memory)
	require.NoError(t, b.Free())
	st, err = d.Stats()
	require.NoError(t, err)
	require.EqualValues(t, 5120, st.Memory.Cached)
	require.NoError(t, d.TrimCache())
	st, err = d.Stats()
	require.NoError(t, err)
	require.Zero(t, st.Memory.Cached)
	require.Zero(t, st.Memory.InUse)
}

// TestFreedMemoryWaitsForItsWork: memory that enqueued work may use is not given out before the work
// is done.
func TestFreedMemoryWaitsForItsWork(t *testing.T) {
	d := open(t, 0, Options{})
	s, err := d.NewStream()
	require.NoError(t, err)
	a, err := d.Alloc(1000)
	require.NoError(t, err)
	require.NoError(t, s.Fill(a, 1, 0, 1000))
	require.NoError(t, a.Free())
	b, err := d.Alloc(1000)
	require.NoError(t, err)
	require.NotEqual(t, a.Ptr(), b.Ptr())
	require.NoError(t, s.Sync(context.Background()))
	c, err := d.Alloc(1000)
	require.NoError(t, err)
	require.Equal(t, a.Ptr(), c.Ptr())
}

// TestLimit: out of memory frees the cache, once, before it fails, and says how much there is.
func TestLimit(t *testing.T) {
	d := open(t, 0, Options{MemoryLimit: 1 << 20})
	a, err := d.Alloc(700 << 10)
	require.NoError(t, err)
	require.NoError(t, a.Free())
	b, err := d.Alloc(900 << 10) // another class: only without the cache is there room
	require.NoError(t, err)
	st, err := d.Stats()
	require.NoError(t, err)
	require.EqualValues(t, 1, st.Memory.Trims)
	_, err = d.Alloc(200 << 10)
	require.ErrorIs(t, err, OutOfMemory)
	var m *MemoryError
	require.ErrorAs(t, err, &m)
	require.EqualValues(t, 200<<10, m.Requested)
	require.EqualValues(t, 1<<20, m.Limit)
	require.Equal(t, d.Info().TotalMemory, m.Total)
	require.False(t, Unavailable(err))
	require.NoError(t, b.Free())
	_, err = d.Alloc(200 << 10)
	require.NoError(t, err, "a later request works")
}

// TestLimitWaitsForFreedMemory: the cache includes what still waits for work.
func TestLimitWaitsForFreedMemory(t *testing.T) {
	d := open(t, 0, Options{MemoryLimit: 1 << 20})
	s, err := d.NewStream()
	require.NoError(t, err)
	a, err := d.Alloc(700 << 10)
	require.NoError(t, err)
	require.NoError(t, s.Fill(a, 1, 0, a.Size()))
	require.NoError(t, a.Free())
	_, err = d.Alloc(900 << 10)
	require.NoError(t, err)
}

// TestManyGoroutines uses one device from everywhere.
func TestManyGoroutines(t *testing.T) {
	d := open(t, 0, Options{})
	k := kernel(t, d, "add_one")
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for g := range errs {
		wg.Go(func() { errs[g] = addSome(d, k, byte(g)) })
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
}

// TestCloseWhileInUse: whoever still works with the device gets ErrClosed, and nothing stays behind.
func TestCloseWhileInUse(t *testing.T) {
	d := open(t, 0, Options{})
	k := kernel(t, d, "add_one")
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for g := range errs {
		wg.Go(func() {
			for errs[g] == nil {
				errs[g] = addSome(d, k, byte(g))
			}
		})
	}
	time.Sleep(20 * time.Millisecond)
	require.NoError(t, d.Close())
	wg.Wait()
	for _, err := range errs {
		require.ErrorIs(t, err, ErrClosed)
	}
}

func addSome(d *Device, k *Kernel, first byte) error {
	s, err := d.NewStream()
	if err != nil {
		return err
	}
	defer s.Close()
	for i := range 10 {
		b, err := d.Alloc(4)
		if err != nil {
			return err
		}
		l, err := k.Prepare(Geometry{Block: Dim{X: 32}}, b.Ptr(), 1)
		if err != nil {
			return err
		}
		if err := d.Write(b, 0, []byte{first, byte(i), 0, 0}); err != nil {
			return err
		}
		if err := s.Launch(l); err != nil {
			return err
		}
		if err := s.Sync(context.Background()); err != nil {
			return err
		}
		got := make([]byte, 4)
		if err := d.Read(got, b, 0); err != nil {
			return err
		}
		if !bytes.Equal(got, []byte{first + 1, byte(i), 0, 0}) {
			return &Error{Op: "addSome", Err: Unknown}
		}
		if err := b.Free(); err != nil {
			return err
		}
		if err := l.Close(); err != nil {
			return err
		}
	}
	return nil
}
