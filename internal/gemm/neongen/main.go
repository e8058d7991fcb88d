// Command neongen writes the arm64 assembly of package gemm. Run it with go generate in that
// package.
package main

import (
	"log"

	"github.com/cudiffuse/cudiffuse/internal/neon"
)

func main() {
	log.SetFlags(0)
	f := neon.New("gemm")
	for rows := 1; rows <= tileRows; rows++ {
		kernel(f, rows)
	}
	gather(f)
	transform(f)
	output(f)
	if err := f.Write("."); err != nil {
		log.Fatal(err)
	}
}
