// Package torchrand draws the normal numbers that PyTorch draws from a seed, so that an
// image can be repeated from the seed that another program used:
//
//	x := make([]float32, 4*64*64)
//	torchrand.NewCPU(42).Randn(x) // torch.manual_seed(42); torch.randn(1, 4, 64, 64)
//	torchrand.NewCUDA(42).Randn(x) // torch.randn(..., device="cuda") after torch.manual_seed(42)
//
// The numbers are the Init of a sampler.Request. The integers are PyTorch's exactly; the normals agree within a few
// units in the last place, since PyTorch's own differ by that much between its builds
// (its vectorised logarithm and cosine are not those of the C library).
package torchrand
