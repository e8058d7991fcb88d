package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/cudiffuse/cudiffuse/gpu"
)

type devicesCmd struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// deviceLine is one device, in JSON as in text.
type deviceLine struct {
	Device string `json:"device"` // what --device takes
	Name   string `json:"name"`
	Memory int64  `json:"memory_bytes,omitempty"`
	SM     string `json:"compute_capability,omitempty"`
}

// Run lists the devices. That there is no GPU is an answer, not a failure.
func (c *devicesCmd) Run(a *app) error {
	cpu := gpu.NewCPU(0)
	defer cpu.Close()
	lines := []deviceLine{{Device: cpu.Name(), Name: fmt.Sprintf("%d threads", cpu.Threads())}}
	infos, why := cuda.Devices()
	for _, d := range infos {
		lines = append(lines, deviceLine{Device: fmt.Sprintf("cuda:%d", d.Ordinal), Name: d.Name,
			Memory: d.TotalMemory, SM: fmt.Sprintf("%d.%d", d.Major, d.Minor)})
	}
	reason := ""
	if why != nil {
		reason = why.Error()
	}
	if c.JSON {
		return json.NewEncoder(a.stdout).Encode(map[string]any{"devices": lines, "no_cuda": reason})
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for _, l := range lines {
		text := l.Name
		if l.Memory > 0 {
			text += fmt.Sprintf(", %s, compute capability %s", size(l.Memory), l.SM)
		}
		fmt.Fprintf(w, "%s\t%s\n", l.Device, text)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if reason != "" {
		fmt.Fprintf(a.stdout, "no CUDA device: %s\n", reason)
	}
	return nil
}
