// Package lower turns a network's graph of operations into what a GPU executes: a list
// of cuDNN operation graphs and of kernels of package cuda, in order, with the place of
// every value in memory. It is pure Go and needs no GPU: [Lower] makes a [Program] from
// shapes alone, so that what a forward pass will cost can be counted anywhere.
//
// # Layout
//
// Activations are channels last (NHWC) in one element type. A tensor may be a slice of
// the channels of a wider one, so that
//
//   - the operands of a concatenation are written into place and never copied,
//   - layers that read the same tensor (queries, keys and values; the projections of the
//     time embedding in all blocks; the keys and values of the context in all blocks)
//     are one matrix product whose result they share.
//
// # Fusion
//
// In 16 bits a convolution or matrix product takes with it the bias, a residual sum and
// an activation that follow it, as one cuDNN graph, and attention is one graph. In
// float32, where cuDNN does less in full precision, products take their bias with them.
// Group norms with the time embedding before them, scale, shift and activation are
// kernels of our own; so are layer norms, GEGLU, changes of size and embeddings.
//
// # What depends on the conditions only
//
// Steps that read neither the sample nor the time (the projections of a text, the
// embedding of a class) come first, as [Program.Prologue]: they run once when the
// conditions change, and not in the loop.
package lower
