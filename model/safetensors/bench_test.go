package safetensors

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkFloat32s reads 16 MiB from memory.
func BenchmarkFloat32s(b *testing.B) {
	const size = 16 << 20
	for _, d := range []DType{F32, F16, BF16, F64} {
		b.Run(string(d), func(b *testing.B) {
			file := raw(fmt.Sprintf(`{"w":{"dtype":"%s","shape":[%d],"data_offsets":[0,%d]}}`,
				d, size/d.Size(), size), size)
			f, err := Parse(bytes.NewReader(file), int64(len(file)), "f")
			require.NoError(b, err)
			b.SetBytes(size)
			for b.Loop() {
				_, err := f.Float32s("w")
				require.NoError(b, err)
			}
		})
	}
}
