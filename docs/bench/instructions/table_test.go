package main

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/internal/works"
)

func table() []entry { return []entry{{"GEMM 64x512x512", 4486738}, {"normals 16384", 169548}} }

// TestTable reads back what is written.
func TestTable(t *testing.T) {
	counts, version, err := parse(format(table(), "go1.26.8"))
	require.NoError(t, err)
	require.Equal(t, "go1.26.8", version)
	require.Equal(t, map[string]int64{"GEMM 64x512x512": 4486738, "normals 16384": 169548}, counts)

	head := format(nil, "go1.26.8")
	for name, text := range map[string]string{
		"nothing":    "",
		"no rows":    head,
		"no version": "| a | 1 |\n",
		"zero":       head + "| a | 0 |\n",
		"too large":  head + "| a | 99999999999999999999 |\n",
		"twice":      head + "| a | 1 |\n| a | 2 |\n",
	} {
		_, _, err := parse(text)
		require.Error(t, err, name)
	}
}

// TestJudge plants slower work, and work without a partner.
func TestJudge(t *testing.T) {
	want, _, err := parse(format(table(), "go1.26.8"))
	require.NoError(t, err)
	with := func(change func([]entry) []entry) (string, bool) { return judge(want, change(table())) }

	report, failed := with(func(e []entry) []entry { return e })
	require.False(t, failed, report)
	report, failed = with(func(e []entry) []entry { e[1].count += 1690; return e })
	require.False(t, failed, "0.997 %%: %s", report)
	report, failed = with(func(e []entry) []entry { e[1].count += 1700; return e })
	require.True(t, failed, "1.003 %%: %s", report)
	require.Regexp(t, `(?m)^normals 16384 .* \+1\.00 %  SLOWER$`, report)
	report, failed = with(func(e []entry) []entry { e[1].count /= 2; return e })
	require.False(t, failed, report)
	require.Contains(t, report, "faster")
	report, failed = with(func(e []entry) []entry { return e[:1] })
	require.True(t, failed, report)
	require.Contains(t, report, "NOT COUNTED")
	report, failed = with(func(e []entry) []entry { return append(e, entry{"new", 5}) })
	require.True(t, failed, report)
	require.Contains(t, report, "MISSING")
}

// TestCommitted looks that the committed table is of the works there are.
func TestCommitted(t *testing.T) {
	counts, _, err := read("../instructions.md")
	require.NoError(t, err)
	for _, w := range works.All() {
		_, ok := counts[w.ID()]
		require.Equal(t, w.Counted > 0, ok, w.ID())
		delete(counts, w.ID())
	}
	require.Empty(t, counts)
}

// TestCountFails: without valgrind, or where it counts nothing, there is an error and no table.
func TestCountFails(t *testing.T) {
	all := slices.DeleteFunc(works.All(), func(w works.Work) bool { return w.Counted == 0 })
	for _, command := range []string{"/nonexistent/valgrind", "true", "false"} {
		_, err := count(command, all)
		require.Error(t, err, command)
	}
	require.Error(t, repeat("no such work", 1))
}
