// Package gemm multiplies float32 matrices for the CPU executor: convolutions over NCHW
// activations, and linear layers.
//
// # Numeric contract
//
// Every output element of a linear layer and of a convolution by the direct method is
//
//	y = fma(a[K-1], b[K-1], ... fma(a[1], b[1], fma(a[0], b[0], 0))) + bias
//
// in this order, fma(x, y, z) being x*y + z rounded to float32 once. a are the weights; k runs
// over (inC, kh, kw) of a convolution, over inF of a linear layer. Padding takes part in the sum as
// zeros, so an infinite weight over it gives NaN. Without a bias nothing is added.
//
// 3x3 convolutions with stride 1, 16 channels or more on both sides and images that fill their 4x4
// tiles at least by half use Winograd's method, [winoIn1] to [winoOut1] with the sums over inC in
// between. On the bundled model's weights the greatest error is up to 2.3 times the direct
// method's. What is not finite makes every output that it takes part in not finite, and others of
// its tile too.
//
// The method depends on the shape and the size of the image. So the bits of a result do not depend on the
// processor, the assembly, the batch, the tiling, the number of threads, what is fused ([Fused]) or what weights
// are kept ([Packing]). Only the payload and sign of a NaN are left open.
//
// # How it works
//
// A level of instructions (AVX-512, AVX2, NEON or Go) has a micro-kernel and its tiling, m x n. The
// weights (matrix A) are packed once into panels of up to m rows. Columns of B are the
// output pixels of the whole batch, so that small images fill whole tiles too. B is never stored
// as a whole: each job gathers kBlock x (a few tiles of n columns) from a padded copy of the
// input through a table of offsets, one per k. The micro-kernel multiplies a panel of A with a
// tile of B and keeps m x n sums in registers; from one K block to the next the sums go
// through memory, which does not change them.
//
// A stride S is taken out of the gathering: the padded copy stores each row as S phases (columns
// 0, S, 2S, ..., then 1, S+1, ...), so that neighbouring output pixels read neighbouring floats.
//
// For Winograd's method a job takes some tiles of 4x4 pixels, transforms their inputs into a matrix
// B for each of the 36 terms, multiplies, and transforms the sums back, some panels at a time, all
// within a second-level cache. The source is read in place. The transformed weights are four times the
// others, and reading them is most of the time of small images: for these, and for all images of a lean layer,
// a job makes them as it goes, a part that stays in its caches at a time. With AVX-512, up to 8 tiles lie beside
// a register of output channels, and more tiles in a register beside an output channel.
//
// There is no F(2x2, 3x3): it has 4 products a pixel where F(4x4, 3x3) has 2.25, and would have fewer for no
// square image but those of 1x1 and 2x2, which the direct method takes.
//
// Two threads share a product by its columns or, where these are few, by its rows; each then gathers or
// transforms all columns itself, since memory that two processors write and read in turn costs more than that.
//
// A function whose name ends in 2 or 5, or in AVX2, AVX512 or NEON, is assembly for that level.
package gemm
