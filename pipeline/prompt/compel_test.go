package prompt_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/pipeline/prompt"
)

// TestParseCompelReference: what the parser of compel 2.5.1 makes of these, white space aside, which it changes. The
// examples of its doc/syntax.md are among them.
func TestParseCompelReference(t *testing.T) {
	for text, want := range map[string][]prompt.Piece{
		"a tall thin man picking apricots+": {piece("atallthinmanpicking", 1), piece("apricots", 1.1)},
		"a man (picking apricots)++ now":    {piece("aman", 1), piece("pickingapricots", 1.2100000000000002), piece("now", 1)},
		"a (picking (apricots)1.3)1.1":      {piece("a", 1), piece("picking", 1.1), piece("apricots", 1.4300000000000002)},
		"a man (picking apricots+)++":       {piece("aman", 1), piece("picking", 1.2100000000000002), piece("apricots", 1.3310000000000004)},
		"a man picking apricots-- from":     {piece("amanpicking", 1), piece("apricots", 0.81), piece("from", 1)},
		"mountain-man":                      {piece("mountain-man", 1)},
		"mountain - man":                    {piece("mountain-man", 1)},
		"mountain + man":                    {piece("mountain+man", 1)},
		"well-known+ x":                     {piece("well-known", 1.1), piece("x", 1)},
		"(a)":                               {piece("a", 1)},
		"a (b) c":                           {piece("abc", 1)},
		`\(a\) b`:                           {piece("(a)b", 1)},
		"a, b+, c":                          {piece("a,", 1), piece("b", 1.1), piece(",c", 1)},
		"(a, b)+, c":                        {piece("a,b", 1.1), piece(",c", 1)},
		"word+. next":                       {piece("word", 1.1), piece(".next", 1)},
		"(a b":                              {piece("(ab", 1)},
		"a) b":                              {piece("a)b", 1)},
		"c++ code":                          {piece("c", 1.2100000000000002), piece("code", 1)},
		"3d+":                               {piece("3d", 1.1)},
		"(a)0.5b":                           {piece("a", 0.5), piece("b", 1)},
		"(a) 0.5":                           {piece("a0.5", 1)},
		"(a)1.1.1":                          {piece("a", 1.1), piece(".1", 1)},
		"(a)1":                              {piece("a", 1)},
		"(a)-1":                             {piece("a", 0.9), piece("1", 1)},
		"(a)+-":                             {piece("a", 1.1), piece("-", 1)},
		"a+-":                               {piece("a", 1.1), piece("-", 1)},
		"a+b":                               {piece("a+b", 1)},
		"++":                                {piece("++", 1)},
		"-":                                 {piece("-", 1)},
		"":                                  {piece("", 1)},
		"((a)+)+":                           {piece("a", 1.2100000000000002)},
		"(a (b)+ c)-":                       {piece("a", 0.9), piece("b", 0.9900000000000001), piece("c", 0.9)},
		"hello (world)1.5 and (foo)-- bar":  {piece("hello", 1), piece("world", 1.5), piece("and", 1), piece("foo", 0.81), piece("bar", 1)},
	} {
		pieces, err := prompt.ParseCompel(text)
		require.NoError(t, err, text)
		// Without white space, and neighbours of one weight joined.
		var got []prompt.Piece
		for _, p := range pieces {
			s := strings.Join(strings.Fields(p.Text), "")
			if n := len(got); n > 0 && (s == "" || got[n-1].Weight == p.Weight) {
				got[n-1].Text += s
			} else if s != "" || len(pieces) == 1 {
				got = append(got, piece(s, p.Weight))
			}
		}
		require.Len(t, got, len(want), "%s: %v", text, got)
		for i := range want {
			require.Equal(t, want[i].Text, got[i].Text, text)
			require.InDelta(t, want[i].Weight, got[i].Weight, 1e-15, text)
		}
	}
}

// TestParseCompel: white space stays, and the two points that differ.
func TestParseCompel(t *testing.T) {
	for text, want := range map[string][]prompt.Piece{
		" a  b+ c":     {piece(" a  ", 1), piece("b", 1.1), piece(" c", 1)},
		"a--b":         {piece("a--b", 1)},
		`c\+\+ \- a\b`: {piece(`c++ - a\b`, 1)},
		"été+":         {piece("été", 1.1)},
		"it's+":        {piece("it's", 1.1)},
		"(a).5":        {piece("a", .5)},
		"(a).":         {piece("a.", 1)},
		"()+":          {piece("", 1)},
		"((b)2":        {piece("(", 1), piece("b", 2)},
	} {
		got, err := prompt.ParseCompel(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
}

func TestParseCompelErrors(t *testing.T) {
	for text, offset := range map[string]int{
		"a word" + strings.Repeat("+", 200):             2,
		"(a)10001":                                      1,
		"(a)" + strings.Repeat("9", 400):                3,
		"((a)1000)1000":                                 2,
		strings.Repeat("(", prompt.MaxDepth+1):          prompt.MaxDepth,
		"(a" + strings.Repeat("+", 100000) + " b)1 (c)": 1,
	} {
		_, err := prompt.ParseCompel(text)
		var e *prompt.Error
		require.ErrorAs(t, err, &e, "%.40q", text)
		require.Equal(t, offset, e.Offset, "%.40q", text)
	}
	got, err := prompt.ParseCompel("a" + strings.Repeat("-", 100000))
	require.NoError(t, err)
	require.Less(t, got[0].Weight, 1e-40)
}

func TestParseCompelLinear(t *testing.T) {
	for _, part := range []string{"(", ")", "a", "a-", "a+ ", "-", "\\", "(a)+", "(a)1.1", "\xff", "é+"} {
		start := time.Now()
		text := strings.Repeat(part, (1<<20)/len(part))
		_, _ = prompt.ParseCompel(text)
		require.Less(t, time.Since(start), 10*time.Second, part)
	}
}

func ExampleParseCompel() {
	pieces, err := prompt.ParseCompel("a ball++ in the (deep forest)0.8")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range pieces {
		fmt.Printf("%.2f %q\n", p.Weight, p.Text)
	}
	// Output:
	// 1.00 "a "
	// 1.21 "ball"
	// 1.00 " in the "
	// 0.80 "deep forest"
}

func FuzzParseCompel(f *testing.F) {
	f.Add(`a ball++ (b- (c)1.5)- \( \+ well-known+`)
	f.Fuzz(func(t *testing.T, text string) {
		pieces, err := prompt.ParseCompel(text)
		if err != nil {
			var e *prompt.Error
			require.ErrorAs(t, err, &e)
			return
		}
		require.NotEmpty(t, pieces)
		n := 0
		for _, p := range pieces {
			require.True(t, p.Weight >= -prompt.MaxWeight && p.Weight <= prompt.MaxWeight)
			require.False(t, p.Break)
			n += len(p.Text)
		}
		require.LessOrEqual(t, n, len(text))
	})
}
