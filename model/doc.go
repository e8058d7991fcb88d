// Package model holds the network as data: a list of typed operations over
// numbered tensors ([Graph]), its shapes, a memory plan, and an executor in pure
// Go. It reads the folders that diffusers writes: of UNet2DModel ([OpenUNet2D]); of
// UNet2DConditionModel, the text-conditional network of Stable Diffusion 1, 2 and XL
// ([OpenUNetCondition]); of CLIP text encoders ([OpenCLIPText]); and of autoencoders
// ([OpenAutoencoder]). It offers a Gaussian mixture whose score is known in closed form
// ([Mixture]).
//
//	u, err := model.OpenUNet2D("ddpm-cifar10-32")   // config.json + safetensors
//	ex, err := u.Compile(16, pool)                   // buffers for at most 16 rows
//	err = ex.Run(ctx, n, model.Inputs{Sample: x, Timestep: t}, out)
//
// # Layout
//
// Every tensor of a graph is [N, C, H, W] in row-major order, float32; a vector per
// row is [N, C, 1, 1], a sequence of T tokens [N, C, T, 1]. N is the batch and is the
// same for all tensors, so shapes ([Shape]) name only C, H and W, and one graph serves
// every batch, image size and length of a text.
//
// # Same bits everywhere
//
// A row's result does not depend on the batch size, on the row's position, on the
// number of threads or on the processor. Every product is rounded by an explicit
// conversion before it is added, so that no compiler fuses the two; sums run in an
// order fixed by the shape; and exp, log, sine, cosine and the normal distribution are
// this package's own, because those of package math differ between architectures.
//
// # Errors
//
// [ConfigError] is a config.json that is wrong or asks for what is not supported,
// [WeightError] a set of tensors that does not fit it, [ShapeError] sizes that do
// not fit together, [GraphError] a graph that is not well formed, [InputError]
// arguments of Run. Failures of reading files are those of package safetensors.
package model
