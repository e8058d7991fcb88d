//go:build !amd64 && !arm64

package gpu

func sumSIMD(y []float32, terms []term, more bool) { sumGeneric(y, terms, 0, more) }

func scaleSIMD(y []float32, k float32, r []float32) { scaleGeneric(y, k, r) }

func clipSIMD(y []float32, c float32, r []float32) { clipGeneric(y, c, r) }
