// Package build is the kernel image: what nvcc and ptxas made of cuda/kernels.cu, committed, so that
// Go users never need them. `make kernels` writes it with the pinned toolchain and CI compiles it
// again; manifest.json records the sources and the toolchain, and budget.md what the kernels cost.
//
// The image is one PTX text (ISA 6.3, for drivers of CUDA 10.0 and later, and for GPUs that are
// newer than this build) and the native code that ptxas assembled from that same text for compute
// capabilities 7.5, 8.0, 8.6, 8.9, 9.0, 10.0 and 12.0.
package build

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"io"
)

//go:embed kernels.*.gz
var image embed.FS

// architectures are those with native code, increasing: 10*major + minor of the compute capability.
var architectures = []int{75, 80, 86, 89, 90, 100, 120}

// Architectures returns the compute capabilities with native code, as 10*major + minor.
func Architectures() []int { return append([]int(nil), architectures...) }

// PTX returns the text that a driver can compile for any GPU of compute capability 7.5 or later.
func PTX() ([]byte, error) { return read("kernels.ptx.gz") }

// Native returns the code (a cubin) for a GPU of compute capability major.minor, nil when there is
// none. Code runs on the capability it was made for and on later minor ones of the same major.
func Native(major, minor int) ([]byte, error) {
	best := 0
	for _, a := range architectures {
		if a/10 == major && a%10 <= minor {
			best = a
		}
	}
	if best == 0 {
		return nil, nil
	}
	return read(fmt.Sprintf("kernels.sm_%d.gz", best))
}

func read(name string) ([]byte, error) {
	b, err := image.ReadFile(name)
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	out, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return out, z.Close()
}
