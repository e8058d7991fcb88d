package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// badCase is a command line that is refused: exit code 2 and a line on stderr that holds want.
type badCase struct {
	args string // split at spaces; "~" stands for an empty argument, "@x" for fixture x
	want string
}

var badArguments = []badCase{
	{"", "no command: want one of sample, compare, gallery, plan, forward, inspect, compile, devices, samplers, version; see cudiffuse --help"},
	{"smaple", `unknown command "smaple": want one of sample`},
	{"--nope", "unknown flag --nope; see cudiffuse --help"},
	{"sample --nope", "unknown flag --nope"},
	{"sample --steps", "--steps: expected int value but got nothing; see cudiffuse sample --help"},
	{"sample extra", "unexpected argument extra; see cudiffuse sample --help"},
	{"sample --sampler nope", `unknown sampler "nope": want one of consistency, ddim`},
	{"sample --steps 0", "--steps 0: want a positive number"},
	{"sample --steps -1", "--steps -1: want a positive number"},
	{"sample --steps=-1", "--steps -1: want a positive number"},
	{"sample --steps 1001", "steps 1001: want 1 to 1000"},
	{"sample --steps many", `--steps: expected a valid 64 bit int but got "many"`},
	{"sample --steps 2.5", "--steps: expected a valid 64 bit int"},
	{"sample --guidance NaN", "guidance NaN: want a finite number, 1 for none"},
	{"sample --guidance Inf", "guidance +Inf: want a finite number"},
	{"sample --guidance -Inf", "guidance -Inf: want a finite number"},
	{"sample --guidance 0", "--guidance 0: want --class with the label of no class"},
	{"sample --guidance 1e39", "guidance 1e+39: want a finite number"},
	{"sample --guidance high", "--guidance: expected a float"},
	{"sample -n 0", "--n 0: want a positive number"},
	{"sample -n -5", "--n -5: want a positive number"},
	{"sample -n 65536", "want sides of at most 32768; give other --columns or --each"},
	{"sample -n 9223372036854775807", "want at most 65536 images"},
	{"sample -n 99999999999999999999", "--n: expected a valid 64 bit int"},
	{"sample --class 11", "class 11: want 0 to 10 (10 is no class) or one of T-shirt, Trouser"},
	{"sample --class -1", "class -1: want 0 to 10"},
	{"sample --class 1,unicorn", `class "unicorn": want 0 to 10`},
	{"sample --class 1,,2", `class "": want 0 to 10`},
	{"sample --negative unicorn", `--negative: class "unicorn": want 0 to 10`},
	{"sample --negative 11", "--negative: class 11: want 0 to 10"},
	{"sample --seed -1", "--seed: expected a valid 64 bit uint but got"},
	{"sample --seed 18446744073709551616", "--seed: expected a valid 64 bit uint"},
	{"sample --sampler ddim --eta 1.5", "eta 1.5: want 0 to 1"},
	{"sample --sampler ddim --eta -0.5", "eta -0.5: want 0 to 1"},
	{"sample --sampler euler_a --eta NaN", "eta NaN: want 0 to 1"},
	{"sample --eta 0.5", "plan of dpmpp_2m: has no option eta: it takes no options"},
	{"sample --sampler ddim --s-churn 1", "plan of ddim: has no option s-churn: it takes eta, keep-epsilon"},
	{"sample --sampler euler --s-churn -1", "s-churn -1: want 0 or more"},
	{"sample --sampler lcm --steps 51", "steps 51: want 1 to 50"},
	{"sample --sampler lcm --original-inference-steps 2000", "original steps 2000: want 1 to 1000"},
	{"sample --sampler lcm --schedule-type karras", "schedule type karras: want normal"},
	{"sample --grid --each", "--grid and --each can't be used together"},
	{"sample --zoom -1", "--zoom -1: want a positive number, or 0"},
	{"sample --columns -1", "--columns -1: want a positive number, or 0"},
	{"sample --zoom 100000", "at --zoom 100000: want sides of at most 32768"},
	{"sample -n 6000 --class 1", "want sides of at most 32768; give other --columns or --each"},
	{"sample --schedule-type linear", `schedule type "linear": want normal, karras, exponential`},
	{"sample --timestep-spacing random", `timestep spacing "random": want leading, trailing`},
	{"sample --clip-sample -1", "--clip-sample -1: want a positive range, or 0 for none"},
	{"sample --clip-sample NaN", "--clip-sample NaN: want a positive range, or 0 for none"},
	{"sample --clip-sample Inf", "--clip-sample +Inf: want a positive range, or 0 for none"},
	{"sample --guidance-rescale 1.5", "--guidance-rescale 1.5: want 0 (none) to 1"},
	{"sample --guidance-rescale NaN", "--guidance-rescale NaN: want 0 (none) to 1"},
	{"sample --guidance-type apg --apg-momentum -1", "momentum -1: want more than -1 and less than 1"},
	{"sample --guidance-type apg --apg-momentum NaN", "momentum NaN: want more than -1"},
	{"sample --guidance-type tangential --apg-momentum 0.5", "eta, norm and momentum are of apg, not of tangential"},
	{"sample --apg-momentum 0.5", "want apg, which eta, norm and momentum are for"},
	{"sample --guidance-rescale -0.1", "--guidance-rescale -0.1: want 0 (none) to 1"},
	{"sample --dynamic-thresholding-ratio 0", "--dynamic-thresholding-ratio 0: want more than 0"},
	{"sample --dynamic-thresholding-ratio 1.5", "--dynamic-thresholding-ratio 1.5: want more than 0 and at most 1"},
	{"sample --dynamic-thresholding-ratio .9 --sample-max-value 0.5", "--sample-max-value 0.5: want a finite number"},
	{"sample --dynamic-thresholding-ratio .9 --clip-sample 1", "--clip-sample: not with --dynamic-thresholding-ratio"},
	{"sample --sample-max-value 2", "--sample-max-value: want --dynamic-thresholding-ratio with it"},
	{"sample --out nowhere/x.png", "--out nowhere/x.png: its folder: stat nowhere: no such file"},
	{"sample --out @tiny", "is a folder, want a file"},
	{"sample --out @file/x.png", "is not a folder"},
	{"sample --out ~", "--out: want a file name"},
	{"sample --prompt cat", "--prompt: want a text-to-image model, see --model"},
	{"sample --width 64", "--width: want a text-to-image model"},
	{"sample --model @sd15", "--prompt: want what to draw"},
	{"sample --model @sd15 --prompt cat --class 1", "--class: not with a text-to-image model"},
	{"sample --model @sd15 --prompt cat --width 7", "width 7"},
	{"sample --model @sd15 --prompt cat -n 0", "--n 0: want a positive number"},
	{"sample --model @sd15 --prompt cat --guidance 0", "--guidance 0: want 1 for none"},
	{"sample --model @sd15 --prompt cat --strength 0.5", "--strength: want --init-image with it"},
	{"sample --model @sd15 --prompt cat --init-image none.png", "--init-image: open none.png"},
	{"sample --model @sd15 --prompt-file none.txt", "--prompt-file: open none.txt"},
	{"sample --controlnet x", "--controlnet: want a text-to-image model"},
	{"sample --model @sd15 --prompt cat --controlnet x", "--controlnet: want --control-image with it"},
	{"sample --model @sd15 --prompt cat --control-scale 0.5", "--control-scale: want --controlnet with it"},
	{"sample --model @sd15 --prompt cat --controlnet x --control-image none.png", "--control-image: open none.png"},
	{"sample --precision fp8", `precision "fp8": want fp32, fp16 or bf16`},
	{"sample --precision fp16", `precision "fp16": want fp32 or bf16 where the network runs on the CPU`},
	{"sample --network gpu", `network "gpu": want device or cpu`},
	{"sample --autotune -1", "autotune -1: want 0..64"},
	{"sample --rng numpy", `rng "numpy": want diffusers, torch-cpu or torch-cuda`},
	{"compile --target sm_90", "missing flags: --out=FILE"},
	{"compile --target h100 --out plans", `--target "h100": want an architecture such as sm_90`},
	{"compile --target sm_90 --out plans --rows 0", "--rows 0: want positive numbers"},
	{"compile --target sm_90 --out plans --precision int8", `--precision "int8": want fp32, fp16 or bf16`},
	{"compile --target sm_90 --out no/plans", "--out"},
	{"compile --target sm_90 --out plans --controlnet x", "--controlnet: want a text-to-image model with a U-Net"},
	{"inspect --device tpu", `--device must be one of "cpu","cuda"`},
	{"inspect --device cuda --precision int8", `--precision "int8": want fp32, fp16 or bf16`},
	{"sample --device gpu", `device "gpu": want auto, cpu or cuda:N`},
	{"sample --device cuda:x", `device "cuda:x": want auto, cpu or cuda:N`},
	{"sample --device cuda:-1", `device "cuda:-1": want auto, cpu or cuda:N`},
	{"sample --device cuda0", `device "cuda0": want auto, cpu or cuda:N`},
	{"sample --threads -1", "--threads -1: want 0 for all, or a positive number"},

	{"sample --like nope.png", "--like nope.png: open nope.png: no such file"},
	{"sample --like @tiny", "not a PNG file"},
	{"sample --like @text.png", "text.png: not a PNG file"},
	{"sample --like @none.png", "none.png: the PNG has no parameters"},
	{"sample --like @damaged.png", "damaged: checksum differs"},
	{"sample --like @prose.png", `want a line of settings, "Steps: …"`},
	{"sample --like @foreign.png", "made with model sd (45dee52b), this is fashion ("},
	{"sample --like @hash.png", "made with model fashion (000000000000), this is fashion ("},
	{"sample --like @steps.png", `parsing "many": invalid syntax`},
	{"sample --like @steps0.png", "steps -3: want 1 to 1000"},
	{"sample --like @steps2000.png", "steps 2000: want 1 to 1000"},
	{"sample --like @class.png", "class 77: want 0 to 10"},
	{"sample --like @zoom.png", `Zoom "big": want a number`},
	{"sample --like @huge.png", "want at most 1048576"},

	{"inspect --batch 0", "--batch 0: want a positive number"},
	{"inspect --batch -1", "--batch -1: want a positive number"},
	{"inspect --batch 99999999", "batch: 99999999 is not within 1.."},
	{"inspect --model nope", `--model "nope": there is no such folder: want fashion, fashion_lcm or a folder`},
	{"version 1", "unexpected argument 1"},
}

