package safetensors

import (
	"bytes"
	"embed"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

//go:embed testdata/reference.safetensors
var embedded embed.FS

// one is a file with a tensor of two float32.
func one(t *testing.T, name string, v ...float32) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, Write(&b, []Data{{Name: name, Shape: []int{len(v)}, F32: v}}, nil))
	return b.Bytes()
}

// shards is a folder with two shards, other files, and an index.
func shards(t *testing.T, index string) fs.FS {
	t.Helper()
	return fstest.MapFS{
		"unet/m-1.safetensors":          {Data: one(t, "a", 1, 2)},
		"unet/m-2.safetensors":          {Data: one(t, "b", 3)},
		"unet/again.safetensors":        {Data: one(t, "a", 4)},
		"unet/broken.safetensors":       {Data: []byte("nothing")},
		"unet/m.safetensors.index.json": {Data: []byte(index)},
		"secret.safetensors":            {Data: one(t, "a", 9)},
	}
}

const indexName = "unet/m.safetensors.index.json"

// goodIndex has metadata of every JSON type.
const goodIndex = `{"metadata":{"total_size":12,"x":[-1.5e+3,0,0.1,true,false,null,"s",{},[]]},
	"weight_map":{"a":"m-1.safetensors","b":"m-2.safetensors"}}
`

func TestOpenIndex(t *testing.T) {
	s, err := OpenSetFS(shards(t, goodIndex), "unet/m.fp16.safetensors", indexName)
	require.NoError(t, err)
	defer s.Close()
	require.Len(t, s.Tensors(), 2)
	a, err := s.Want("a", 2)
	require.NoError(t, err)
	require.Equal(t, []float32{1, 2}, a)
	b, err := s.Float64s("b")
	require.NoError(t, err)
	require.Equal(t, []float64{3}, b)
	f, ok := s.File("b")
	require.True(t, ok)
	require.Equal(t, "unet/m-2.safetensors", f.Name())

	_, err = s.Want("a", 1, 2)
	require.ErrorIs(t, err, ErrShape)
	require.EqualError(t, err,
		`safetensors: unet/m-1.safetensors: tensor "a": shape is [2], wanted [1 2]`)
	_, err = s.Want("a", 3)
	require.ErrorIs(t, err, ErrShape)
	_, err = s.Want("c", 7)
	require.ErrorIs(t, err, ErrMissing)
	require.EqualError(t, err, `safetensors: `+indexName+
		`: tensor "c": is not among the 2 tensors, wanted one of shape [7]`)
	require.NoError(t, s.Close())
	_, err = s.Bytes("a")
	require.ErrorIs(t, err, fs.ErrClosed)
}

