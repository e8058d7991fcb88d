package prompt_test

import (
	"runtime/metrics"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/pipeline/prompt"
)

// allocated is the bytes that the process has allocated so far.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// FuzzMemory: what each syntax allocates is bounded by the text.
func FuzzMemory(f *testing.F) {
	for _, unit := range []string{"(", "[", ")", "a", `\`, "(a:1.1)", "BREAK ", "a AND ", "a:2 AND ", "(a)+", "a- ", "++", ".", ":1"} {
		f.Add(strings.Repeat(unit, 3))
		f.Add(strings.Repeat(unit, 1<<12))
		f.Add(strings.Repeat("(", 60) + strings.Repeat(unit, 1<<10))
	}
	f.Fuzz(func(t *testing.T, text string) {
		before := allocated()
		_, _ = prompt.Parse(text) // an error is fine
		_, _ = prompt.ParseCompel(text)
		_, _ = prompt.Compose(text)
		require.Less(t, allocated()-before, uint64(4<<20+1000*len(text))) // generous, for the runtime allocates beside us
	})
}
