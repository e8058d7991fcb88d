// Package twin holds the tests of packages that are built with the tag cuda and without it.
package twin

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Check holds the package of the test to this: a program compiles with the tag and without it, so what the
// tagged files export and what their twin exports have the same names and types. They export more than
// least names.
func Check(t *testing.T, least int) {
	t.Helper()
	files, err := os.ReadDir(".")
	require.NoError(t, err)
	tagged, twin := map[string]string{}, map[string]string{}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		text, err := os.ReadFile(f.Name())
		require.NoError(t, err)
		switch {
		case strings.HasPrefix(string(text), "//go:build cuda\n"):
			exports(t, text, tagged)
		case strings.HasPrefix(string(text), "//go:build !cuda\n"):
			exports(t, text, twin)
		}
	}
	require.Greater(t, len(tagged), least)
	require.Equal(t, tagged, twin)
}

// exports adds what a file exports: functions and methods with their types, and the names of types.
func exports(t *testing.T, text []byte, into map[string]string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "", text, 0)
	require.NoError(t, err)
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			name := d.Name.Name
			if d.Recv != nil {
				name = types.ExprString(d.Recv.List[0].Type) + "." + name
			}
			if d.Name.IsExported() {
				into[name] = fmt.Sprint(fields(d.Type.Params), fields(d.Type.Results))
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				if s, ok := spec.(*ast.TypeSpec); ok && s.Name.IsExported() {
					into["type "+s.Name.Name] = ""
				}
				if s, ok := spec.(*ast.ValueSpec); ok {
					for _, n := range s.Names {
						require.False(t, n.IsExported(), "%s belongs in a file without a tag", n.Name)
					}
				}
			}
		}
	}
}

// fields returns the types of parameters or results, one each.
func fields(list *ast.FieldList) (kinds []string) {
	if list == nil {
		return nil
	}
	for _, f := range list.List {
		for range max(len(f.Names), 1) {
			kinds = append(kinds, types.ExprString(f.Type))
		}
	}
	return kinds
}
