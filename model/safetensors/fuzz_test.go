package safetensors

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"runtime/metrics"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// allocated is the bytes that the process has allocated so far.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// FuzzParse opens anything and reads all of it. What is accepted must mean the same to
// encoding/json, and must survive being written and read again.
func FuzzParse(f *testing.F) {
	reference, err := os.ReadFile("testdata/reference.safetensors")
	require.NoError(f, err)
	f.Add(reference)
	for _, c := range hostileFiles {
		if len(c.file) < 1<<16 {
			f.Add(c.file)
		}
	}
	f.Add(raw(pair("[4,8]", "[0,4]"), 8))
	f.Add(raw(`{"__metadata__":{"a":"\ud83d\ude00"},"w":{`+f32x2+`}}  `, 8))
	f.Fuzz(func(t *testing.T, file []byte) {
		before := allocated()
		parsed, err := Parse(bytes.NewReader(file), int64(len(file)), "fuzz")
		if err != nil {
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Less(t, len(err.Error()), 1000)
		} else {
			for _, tensor := range parsed.Tensors() {
				_, err := parsed.Bytes(tensor.Name)
				require.NoError(t, err)
			}
		}
		// Generous, for the runtime allocates beside us; a claim is worth gigabytes.
		require.Less(t, allocated()-before, uint64(4<<20+200*len(file)))
		if err == nil {
			sameAsStandard(t, parsed, file)
			rewrite(t, parsed)
		}
	})
}

// sameAsStandard reads the header with encoding/json.
func sameAsStandard(t *testing.T, f *File, file []byte) {
	text := file[8 : 8+little.Uint64(file)]
	var entries map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(text, &entries))
	if meta, ok := entries[metadataKey]; ok {
		var m map[string]string
		require.NoError(t, json.Unmarshal(meta, &m))
		require.Equal(t, m, f.Metadata())
		delete(entries, metadataKey)
	}
	require.Len(t, f.Tensors(), len(entries))
	for _, tensor := range f.Tensors() {
		var e struct {
			DType   DType   `json:"dtype"`
			Shape   []int   `json:"shape"`
			Offsets []int64 `json:"data_offsets"`
		}
		require.NoError(t, json.Unmarshal(entries[tensor.Name], &e))
		require.Equal(t, e.DType, tensor.DType)
		require.Equal(t, e.Shape, tensor.Shape)
		base := int64(8 + len(text))
		require.Equal(t, e.Offsets, []int64{tensor.off - base, tensor.off - base + tensor.size})
	}
}

// rewrite copies a file through Write, and compares the values by their bits.
func rewrite(t *testing.T, f *File) {
	var in []Data
	for _, tensor := range f.Tensors() {
		d := Data{Name: tensor.Name, Shape: tensor.Shape}
		var err error
		switch {
		case tensor.DType == F64:
			d.F64, err = f.Float64s(d.Name)
		case tensor.DType.Float():
			d.F32, err = f.Float32s(d.Name)
		default:
			d.I64, err = f.Int64s(d.Name)
		}
		if tensor.DType == U64 || tensor.DType == Bool { // may hold what Int64s refuses
			if err != nil {
				require.ErrorIs(t, err, ErrFormat)
				d.I64 = make([]int64, tensor.Elems())
			}
		} else {
			require.NoError(t, err)
		}
		in = append(in, d)
	}
	var b bytes.Buffer
	require.NoError(t, Write(&b, in, f.Metadata()))
	g, err := Parse(bytes.NewReader(b.Bytes()), int64(b.Len()), "rewritten")
	require.NoError(t, err)
	require.Equal(t, f.Metadata(), g.Metadata())
	require.Len(t, g.Tensors(), len(in))
	for _, d := range in {
		tensor, ok := g.Tensor(d.Name)
		require.True(t, ok)
		require.Equal(t, d.Shape, tensor.Shape)
		switch tensor.DType {
		case F32:
			v, err := g.Float32s(d.Name)
			require.NoError(t, err)
			require.Equal(t, bits(d.F32), bits(v))
		case F64:
			v, err := g.Float64s(d.Name)
			require.NoError(t, err)
			require.Len(t, v, len(d.F64))
			for i := range v {
				require.Equal(t, math.Float64bits(d.F64[i]), math.Float64bits(v[i]))
			}
		case I64:
			v, err := g.Int64s(d.Name)
			require.NoError(t, err)
			require.Equal(t, d.I64, v)
		}
	}
}

// FuzzIndex opens any index beside two shards.
func FuzzIndex(f *testing.F) {
	f.Add([]byte(goodIndex))
	f.Add([]byte(`{"weight_map":{"a":"../secret.safetensors"}}`))
	f.Add([]byte(`{"metadata":{"a":[[[1e5]]]},"weight_map":{"a":"m-1.safetensors"}}`))
	f.Fuzz(func(t *testing.T, index []byte) {
		weightMap, names, err := parseIndex(index)
		if err != nil {
			require.ErrorIs(t, err, ErrFormat)
			return
		}
		var std struct {
			WeightMap map[string]string `json:"weight_map"`
		}
		require.NoError(t, json.Unmarshal(index, &std))
		require.Equal(t, std.WeightMap, weightMap)
		for _, name := range names {
			require.NotContains(t, name, "/")
			require.NotContains(t, name, "..")
		}
		folder := fstest.MapFS{indexName: {Data: index}}
		_, err = OpenSetFS(folder, indexName)
		require.ErrorIs(t, err, ErrMissing)
	})
}