var badModels = []badCase{
	{"nope", `--model "nope": there is no such folder: want fashion, fashion_lcm or a folder`},
	{"~", `--model "": there is no such folder`},
	{"@file", "is a file: want fashion, fashion_lcm or a folder in diffusers format"},
	{"@empty", "config.json: cannot be read"},
	{"@badjson", "config.json"},
	{"@otherclass", `"HunyuanDiT2DModel" is not supported (supported: UNet2DModel`},
	{"@otherblock", `"CrossAttnDownBlock2D" is not supported (supported: DownBlock2D, `},
	{"@otherkey", `"act_fun": is not a known option`},
	{"@noweights", weights},
	{"@truncated", "leave the data of"},
	{"@oversized", "bytes of data follow the header"},
	{"@hugeheader", "header length is 9223372036854775807, allowed are 100000000"},
	{"@overlap", `tensor "b": starts at data byte 4 and overlaps what ends at 8`},
	{"@wrongshape", `tensor "conv_out.bias": wanted shape [1], found shape [1 1]`},
	{"@missing", `tensor "conv_in.bias": wanted shape [16], found nothing`},
	{"@extra", `tensor "spare": wanted no such tensor, found one of shape [1]`},
	{"@escape", "path escapes"},
	{"@shards", `shard "../evil.safetensors": wanted a plain file name`},
}

