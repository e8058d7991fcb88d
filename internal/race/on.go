//go:build race

package race

// Enabled says that this build has the race detector.
const Enabled = true
