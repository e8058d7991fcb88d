package works

import (
	"fmt"

	"github.com/cudiffuse/cudiffuse/internal/gemm"
	"github.com/cudiffuse/cudiffuse/internal/workers"
)

const (
	whyRow = "One row uses every weight once, so the time is that of reading them, and with two threads that of sharing" +
		" so little work."
	whyRows = "Packing the rows and the pass that adds the bias run in Go, a value at a time; together they take a tenth of" +
		" the time to a half, the most where sums are short and results wide."
)

// products are linear layers, [rows, in] times [in, out].
func products() []Work {
	var all []Work
	for _, d := range []struct {
		rows, in, out, counted int
		why                    string
	}{
		{1, 512, 512, 10, whyRow},
		{64, 512, 512, 1, whyRows},
		{512, 512, 512, 0, whyRows},
		{4096, 320, 1280, 0, whyRows},
	} {
		all = append(all, Work{
			Name: "GEMM", Size: fmt.Sprintf("%dx%dx%d", d.rows, d.in, d.out), Why: d.why, Counted: d.counted,
			FLOPs: 2 * int64(d.rows) * int64(d.in) * int64(d.out),
			Bytes: 4 * int64(d.rows*d.in+d.in*d.out+d.rows*d.out),
			Open: func(threads int) (*Run, error) {
				l, err := gemm.NewLinear(d.out, d.in, values(d.out*d.in), values(d.out))
				if err != nil {
					return nil, err
				}
				p := workers.New(threads)
				src, dst := values(d.rows*d.in), make([]float32, d.rows*d.out)
				scratch := make([]float32, l.Scratch(d.rows))
				return &Run{Close: p.Close, Do: func() error {
					l.Run(p, dst, src, d.rows, scratch)
					return nil
				}}, nil
			},
		})
	}
	return all
}
