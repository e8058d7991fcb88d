package singlefile_test

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/model/safetensors"
	"github.com/cudiffuse/cudiffuse/model/singlefile"
)

// pipelines is where the folders are that the files were made of.
const pipelines = "../../pipeline/testdata/"

// folderConfigs are the configurations of a diffusers folder.
func folderConfigs(t testing.TB, dir string) singlefile.Configs {
	c := singlefile.Configs{}
	fsys := os.DirFS(dir)
	require.NoError(t, fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(name, ".json") && !strings.Contains(name, "vocab") {
			c[name], err = fs.ReadFile(fsys, name)
		}
		return err
	}))
	return c
}

// emptyHeader is the start of a file of tensors of the shapes, F16, and the size of the file.
func emptyHeader(t *testing.T, shapes map[string][]int, metadata map[string]string) ([]byte, int64) {
	type entry struct {
		DType   string `json:"dtype"`
		Shape   []int  `json:"shape"`
		Offsets [2]int `json:"data_offsets"`
	}
	header, at := map[string]any{}, 0
	if metadata != nil {
		header["__metadata__"] = metadata
	}
	for name, shape := range shapes {
		n := 2
		for _, d := range shape {
			n *= d
		}
		if shape == nil {
			shape = []int{}
		}
		header[name] = entry{"F16", shape, [2]int{at, at + n}}
		at += n
	}
	text, err := json.Marshal(header)
	require.NoError(t, err)
	head := binary.LittleEndian.AppendUint64(nil, uint64(len(text)))
	return append(head, text...), int64(8 + len(text) + at)
}

// emptyFile is that file with all zeros, of which only the header is in memory.
func emptyFile(t *testing.T, shapes map[string][]int, metadata map[string]string) *safetensors.File {
	head, size := emptyHeader(t, shapes, metadata)
	f, err := safetensors.Parse(sparse{head, size}, size, "model.safetensors")
	require.NoError(t, err)
	return f
}

// sparse is a header with zeros behind it.
type sparse struct {
	head []byte
	size int64
}

func (s sparse) ReadAt(b []byte, off int64) (int, error) {
	if off+int64(len(b)) > s.size {
		return 0, io.ErrUnexpectedEOF
	}
	clear(b)
	if off < int64(len(s.head)) {
		copy(b, s.head[off:])
	}
	return len(b), nil
}

// graphs are the networks that configurations describe, by the file of their weights.
func graphs(t *testing.T, c singlefile.Configs) map[string][]model.Param {
	out := map[string][]model.Param{}
	net, err := model.ParseNetwork("unet/config.json", c["unet/config.json"])
	require.NoError(t, err)
	out["unet/diffusion_pytorch_model.safetensors"] = net.Graph().Params
	enc, dec, err := model.ParseAutoencoder("vae/config.json", c["vae/config.json"])
	require.NoError(t, err)
	out["vae/diffusion_pytorch_model.safetensors"] = append(append([]model.Param{}, enc.Params...), dec.Params...)
	for _, part := range []string{"text_encoder", "text_encoder_2"} {
		if b, ok := c[part+"/config.json"]; ok {
			g, err := model.ParseCLIPText(part, b, model.TextOptions{})
			require.NoError(t, err)
			out[part+"/model.safetensors"] = g.Params
		}
	}
	return out
}

// replacer replaces pairs in order.
func replaceAll(s string, pairs ...string) string {
	for i := 0; i < len(pairs); i += 2 {
		s = strings.ReplaceAll(s, pairs[i], pairs[i+1])
	}
	return s
}

var unetBlock = regexp.MustCompile(`^(down|up|mid)_blocks?\.(?:(\d+)\.)?(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.*)$`)

// originalUNet is the original name of a tensor of the U-Net with two layers a level: openaimodel.py.
func originalUNet(name string, attends func(level int) bool) string {
	m := unetBlock.FindStringSubmatch(name)
	if m == nil {
		return "model.diffusion_model." + replaceAll(name, "time_embedding.linear_1", "time_embed.0", "time_embedding.linear_2", "time_embed.2",
			"add_embedding.linear_1", "label_emb.0.0", "add_embedding.linear_2", "label_emb.0.2", "conv_in", "input_blocks.0.0",
			"conv_norm_out", "out.0", "conv_out", "out.2")
	}
	level, _ := strconv.Atoi(m[2])
	j, _ := strconv.Atoi(m[4])
	rest, which := m[5], "1."
	if m[3] == "resnets" {
		which = "0."
		rest = replaceAll(rest, "norm1", "in_layers.0", "conv1", "in_layers.2", "time_emb_proj", "emb_layers.1", "norm2", "out_layers.0",
			"conv2", "out_layers.3", "conv_shortcut", "skip_connection")
	}
	block := "input_blocks." + strconv.Itoa(1+3*level+j)
	switch {
	case m[1] == "mid":
		block, which = "middle_block."+strconv.Itoa(2*j), ""
		if m[3] == "attentions" {
			block = "middle_block.1"
		}
	case m[3] == "downsamplers":
		block, which, rest = "input_blocks."+strconv.Itoa(3*level+3), "0.", strings.Replace(rest, "conv", "op", 1)
	case m[3] == "upsamplers":
		if block, which = "output_blocks."+strconv.Itoa(3*level+2), "1."; attends(level) {
			which = "2."
		}
	case m[1] == "up":
		block = "output_blocks." + strconv.Itoa(3*level+j)
	}
	return "model.diffusion_model." + block + "." + which + rest
}

var (
	upBlock  = regexp.MustCompile(`up_blocks\.(\d)`)
	midBlock = regexp.MustCompile(`mid_block\.resnets\.(\d)`)
)

// originalVAE is the original name of a tensor of an autoencoder of four levels: model.py.
func originalVAE(name string) string {
	name = upBlock.ReplaceAllStringFunc(name, func(s string) string { return "up." + string('3'-s[len(s)-1]+'0') })
	name = midBlock.ReplaceAllStringFunc(name, func(s string) string { return "mid.block_" + string(s[len(s)-1]+1) })
	return "first_stage_model." + replaceAll(name, "down_blocks.", "down.", ".resnets.", ".block.", "downsamplers.0", "downsample", "upsamplers.0",
		"upsample", "mid_block.attentions.0.", "mid.attn_1.", "group_norm", "norm", "to_q", "q", "to_k", "k", "to_v", "v", "to_out.0", "proj_out",
		"conv_shortcut", "nin_shortcut", "conv_norm_out", "norm_out")
}

// originalOpenCLIP is the original name of a tensor of a text encoder: open_clip's transformer.py. Of query, key
// and value only the query counts, for all three.
func originalOpenCLIP(name string, shape []int) (string, []int) {
	switch {
	case strings.Contains(name, "k_proj"), strings.Contains(name, "v_proj"):
		return "", nil
	case strings.Contains(name, "q_proj"):
		shape = append([]int{3 * shape[0]}, shape[1:]...)
	case name == "text_projection.weight":
		return "text_projection", []int{shape[1], shape[0]}
	}
	return replaceAll(name, "text_model.embeddings.position_embedding.weight", "positional_embedding", "text_model.embeddings.token", "token",
		"text_model.final_layer_norm", "ln_final", "text_model.encoder.layers", "transformer.resblocks", "layer_norm1", "ln_1", "layer_norm2",
		"ln_2", "mlp.fc1", "mlp.c_fc", "mlp.fc2", "mlp.c_proj", "self_attn.out_proj", "attn.out_proj", "self_attn.q_proj.", "attn.in_proj_"), shape
}
