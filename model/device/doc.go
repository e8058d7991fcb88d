// Package device runs networks on a GPU: the steps of package lower as cuDNN plans and
// kernels, enqueued on the stream of a program of package gpu, and captured with its
// update as one CUDA graph a step. A [Graph] is run by itself: an autoencoder, a text
// encoder.
//
// A binary that is built without the tag cuda has the same functions, which then return
// [cuda.ErrNotBuilt].
package device
