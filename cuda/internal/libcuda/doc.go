// Package libcuda is a forwarding libcuda: it defines every entry point of the CUDA driver as a jump through a table
// that the first cuInit fills from libcuda.so.1. A program that links it needs no driver to link or to start.
//
// The environment variable CUDIFFUSE_LIBCUDA, read at start, names another driver library.
//
// gorgonia.org/cu links with -lcuda. The folder lib holds an archive without members that satisfies the linker; the
// symbols come from this package. Put lib first on the linker's path (CGO_LDFLAGS, as cuda/env.sh prints it) where a
// real libcuda.so is installed, or the program needs that file to start.
package libcuda
