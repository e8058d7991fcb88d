package gemm

const (
	// fewOutputs is the most output channels for which gathering B would cost more than the
	// products; they read the source in place.
	fewOutputs = 4
	// fewRows is how many rows of pixels one call makes.
	fewRows = 4
	// fewJob is about how many multiply-adds one index does.
	fewJob = 1 << 18
)

// fewTask is the product for few output channels and AVX-512; index i is rowsPerJob rows of pixels,
// counted over the batch.
type fewTask convRun

// isFew tells whether that is the way.
func (r *convRun) isFew() bool {
	return r.conv.tiling.level == avx512 && r.conv.shape.OutC <= fewOutputs
}

// splitFew cuts the rows into jobs and returns their number.
func (r *convRun) splitFew() int {
	rows := r.n * (r.pixels / r.geo.Run)
	r.rowsPerJob = max(1, fewJob/(r.geo.Run*r.conv.shape.k()*r.conv.shape.OutC))
	return ceilDiv(rows, r.rowsPerJob)
}

// Do implements workers.Task.
func (t *fewTask) Do(i int) {
	r := (*convRun)(t)
	perImage := r.pixels / r.geo.Run
	row, end := i*r.rowsPerJob, min((i+1)*r.rowsPerJob, r.n*perImage)
	for row < end {
		img, y := row/perImage, row%perImage
		rows := min(fewRows, end-row, perImage-y)
		for x := 0; x < r.geo.Run; x += maxTileN {
			r.few(img, y, x, rows, min(maxTileN, r.geo.Run-x))
		}
		row += rows
	}
}

// few makes n pixels from (y, x) on in some rows of an image.
func (r *convRun) few(img, y, x, rows, n int) {
	a := &r.conv.weights
	src := r.cols[img*r.geo.Image+y*r.geo.RunStride+x:]
	_ = src[r.maxOffset+(rows-1)*r.geo.RunStride+n-1] // the assembly checks nothing
	for oc := range a.m {
		var bias *float32
		if r.conv.bias != nil {
			bias = &r.conv.bias[oc]
		}
		dst := r.dst[(img*a.m+oc)*r.pixels+y*r.geo.Run+x:][:(rows-1)*r.geo.Run+n]
		few5(&dst[0], r.geo.Run, &src[0], r.geo.RunStride, &r.offsets[0], a.k,
			&a.data[oc], a.m, rows, n, bias)
		for i := 0; r.fused.adds() && i < rows; i++ {
			r.add(img, oc, 1, (y+i)*r.geo.Run+x, n)
		}
	}
}
