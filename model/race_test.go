//go:build race

package model

// raceEnabled: the race detector makes sync.Pool drop what it is given, at random.
const raceEnabled = true
