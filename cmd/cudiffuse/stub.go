package main
type sampleCmd struct{}
type compareCmd struct{}
type forwardCmd struct{}
type inspectCmd struct{}
type versionCmd struct{}
func (sampleCmd) Run() error { return nil}
func (compareCmd) Run() error { return nil}
func (forwardCmd) Run() error { return nil}
func (inspectCmd) Run() error { return nil}
func (versionCmd) Run() error { return nil}
