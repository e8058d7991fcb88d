//go:build cuda

package cuda

import "gorgonia.org/cu"

// Available returns the bytes of device memory that can still be allocated: free on the device or kept
// for reuse, within [Options.MemoryLimit].
func (d *Device) Available() (int64, error) {
	var n int64
	err := d.call(func() error {
		free, _, err := cu.MemInfo()
		if err != nil {
			return d.failed("cuMemGetInfo", "", err)
		}
		n = free + d.mem.held() - d.mem.stats.InUse
		if limit := d.options.MemoryLimit; limit > 0 {
			n = min(n, limit-d.mem.stats.InUse)
		}
		return nil
	})
	return n, err
}