// Only sampling needs a schedule and images.
var badPipelines = []badCase{
	{"@otherscheduler", `"OtherScheduler" is not supported: want one of CMStochasticIterative, CogVideoX`},
	{"@zerosnr", "want v_prediction or sample with zero terminal SNR"},
	{"@flow", "flow_prediction is not supported yet: want epsilon, v_prediction or sample"},
	{"@names", "no_class 99: want 0 to 10"},
	{"@lines --class 99", "class 99: want 0 to 10 or one of two; lines [2J"},
	{"@plain --class 1", "class 1: want none: the model has no classes"},
	{"@plain --guidance 2", "guidance 2: want 1: the model has no unconditional label"},
	{"@tiny --guidance 2", "give a negative class for guidance"},
	{"@tiny --like @hash.png", "made with model fashion (000000000000), this is tiny ("},
}

var badForwards = []badCase{
	{"--in nope", "nope"},
	{"--in @file", "allowed are 100000000"},
	{"--in @in-nosample", `no tensor "sample": want [n, C, H, W], float32`},
	{"--in @in-notime", `tensor "timestep"`},
	{"--in @in-nolabel", `tensor "class_labels"`},
	{"--in @in-rank", "sample [12 12]: want [n, 1, H, W]"},
	{"--in @in-channels", "sample [2 3 12 12]: want [n, 1, H, W]"},
	{"--in @in-norows", "sample [0 1 12 12]: want [n, 1, H, W]"},
	{"--in @in-int", "sample [1]: want [n, 1, H, W]"},
	{"--in @in-times", "timestep: 3 values, want 2"},
	{"--in @in-labels", "class_labels: 3 values, want 2"},
	{"--in @in-label11", "row 1 is class 11, wanted 0..10"},
	{"--in @in-label-1", "row 1 is class -1, wanted 0..10"},
	{"--in @in-labelfloat", "class_labels"},
	{"--in @in-extra", `tensor "encoder_hidden_states": the network takes sample, timestep and class_labels`},
	{"--in @in-odd", "sample [2 1 13 12]: "},
	{"--in @in --threads -1", "--threads -1: want 0 for all"},
	{"--in @in --out nowhere/out", "--out nowhere/out: its folder"},
}

