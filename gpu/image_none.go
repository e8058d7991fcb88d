//go:build !cuda

package gpu

import "github.com/cudiffuse/cudiffuse/cuda"

func kernelImage() (cuda.Image, error) { return cuda.Image{}, cuda.ErrNotBuilt }
