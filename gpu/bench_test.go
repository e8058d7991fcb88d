package gpu

import "testing"

func BenchmarkNormals(b *testing.B) {
	dst := make([]float32, 4096)
	for i := 0; b.Loop(); i++ {
		Normals(dst, 1, i, 0)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(dst)), "ns/normal")
}