// TestBadInput: each of these ends with exit code 2 and one line that says what was wrong and what would be
// right; no file appears, nothing is printed, and nothing panics.
func TestBadInput(t *testing.T) {
	f := newFixtures(t)
	cases := append([]badCase{}, badArguments...)
	cases = append(cases, badPlans...)
	for _, c := range badModels {
		cases = append(cases, badCase{"sample --steps 1 --model " + c.args, c.want}, badCase{"inspect --model " + c.args, c.want})
	}
	for _, c := range badPipelines {
		cases = append(cases, badCase{"sample --steps 1 --model " + c.args, c.want})
	}
	for _, c := range badForwards {
		cases = append(cases, badCase{"forward --model @tiny --out out.safetensors " + c.args, c.want})
	}
	f.plans()
	require.NoError(t, os.CopyFS(filepath.Join(f.dir, "sd15"), os.DirFS(textModels+"/sd15")))
	require.Greater(t, len(cases), 150)
	before := listing(t, f.dir)
	for _, c := range cases {
		t.Run(c.args, func(t *testing.T) { checkBad(t, f, c) })
	}
	require.Equal(t, before, listing(t, f.dir), "the fixtures are as they were")
}

func checkBad(t *testing.T, f fixtures, c badCase) {
	t.Chdir(t.TempDir())
	args := f.expand(strings.Fields(c.args))
	for i, a := range args {
		if a == "~" {
			args[i] = ""
		}
	}
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), args, &stdout, &stderr)
	require.Equal(t, exitUsage, code, "%s", &stderr)
	require.Empty(t, stdout.String())
	line, rest, ended := strings.Cut(stderr.String(), "\n")
	require.True(t, ended && rest == "", "one line: %q", stderr.String())
	require.True(t, strings.HasPrefix(line, "cudiffuse: "), line)
	require.Contains(t, line, c.want)
	require.NotContains(t, line, "\x1b")
	require.Less(t, len(line), 1000, line) // a list of what is known may be long
	require.Empty(t, listing(t, "."), "no file is written")
}
