package main

type compareCmd struct{}

// Run measures.
func (c *compareCmd) Run(a *app) error { return usagef("not built yet") }
