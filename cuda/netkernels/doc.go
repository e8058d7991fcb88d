// Package netkernels describes the launches of the kernels of networks in package cuda:
// which kernel, over which grid, with which arguments. It is pure Go, so that what a
// network costs can be counted without a GPU.
//
// Activations are NHWC. A Tensor is rows of pixels, Stride elements from one to the next,
// which is more than its channels where it is a slice of a wider tensor. Parameters
// (gamma, beta, tables) are float32. Addresses are device addresses.
//
// Grids depend on shapes only, and an image's result on that image alone: neither the
// rest of the batch nor the device changes a bit.
package netkernels
