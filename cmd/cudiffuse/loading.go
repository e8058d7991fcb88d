package main

import "github.com/cudiffuse/cudiffuse/model"

// slowLoad is the size of weights from which loading shows how far it is: some seconds.
const slowLoad = 256 << 20

// loading shows the progress of loading large parts of a model, in MB, and ends it when the program is told to stop.
func (a *app) loading() model.LoadProgress {
	var bar *progress
	return func(folder string, done, total int64) error {
		if total < slowLoad {
			return a.ctx.Err()
		}
		if done == 0 {
			bar = newProgress(a.stderr, "loading "+folder)
		}
		bar.step(int(done/1e6), int(total/1e6))
		if done == total {
			bar.done()
		}
		return a.ctx.Err()
	}
}
