// Package bfloat multiplies matrices in bfloat16 for the CPU executor: convolutions over NCHW activations
// and linear layers, whose weights and inputs are rounded to bfloat16 and whose sums are float32.
//
// # Numeric contract
//
// Every output is
//
//	y = ((bias + t[0]) + t[1]) + ... ,  t[j] = e[j] + o[j]
//
// where t[j] belongs to the j-th block of 32 products: e[j] sums those at even places of the block, o[j]
// those at odd ones, each in order from 0. A product of two bfloat16 is exact in float32; each sum is rounded to
// nearest, and one that is denormal becomes a zero of its sign, as do denormal inputs. This is the order
// of Intel's TDPBF16PS (Intel SDM vol. 2), so that AMX, AVX-512, AVX2 and Go give the same bits, whatever the batch, the
// tiling or the number of threads. Places past the end of a sum count as zeros. Of a NaN only that it is one is
// the same.
//
// k runs over (inC, kh, kw) of a convolution, over inF of a linear layer.
//
// # How it works
//
// Matrices lie in tiles of 16 x 32 (A: rows of 32 places) and 32 x 16 (B: 16 pairs of places, of 16 columns each),
// 1 KB each, those of a row of A or a column of B one after another. A convolution's A is its weights and its B is
// gathered from a padded copy of the input in bfloat16, pixel by pixel of the whole batch; a linear layer's A is its
// input and its B the weights.
package bfloat

//go:generate go run -C gen . -out ../kernels_amd64.s -stubs ../kernels_amd64.go -pkg bfloat
