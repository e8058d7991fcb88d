//go:build !race

// Package race tells tests whether they run under the race detector, where sync.Pool forgets on purpose and at random, so
// that what allocates nothing otherwise allocates.
package race

// Enabled says that this build has the race detector.
const Enabled = false