func TestHostileIndex(t *testing.T) {
	weights := func(s string) string { return `{"weight_map":{` + s + `}}` }
	const both = `"a":"m-1.safetensors","b":"m-2.safetensors"`
	shard := func(name string) string { return weights(`"a":"` + name + `"`) }
	for _, c := range []struct {
		name, index, want string
		is                error
	}{
		{"empty", ``, "wanted '{', found the end", ErrFormat},
		{"no map", `{"metadata":{}}`, "weight_map is missing or empty", ErrFormat},
		{"empty map", weights(""), "weight_map is missing or empty", ErrFormat},
		{"map is a list", `{"weight_map":[]}`, "wanted '{'", ErrFormat},
		{"metadata is a list", `{"metadata":[],"weight_map":{}}`, "wanted an object", ErrFormat},
		{"unknown field", `{"wmap":{}}`, `unknown field "wmap"`, ErrFormat},
		{"third field", `{"metadata":{},"weight_map":{` + both + `},"x":1}`,
			`unknown field "x"`, ErrFormat},
		{"map twice", `{"weight_map":{},"weight_map":{}}`, `duplicate key "weight_map"`, ErrFormat},
		{"tensor twice", weights(both + `,"\u0061":"m-2.safetensors"`),
			`duplicate key "a"`, ErrFormat},
		{"metadata key twice", `{"metadata":{"a":1,"a":2},"weight_map":{}}`,
			`duplicate key "a"`, ErrFormat},
		{"text after", weights(both) + "x", "wanted nothing after the index", ErrFormat},
		{"NUL after", weights(both) + "\x00", "wanted nothing after the index", ErrFormat},
		{"broken UTF-8", weights("\"\xff\":\"m-1.safetensors\""), "not valid UTF-8", ErrFormat},
		{"number", weights(`"a":1`), `tensor "a": JSON byte 19: wanted a string`, ErrFormat},
		{"deep", `{"metadata":{"a":` + strings.Repeat("[", 10000), "nested too deeply", ErrFormat},
		{"deep objects", `{"metadata":` + strings.Repeat(`{"a":`, 10000),
			"nested too deeply", ErrFormat},
		{"bad word", `{"metadata":{"a":nul}}`, "wanted a JSON value", ErrFormat},
		{"bad number", `{"metadata":{"a":01}}`, "wanted ',' or '}'", ErrFormat},
		{"bad fraction", `{"metadata":{"a":1.}}`, "wanted a digit", ErrFormat},
		{"parent", shard("../secret.safetensors"), "wanted a plain file name", ErrFormat},
		{"escaped parent", shard(`..\u002fsecret.safetensors`),
			"wanted a plain file name", ErrFormat},
		{"backslash", shard(`..\\secret.safetensors`), "wanted a plain file name", ErrFormat},
		{"absolute", shard("/secret.safetensors"), "wanted a plain file name", ErrFormat},
		{"drive", shard("C:secret.safetensors"), "wanted a plain file name", ErrFormat},
		{"sub-folder", shard("x/m-1.safetensors"), "wanted a plain file name", ErrFormat},
		{"dot", shard("./m-1.safetensors"), "wanted a plain file name", ErrFormat},
		{"two dots", shard("m..safetensors"), "wanted a plain file name", ErrFormat},
		{"hidden", shard(".m.safetensors"), "wanted a plain file name", ErrFormat},
		{"NUL in the name", shard(`m\u0000.safetensors`), "wanted a plain file name", ErrFormat},
		{"extension alone", shard(".safetensors"), "ends in .safetensors", ErrFormat},
		{"other file", shard("m.safetensors.index.json"), "ends in .safetensors", ErrFormat},
		{"no name", shard(""), "ends in .safetensors", ErrFormat},
		{"long name", shard(strings.Repeat("m", 256) + ".safetensors"),
			"at most 255 bytes", ErrFormat},
		{"no such shard", shard("m-3.safetensors"),
			"unet/m-3.safetensors: cannot be opened, as a shard of " + indexName, ErrMissing},
		{"broken shard", shard("broken.safetensors"),
			"unet/broken.safetensors: 7 bytes are too short", ErrFormat},
		{"wrong shard", weights(`"a":"m-2.safetensors","b":"m-1.safetensors"`),
			`tensor "a": weight_map says "m-2.safetensors", but it is in m-1.safetensors`, ErrFormat},
		{"tensor in no shard", weights(both + `,"c":"m-1.safetensors"`),
			`tensor "c": is not in m-1.safetensors, as the weight_map says`, ErrMissing},
		{"tensor not in the map", weights(`"x":"m-1.safetensors"`),
			`tensor "a": is in m-1.safetensors, but not in the weight_map`, ErrFormat},
		{"tensor in two shards", weights(both + `,"c":"again.safetensors"`),
			`unet/m-1.safetensors: tensor "a": is in unet/again.safetensors too`, ErrFormat},
	} {
		s, err := OpenSetFS(shards(t, c.index), indexName)
		require.Nil(t, s, c.name)
		require.ErrorIs(t, err, c.is, c.name)
		require.ErrorContains(t, err, c.want, c.name)
		require.ErrorContains(t, err, "safetensors: unet/", c.name)
	}
}

