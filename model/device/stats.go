package device

// PlanStats count where plans came from.
type PlanStats struct {
	Graphs int // operation graphs of all programs
	Plans  int // different ones
	Bundle int // of these: from a file of plans
	Cached int // from the cache
	Timed  int // chosen by timing
}
