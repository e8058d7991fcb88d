// Command ours is this library's side of docs/bench: it evaluates the bundled network as it is told
// on standard input, and answers each line with the seconds it took.
//
// A line is "threads batch input output": files of little-endian float32, the input [batch, 1, 28,
// 28]; the output "-" is not written.
package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"time"

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
	net, err := model.OpenUNet2DFS(bundled.FS(), bundled.Fashion)
	if err != nil {
		return err
	}
	fmt.Println("ready", gemm.Implementation())
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
			if ex, err = net.Compile(n, workers.New(threads)); err != nil {
				return err
			}
			programs[[2]int{threads, n}] = ex
		}
		seconds, err := evaluate(ex, n, in, out)
		if err != nil {
			return err
		}
		fmt.Println(seconds)
	}
	return lines.Err()
}

// evaluate runs the network once, at time 500 and for class 0 of every row.
func evaluate(ex *model.Executor, n int, in, out string) (float64, error) {
	raw, err := os.ReadFile(in)
	if err != nil {
		return 0, err
	}
	x := model.Inputs{Timestep: make([]float32, n), Class: make([]int64, n)}
	for i := range x.Timestep {
		x.Timestep[i] = 500
	}
	for i := 0; i < len(raw); i += 4 {
		x.Sample = append(x.Sample, math.Float32frombits(binary.LittleEndian.Uint32(raw[i:])))
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
