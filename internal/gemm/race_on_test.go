//go:build race

package gemm

// raceEnabled: under the race detector sync.Pool forgets things on purpose, so Run allocates.
const raceEnabled = true
