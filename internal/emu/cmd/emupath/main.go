// Command emupath prints the path of the emulated driver library, building it first when it has to.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/cudiffuse/cudiffuse/internal/emu"
)

func main() {
	path, err := emu.Build(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(path)
}
