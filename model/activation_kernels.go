package model

// siluMap is the activation in almost every network, so it may get a faster twin.
func siluMap(dst, src []float32, scale, shift float32) {
	siluMapGeneric(dst, src, scale, shift)
}
