package main

import (
	"fmt"
	"runtime"

	"github.com/cudiffuse/cudiffuse/pipeline"
)

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run(a *app) error {
	_, err := fmt.Fprintf(a.stdout, "cudiffuse %s %s %s/%s\n",
		pipeline.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
