package bundled

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path"
	"testing"

	"github.com/stretchr/testify/require"
)

// tensor is one entry of a safetensors header.
type tensor struct {
	DType   string   `json:"dtype"`
	Shape   []int64  `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`
}

// header reads the table of a safetensors file: an 8-byte little-endian length, then JSON.
// It checks that the tensors fill the rest of the file exactly.
func header(t *testing.T, data []byte) map[string]tensor {
	t.Helper()
	require.Greater(t, len(data), 8)
	size := binary.LittleEndian.Uint64(data)
	require.Less(t, size, uint64(len(data)))
	var raw map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(data[8:8+size], &raw))
	delete(raw, "__metadata__")
	var sum int64
	table := map[string]tensor{}
	for name, text := range raw {
		var entry tensor
		require.NoError(t, json.Unmarshal(text, &entry), name)
		table[name] = entry
		sum += entry.Offsets[1] - entry.Offsets[0]
	}
	require.Equal(t, int64(len(data))-8-int64(size), sum, "tensors do not fill the file")
	return table
}

// TestModelsAreComplete reads every file a loader needs, by the names it will look for.
func TestModelsAreComplete(t *testing.T) {
	for _, model := range []string{Fashion, FashionLCM} {
		for _, name := range []string{
			"model_index.json", "scheduler/scheduler_config.json", "unet/config.json",
		} {
			text, err := fs.ReadFile(FS(), path.Join(model, name))
			require.NoError(t, err)
			require.True(t, json.Valid(text), "%s/%s", model, name)
		}
		weights := path.Join(model, "unet/diffusion_pytorch_model.fp16.safetensors")
		data, err := fs.ReadFile(FS(), weights)
		require.NoError(t, err)
		var parameters int64
		for name, entry := range header(t, data) {
			require.Equal(t, "F16", entry.DType, name)
			count := int64(1)
			for _, size := range entry.Shape {
				count *= size
			}
			require.Equal(t, 2*count, entry.Offsets[1]-entry.Offsets[0], name)
			parameters += count
		}
		require.InDelta(t, 2.74e6, float64(parameters), 0.005e6, model) // the figure in doc.go
	}
}

// TestConfigsSayWhatTheDocsSay keeps NoClass, the betas and the clip of doc.go true.
func TestConfigsSayWhatTheDocsSay(t *testing.T) {
	for _, model := range []string{Fashion, FashionLCM} {
		var unet struct {
			Classes int   `json:"num_class_embeds"`
			Size    int   `json:"sample_size"`
			Blocks  []int `json:"block_out_channels"`
		}
		text, err := fs.ReadFile(FS(), path.Join(model, "unet/config.json"))
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &unet))
		require.Equal(t, NoClass+1, unet.Classes)
		require.Len(t, Classes(), NoClass)
		require.Equal(t, 28, unet.Size)
		require.Equal(t, []int{32, 64, 128}, unet.Blocks)

		var schedule struct {
			Class      string  `json:"_class_name"`
			Start      float64 `json:"beta_start"`
			End        float64 `json:"beta_end"`
			Prediction string  `json:"prediction_type"`
			Clip       bool    `json:"clip_sample"`
			Original   int     `json:"original_inference_steps"`
		}
		text, err = fs.ReadFile(FS(), path.Join(model, "scheduler/scheduler_config.json"))
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &schedule))
		require.Equal(t, 1e-4, schedule.Start)
		require.Equal(t, 0.02, schedule.End)
		require.Equal(t, "v_prediction", schedule.Prediction)
		if model == Fashion {
			require.Equal(t, "DDPMScheduler", schedule.Class)
			require.False(t, schedule.Clip)
		} else {
			require.Equal(t, "LCMScheduler", schedule.Class)
			require.Equal(t, 50, schedule.Original)
		}
	}
}

// TestFilesAreReaderAt holds FS to its promise, which lets a loader read one tensor at a time.
func TestFilesAreReaderAt(t *testing.T) {
	file, err := FS().Open(Fashion + "/unet/diffusion_pytorch_model.fp16.safetensors")
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	require.Implements(t, (*io.ReaderAt)(nil), file)
	require.Implements(t, (*io.Seeker)(nil), file)
}

// TestGoldenHasEveryResult names what train/make_golden.py writes.
func TestGoldenHasEveryResult(t *testing.T) {
	data, err := os.ReadFile("testdata/golden.safetensors")
	require.NoError(t, err)
	table := header(t, data)
	for _, name := range []string{
		"x", "v", "out_ddim20", "out_ddim20_clip", "out_dpmpp2m10",
		"out_euler20", "out_unipc8", "out_heun8",
	} {
		require.Equal(t, []int64{4, 1, 28, 28}, table[name].Shape, name)
	}
	for _, name := range []string{"t", "y", "y_sample"} {
		require.Equal(t, []int64{4}, table[name].Shape, name)
	}
}
