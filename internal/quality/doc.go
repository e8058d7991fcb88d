// Package quality puts figures on samples of the bundled Fashion-MNIST models, so that a
// sampler, a guidance scale or a cheaper kernel can be judged by what it draws.
//
// A small classifier, embedded with its weights, looks at the images. Three figures follow:
//
//   - [Accuracy]: how often it sees the class that was asked for (class fidelity). It saturates:
//     real images do not reach 100 % either, see [Real].
//   - [Frechet]: the distance of the samples' features from those of 10,000 real images (Heusel
//     et al. 2017, arXiv:1706.08500, with this classifier in the place of Inception). It sees both
//     wrong images and missing variety. Figures are comparable with each other, and with no
//     published FID.
//   - [Diversity]: the mean feature distance of two images of one class. Guidance trades it for
//     accuracy; the value of real images is in [Real].
//
// # The classifier
//
// Three convolutions and two linear layers, 376,490 weights in fp16, trained on 60,000 images;
// the 64 rectified outputs of the first linear layer are the features. The other 10,000 images,
// 1,000 a class, are the reference. They are unknown to the classifier but not to the bundled
// diffusion models, which saw all 70,000: copying training images would not be noticed here.
// train/train_classifier.py made all of it and says the same in code.
//
// # How many samples
//
// The Fréchet distance is biased: even real images have a distance from the reference, which
// falls about as 1/n. [Real] lists it, [Report] gives it for the number of images measured, and
// [FrechetLimit] extrapolates to n = infinity. Compare runs of equal n; a difference of less
// than about the floor itself needs more samples. The reference has equal classes, so ask for
// equally many samples of each.
package quality
