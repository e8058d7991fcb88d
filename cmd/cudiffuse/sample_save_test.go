package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// interrupting cancels when the progress of a step is written to it.
type interrupting struct {
	bytes.Buffer
	at     string
	cancel context.CancelFunc
}

func (w *interrupting) Write(b []byte) (int, error) {
	if strings.Contains(string(b), w.at) {
		w.cancel()
	}
	return w.Buffer.Write(b)
}

// sample runs the program in the folder of the test and returns what it writes to standard error.
func sample(t *testing.T, code int, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	require.Equal(t, code, run(t.Context(), append([]string{"sample"}, args...), &stdout, &stderr), stderr.String())
	return stderr.String()
}

// interrupted runs the program and presses Ctrl-C after a step.
func interrupted(t *testing.T, at string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stderr := &interrupting{at: at, cancel: cancel}
	require.Equal(t, exitInterrupted, run(ctx, append([]string{"sample"}, args...), new(bytes.Buffer), stderr))
	require.Contains(t, stderr.String(), "--resume run goes on\n")
}

// TestResume: a run that is interrupted keeps its file, which goes on to the bytes of one that is not interrupted; then
// the file is gone. One at a step stays.
func TestResume(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir+"/sd15", os.DirFS(textModels+"/sd15")))
	t.Chdir(dir)
	class := []string{"--class", "1,7", "-n", "1", "--steps", "6", "--sampler", "dpmpp_2m_sde", "--seed", "3"}
	text := []string{"--model", "sd15", "--prompt", "a photo of a cat", "--negative", "blurry", "-n", "2", "--steps", "6",
		"--sampler", "dpmpp_2m_sde"}
	for _, args := range [][]string{class, text, append(class, "--each")} {
		sample(t, exitOK, append(args, "-o", "x.png")...)
		pictures := func() map[string][]byte {
			found := map[string][]byte{}
			for _, name := range listing(t, ".") {
				if strings.HasSuffix(name, ".png") {
					found[name] = read(t, name)
					require.NoError(t, os.Remove(name))
				}
			}
			return found
		}
		want := pictures()
		require.NotEmpty(t, want)

		args = append(args, "-o", "x.png")
		interrupted(t, ": 3/6", append(args, "--save-state", "run")...)
		require.Equal(t, []string{"run", "sd15"}, listing(t, "."), "no picture, nothing temporary")
		interrupted(t, ": 5/6", append(args, "--save-state", "run", "--resume", "run")...)
		sample(t, exitOK, append(args, "--save-state", "run", "--resume", "run")...)
		require.NoFileExists(t, "run")
		require.Equal(t, want, pictures())

		sample(t, exitOK, append(args, "--save-state", "kept@2")...)
		require.Equal(t, want, pictures())
		for range 2 {
			sample(t, exitOK, append(args, "--resume", "kept")...)
			require.Equal(t, want, pictures())
		}
		require.Contains(t, sample(t, exitUsage, append(args, "--resume", "kept", "--save-state", "run@1")...), "want step 3 or a later one")
		require.NoError(t, os.Remove("kept"))
	}

	sample(t, exitOK, append(class, "-o", "x.png", "--save-state", "run@4")...)
	want := read(t, "x.png")
	require.NoError(t, os.Remove("x.png"))
	sample(t, exitOK, append(class, "-o", "like.png")...)
	sample(t, exitOK, "--like", "like.png", "--resume", "run", "-o", "x.png")
	require.Equal(t, want, read(t, "x.png"), "all flags by --like")
	require.NoError(t, os.WriteFile("damaged", read(t, "run")[:100], 0o600))
	for want, args := range map[string][]string{
		`resume: steps "7": want "6"`:       append(class, "--steps", "7", "--resume", "run"),
		`resume: seed "4": want "3"`:        append(class, "--seed", "4", "--resume", "run"),
		"resume: model ":                    append(text, "--resume", "run"),
		"--resume: open nothing: ":          append(class, "--resume", "nothing"),
		"--resume damaged: state: ":         append(class, "--resume", "damaged"),
		"--resume like.png: state: ":        append(class, "--resume", "like.png"),
		"is --out too":                      append(class, "--save-state", "samples.png"),
		"--save-state no/run: its folder":   append(class, "--save-state", "no/run"),
		"want a step of 1 to 6":             append(class, "--save-state", "run2@7"),
		`run@last: step "last": want FILE`:  append(class, "--save-state", "run@last"),
		"run@0: step \"0\": want FILE":      append(class, "--save-state", "run@0"),
		"--resume: 2 prompts: want one":     append(text, "--prompt", "b", "--resume", "run"),
		"--save-state: 2 prompts: want one": append(text, "--prompt", "b", "--save-state", "run2"),
		"want a file name":                  append(class, "--save-state", "@3"),
	} {
		stderr := sample(t, exitUsage, args...)
		require.Contains(t, stderr, want)
		require.Equal(t, 1, strings.Count(stderr, "cudiffuse: "), stderr)
	}
	require.Equal(t, []string{"damaged", "like.png", "run", "sd15", "x.png"}, listing(t, "."))
}
