//go:build linux

package thread

import (
	"errors"
	"runtime"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTasksRunOnOneThreadInTurn(t *testing.T) {
	th := New()
	var ids sync.Map
	var n int // no lock: the tasks never overlap (the race detector watches)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				err := th.Do(Func(func() error {
					ids.Store(syscall.Gettid(), true)
					n++
					runtime.Gosched()
					return nil
				}))
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	require.NoError(t, th.Close(Func(func() error { return nil })))
	require.Equal(t, 1600, n)
	count := 0
	ids.Range(func(any, any) bool { count++; return true })
	require.Equal(t, 1, count)
}

func TestNestedDo(t *testing.T) {
	th := New()
	defer th.Close(Func(func() error { return nil }))
	want := errors.New("inner")
	err := th.Do(Func(func() error {
		require.ErrorIs(t, th.Close(Func(func() error { return nil })), ErrInside)
		return th.Do(Func(func() error { return want }))
	}))
	require.Equal(t, want, err)
}

func TestPanicComesBack(t *testing.T) {
	th := New()
	defer th.Close(Func(func() error { return nil }))
	for range 3 {
		var p *PanicError
		require.ErrorAs(t, th.Do(Func(func() error { panic("boom") })), &p)
		require.Equal(t, "boom", p.Value)
	}
	require.NoError(t, th.Do(Func(func() error { return nil })))
}

// TestGoexitComesBack: a task that ends its goroutine, as a failing test does, leaves the thread alive, and the same.
func TestGoexitComesBack(t *testing.T) {
	th := New()
	where := func() (tid int) {
		require.NoError(t, th.Do(Func(func() error { tid = syscall.Gettid(); return nil })))
		return tid
	}
	before := where()
	for _, task := range []Func{
		func() error { runtime.Goexit(); return nil },
		func() error { return th.Do(Func(func() error { runtime.Goexit(); return nil })) },
	} {
		for range 3 {
			var p *PanicError
			require.ErrorAs(t, th.Do(task), &p)
			require.Equal(t, "runtime.Goexit", p.Value)
			require.Equal(t, before, where())
		}
	}
	var p *PanicError
	require.ErrorAs(t, th.Close(Func(func() error { runtime.Goexit(); return nil })), &p)
	require.Equal(t, ErrClosed, th.Do(Func(func() error { return nil })))
}

func TestClose(t *testing.T) {
	th := New()
	want := errors.New("last words")
	var wg sync.WaitGroup
	for range 8 { // callers that are under way either finish or are refused; none hangs
		wg.Go(func() {
			for {
				if err := th.Do(Func(func() error { return nil })); err != nil {
					if err != ErrClosed {
						t.Error(err)
					}
					return
				}
			}
		})
	}
	require.Equal(t, want, th.Close(Func(func() error { return want })))
	wg.Wait()
	require.Equal(t, ErrClosed, th.Do(Func(func() error { return nil })))
	require.Equal(t, ErrClosed, th.Close(Func(func() error { return nil })))
}

type nop struct{ n int }

func (p *nop) Run() error { p.n++; return nil }

func TestDoDoesNotAllocate(t *testing.T) {
	th := New()
	defer th.Close(&nop{})
	task := &nop{}
	require.NoError(t, th.Do(task))
	require.Less(t, testing.AllocsPerRun(1000, func() { _ = th.Do(task) }), 0.1)
}

func BenchmarkDo(b *testing.B) {
	th := New()
	defer th.Close(&nop{})
	task := &nop{}
	b.Run("from outside", func(b *testing.B) {
		for b.Loop() {
			_ = th.Do(task)
		}
	})
	b.Run("nested", func(b *testing.B) {
		_ = th.Do(Func(func() error {
			for b.Loop() {
				_ = th.Do(task)
			}
			return nil
		}))
	})
}
