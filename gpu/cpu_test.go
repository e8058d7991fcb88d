package gpu

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	gohash "hash"
	"io"
	"math"
	"sync"
	"testing"

	"github.com/cudiffuse/cudiffuse/internal/gputest"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/stretchr/testify/require"
)

// TestBatchMatchesReference runs a mixed batch on every size and number of threads. The reference
// runs each request alone, so this is batch invariance too.
func TestBatchMatchesReference(t *testing.T) {
	most := 65537
	if testing.Short() {
		most = 2*chunkElems + 1
	}
	for _, elems := range []int{1, 255, 784, 4096, most} { // below, at and past blocks and chunks
		reqs := gputest.Requests(elems)
		for name, net := range map[string]gputest.Net{
			"lattice":  gputest.Lattice,
			"specials": gputest.Specials,
		} {
			want := make([][]gputest.Stage, len(reqs))
			for i := range reqs {
				want[i] = gputest.Reference(elems, reqs[i], net, Normals, gputest.Float32)
			}
			for threads := 1; threads <= 4; threads++ {
				if testing.Short() && threads%2 == 0 {
					continue
				}
				t.Run(fmt.Sprintf("%s/%d/%d", name, elems, threads), func(t *testing.T) {
					dev := NewCPU(threads)
					defer dev.Close()
					got := gputest.Execute(t, dev, elems, reqs, net)
					for i := range reqs {
						gputest.RequireExact(t, want[i], got[i], "request %d, %s", i, reqs[i].Plan.Sampler)
					}
				})
			}
		}
	}
}

// TestPositionAndCompanyDoNotMatter shuffles a batch, repeats rows in it and takes rows away.
func TestPositionAndCompanyDoNotMatter(t *testing.T) {
	const elems = 4099
	dev := NewCPU(2)
	defer dev.Close()
	reqs := gputest.Requests(elems)
	alone := make([][]gputest.Stage, len(reqs))
	for i := range reqs {
		alone[i] = gputest.Execute(t, dev, elems, reqs[i:i+1], gputest.Specials)[0]
	}
	for _, order := range [][]int{{9, 8, 7, 6, 5, 4, 3, 2, 1, 0}, {3, 3, 1, 3}, {1, 0}, {5, 2, 7, 2, 9},
		{22, 12, 3, 10, 11, 12, 21}, {13, 13}, {20, 19, 18, 17, 16, 15, 14}} {
		batch := make([]sampler.Request, len(order))
		for i, k := range order {
			batch[i] = reqs[k]
		}
		got := gputest.Execute(t, dev, elems, batch, gputest.Specials)
		for i, k := range order {
			gputest.RequireExact(t, alone[k], got[i], "request %d at %d of %v", k, i, order)
		}
	}
}

// TestSideBySide runs several Programs of one device at once.
func TestSideBySide(t *testing.T) {
	const elems = 5000
	dev := NewCPU(3)
	defer dev.Close()
	reqs := gputest.Requests(elems)
	want := gputest.Execute(t, dev, elems, reqs, gputest.Lattice)
	got := make([][][]gputest.Stage, 4)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() { got[i] = gputest.Execute(t, dev, elems, reqs, gputest.Lattice) })
	}
	wg.Wait()
	for i := range got {
		for k := range want {
			gputest.RequireExact(t, want[k], got[i][k], "program %d, request %d", i, k)
		}
	}
}

// TestHash pins a mixed batch, so that builds for other processors (GOAMD64=v3 and arm64 have fused
// multiply-add) are compared with this one without running both. The first sum is that of the requests
// without, the second of those with threshold, rescale and in-painting, the third of those with other guidance, the
// fourth of those whose noise is learned or a sum of draws, the fifth of those whose guidance has momentum.
func TestHash(t *testing.T) {
	want := [...]string{"d022e4db1deed5ddd0cdbdf83c7871ae2228f1d9e1c7317ee66331199d019e6d",
		"3eca253aba1c8779afaf4eab5413818f6cb55cc340ddcdbca4b630b02bc68a25",
		"1db5b472ec5cfc0301c4a5d8f96e3ddbc7d12fa81f16394a12db9ab5d495bedc",
		"10f5ec9a6f66324cf657ea7a7b2b9759681ad35d4b40840d01d6493f672e735f",
		"0e4564539f1ee44461c6352f6b7964117ad64542685f12a42939c4647a552725"}
	dev := NewCPU(2)
	defer dev.Close()
	sums := [len(want)]gohash.Hash{sha256.New(), sha256.New(), sha256.New(), sha256.New(), sha256.New()}
	for _, net := range []gputest.Net{gputest.Lattice, gputest.Specials} {
		for i, trace := range gputest.Execute(t, dev, 1000, gputest.Requests(1000), net) {
			sum := sums[0]
			switch {
			case i >= gputest.Averaged:
				sum = sums[4]
			case i >= gputest.Drawn:
				sum = sums[3]
			case i >= gputest.Guided:
				sum = sums[2]
			case i >= gputest.Static:
				sum = sums[1]
			}
			for _, s := range trace {
				hash(sum, s.X)
				hash(sum, s.D)
				for _, in := range s.In {
					hash(sum, in)
				}
			}
		}
	}
	for i, sum := range sums {
		require.Equal(t, want[i], hex.EncodeToString(sum.Sum(nil)))
	}
}

// hash adds values to a sum, with one payload for all not-a-numbers.
func hash(w io.Writer, v []float32) {
	b := make([]byte, 0, 4*len(v))
	for _, x := range v {
		bits := math.Float32bits(x)
		if x != x {
			bits = 0x7fc00000
		}
		b = binary.LittleEndian.AppendUint32(b, bits)
	}
	_, _ = w.Write(b)
}