func TestCandidates(t *testing.T) {
	fsys := shards(t, goodIndex)
	s, err := OpenSetFS(fsys, "nope.safetensors", "unet/m-2.safetensors", indexName)
	require.NoError(t, err)
	require.Len(t, s.Tensors(), 1)
	_, err = OpenSetFS(fsys, "nope.safetensors", "unet/nope.safetensors")
	require.ErrorIs(t, err, ErrMissing)
	require.EqualError(t, err,
		"safetensors: nope.safetensors, unet/nope.safetensors: no such file in the folder")
	// A broken candidate is an error, not a reason to take the next one.
	_, err = OpenSetFS(fsys, "unet/broken.safetensors", "unet/m-1.safetensors")
	require.ErrorIs(t, err, ErrFormat)
	_, err = OpenSetFS(fsys, "../secret.safetensors", "unet/m-1.safetensors")
	require.ErrorIs(t, err, fs.ErrInvalid)
	_, err = OpenSetFS(fsys, "unet", "unet/m-1.safetensors")
	require.ErrorContains(t, err, "wanted a regular file")
	_, err = SetOf(nil)
	require.ErrorIs(t, err, ErrMissing)
}

func TestEmbedded(t *testing.T) {
	s, err := OpenSetFS(embedded, "testdata/reference.safetensors")
	require.NoError(t, err)
	v, err := s.Int64s("U8")
	require.NoError(t, err)
	require.Equal(t, []int64{0, 1, 255}, v)
}

// streamFS hides ReadAt, as the files of a zip archive do.
type streamFS struct{ fs.FS }

func (s streamFS) Open(name string) (fs.File, error) {
	f, err := s.FS.Open(name)
	return struct {
		fs.File
	}{f}, err
}

func TestStreamedFile(t *testing.T) {
	f, err := OpenFS(streamFS{embedded}, "testdata/reference.safetensors")
	require.NoError(t, err)
	_, isFile := f.r.(io.Closer)
	require.False(t, isFile, "read into memory")
	v, err := f.Int64s("U8")
	require.NoError(t, err)
	require.Equal(t, []int64{0, 1, 255}, v)
	require.NoError(t, f.Close())
}

// TestFolder stays in its folder.
func TestFolder(t *testing.T) {
	outer := t.TempDir()
	dir := filepath.Join(outer, "model")
	require.NoError(t, os.Mkdir(dir, 0o777))
	write := func(path string) {
		require.NoError(t, WriteFile(path, []Data{{Name: "a", F32: []float32{1}}}, nil))
	}
	write(filepath.Join(outer, "secret.safetensors"))
	write(filepath.Join(dir, "own.safetensors"))
	if os.Symlink("own.safetensors", filepath.Join(dir, "inside.safetensors")) != nil {
		t.Skip("no symbolic links here")
	}
	require.NoError(t, os.Symlink("../secret.safetensors", filepath.Join(dir, "out.safetensors")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "m.index.json"),
		[]byte(`{"weight_map":{"a":"out.safetensors"}}`), 0o666))
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	defer root.Close()

	for _, name := range []string{"own.safetensors", "inside.safetensors"} {
		f, err := OpenFile(root, name)
		require.NoError(t, err, name)
		require.NoError(t, f.Close())
	}
	for _, name := range []string{"out.safetensors", "../secret.safetensors",
		filepath.ToSlash(filepath.Join(outer, "secret.safetensors")), ".", "m.index.json"} {
		_, err := OpenFile(root, name)
		require.Error(t, err, name)
		var e *Error
		require.ErrorAs(t, err, &e, name)
	}
	_, err = OpenSet(root, "m.index.json")
	require.ErrorContains(t, err, "out.safetensors: cannot be opened, as a shard of m.index.json")
	_, err = Open(filepath.Join(dir, "nope.safetensors"))
	require.ErrorIs(t, err, ErrMissing)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = Open(dir)
	require.ErrorIs(t, err, ErrFormat)
	_, err = Open(os.DevNull)
	require.ErrorIs(t, err, ErrFormat)
}
