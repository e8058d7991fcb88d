package main

import "github.com/cudiffuse/cudiffuse/pipeline"

// deviceFlags choose where the work is done, and how.
type deviceFlags struct {
	Device    string `help:"auto, cpu or cuda:N, see cudiffuse devices." default:"auto"`
	Threads   int    `help:"CPU threads; 0 for all." default:"0"`
	Precision string `aliases:"dtype" help:"Of the networks: fp32 or bf16, and fp16 on a GPU." default:"fp32"`
	Network   string `help:"Where the network runs: device, or cpu with the updates on a GPU." default:"device"`
	Parts     string `help:"Where autoencoder and text encoders run with a GPU: device, or cpu; else on the GPU what it has room for." placeholder:"WHERE"`
	Plans     string `help:"Plans made by cudiffuse compile." placeholder:"FILE"`
	Autotune  int    `help:"Time that many of cuDNN's plans of each layer and keep the fastest." default:"0"`
}

func (f deviceFlags) options() pipeline.Options {
	return pipeline.Options{Device: f.Device, Threads: f.Threads, Precision: f.Precision, Network: f.Network,
		Parts: f.Parts, Plans: f.Plans, Autotune: f.Autotune}
}
