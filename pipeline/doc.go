// Package pipeline turns a request into images: it opens a model folder or the bundled model, compiles the
// sampler, runs it on a device and converts the samples.
//
// A [Pipeline] is safe for concurrent use; each call of Generate has its own buffers. The zero [Request]
// works.
package pipeline

// Version is the version of cudiffuse.
const Version = "0.1.0"
