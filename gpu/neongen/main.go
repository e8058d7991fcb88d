// Command neongen writes the arm64 assembly of package gpu. Run it with go generate in that package.
package main

import (
	"log"

	"github.com/cudiffuse/cudiffuse/internal/neon"
)

func main() {
	log.SetFlags(0)
	f := neon.New("gpu")
	sum(f)
	scale(f)
	clip(f)
	if err := f.Write("."); err != nil {
		log.Fatal(err)
	}
}
