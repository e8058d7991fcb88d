// Package pipeline turns a request into images: it opens a model folder or the bundled model, compiles the
// sampler, runs it on a device and converts the samples.
//
// A [Pipeline] draws images without a condition or of classes; a [TextToImage] those of a text. Both are
// safe for concurrent use; each call of Generate has its own buffers. The zero [Request] and [TextRequest]
// work.
package pipeline

// Version is the version of cudiffuse.
const Version = "0.1.0"
