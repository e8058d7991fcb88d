// Command ours is this library's side of docs/bench: it evaluates the bundled network, or that of the
// folder it is given, with "bf16" after it in that precision, as it is told on standard input, and answers each line
// with the seconds it took.
//
// A line is "threads batch input output": files of little-endian float32, the input [batch, channels,
// height, width] and, for a network that takes a text, its 77 tokens after it; the output "-" is not
// written.
package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/cudiffuse/cudiffuse/internal/bfloat"
	"github.com/cudiffuse/cudiffuse/internal/gemm"
	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/model/bundled"
)

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "ours:", err)
		os.Exit(1)
	}
}

func serve() error {
	net, err := open()
	if err != nil {
		return err
	}
	fmt.Println("ready", gemm.Implementation()+", bf16 "+bfloat.Implementation())
	programs := map[[2]int]*model.Executor{}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var threads, n int
		var in, out string
		if _, err := fmt.Sscan(lines.Text(), &threads, &n, &in, &out); err != nil {
			return err
		}
		ex := programs[[2]int{threads, n}]
		if ex == nil {
			size := model.Size{H: net.Height(), W: net.Width(), Tokens: model.DefaultTokens}
			if ex, err = model.NewExecutorAt(net.Graph(), net.Weights(), n, size, workers.New(threads)); err != nil {
				return err
			}
			programs[[2]int{threads, n}] = ex
		}
		seconds, err := evaluate(ex, net, n, in, out)
		if err != nil {
			return err
		}
		fmt.Println(seconds)
	}
	return lines.Err()
}

func open() (model.Network, error) {
	if len(os.Args) > 1 {
		net, err := model.OpenNetwork(os.Args[1])
		if err == nil && len(os.Args) > 2 && os.Args[2] == "bf16" {
			err = net.Weights().UseBFloat16()
		}
		return net, err
	}
	return model.OpenUNet2DFS(bundled.FS(), bundled.Fashion)
}

// evaluate runs the network once, at time 500 and, where there are classes, for class 0 of every row.
func evaluate(ex *model.Executor, net model.Network, n int, in, out string) (float64, error) {
	raw, err := os.ReadFile(in)
	if err != nil {
		return 0, err
	}
	x := model.Inputs{Timestep: make([]float32, n)}
	if net.Classes() > 0 {
		x.Class = make([]int64, n)
	}
	for i := range x.Timestep {
		x.Timestep[i] = 500
	}
	for i := 0; i < len(raw); i += 4 {
		x.Sample = append(x.Sample, math.Float32frombits(binary.LittleEndian.Uint32(raw[i:])))
	}
	if u, ok := net.(*model.UNetCondition); ok {
		text := len(x.Sample) - n*model.DefaultTokens*u.ContextDim()
		if text < 0 {
			return 0, fmt.Errorf("%s: %d values are less than a text of %d rows", in, len(x.Sample), n)
		}
		x.Sample, x.Context = x.Sample[:text], x.Sample[text:]
	}
	y := make([]float32, n*ex.OutShape().Len())
	start := time.Now()
	if err := ex.Run(context.Background(), n, x, y); err != nil {
		return 0, err
	}
	seconds := time.Since(start).Seconds()
	if out == "-" {
		return seconds, nil
	}
	raw = raw[:0]
	for _, v := range y {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return seconds, os.WriteFile(out, raw, 0o644)
}
