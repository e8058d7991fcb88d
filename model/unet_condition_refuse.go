package model

import (
	"fmt"
	"strings"
)

// only reads a key that has one supported value, which is also its default.
func (f *fields) only(key, value string) {
	f.noNull(key)
	f.choice(key, value, value)
}

// refused refuses any value of a key but null.
func (f *fields) refused(key string) {
	if v, ok := f.raw(key); ok {
		f.err = &ConfigError{File: f.file, Key: key, Supported: []string{"null"},
			Detail: fmt.Sprintf("%s is not supported", clip(strings.TrimSpace(string(v))))}
	}
}

// refusedTrue refuses true, and null where diffusers has no meaning for it.
func (f *fields) refusedTrue(key string, null bool) {
	if null && f.isNull(key) {
		f.used[key] = true
		return
	}
	if f.bool(key, false) && f.err == nil {
		f.err = &ConfigError{File: f.file, Key: key, Supported: []string{"false"},
			Detail: "true is not supported"}
	}
}

// unsupported reads the options of UNet2DConditionModel that only other families use
// (Kandinsky, DeepFloyd IF, GLIGEN), and refuses what they would change.
func (f *fields) unsupported() {
	f.only("attention_type", "default")
	for _, key := range []string{"num_attention_heads", "encoder_hid_dim", "encoder_hid_dim_type",
		"timestep_post_act", "cross_attention_norm",
		"reverse_transformer_layers_per_block"} {
		f.refused(key)
	}
	f.refusedTrue("dual_cross_attention", false)
	f.refusedTrue("class_embeddings_concat", false)
	f.refusedTrue("resnet_skip_time_act", false)
	f.refusedTrue("mid_block_only_cross_attention", true)
	if x := f.float("resnet_out_scale_factor", 1, -1e6, 1e6); x != 1 {
		f.fail("resnet_out_scale_factor", "is %g, wanted 1", x)
	}
	f.optInt("addition_embed_type_num_heads", 0, maxConfigBytes) // for other addition_embed_types
}
