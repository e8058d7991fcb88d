package gpu

import (
	"fmt"
	"testing"

	"github.com/cudiffuse/cudiffuse/internal/gputest"
)

// TestBatchMatchesReference runs a mixed batch on every size and number of threads. The reference runs
// each request alone, so this is batch invariance too.
func TestBatchMatchesReference(t *testing.T) {
	for _, elems := range []int{1, 255, 784, 4096, 65537} { // below, at and past blocks and chunks
		reqs := gputest.Requests(elems)
		for name, net := range map[string]gputest.Net{"lattice": gputest.Lattice, "specials": gputest.Specials} {
			want := make([][]gputest.Stage, len(reqs))
			for i := range reqs {
				want[i] = gputest.Reference(elems, reqs[i], net, Normals)
			}
			for threads := 1; threads <= 4; threads++ {
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
