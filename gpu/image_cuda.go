//go:build cuda

package gpu

import (
	"github.com/cudiffuse/cudiffuse/build"
	"github.com/cudiffuse/cudiffuse/cuda"
)

// kernelImage is the committed image, which only programs with the tag cuda carry.
func kernelImage() (cuda.Image, error) {
	ptx, err := build.PTX()
	return cuda.Image{Name: "cudiffuse kernels", PTX: ptx, Native: build.Native}, err
}
