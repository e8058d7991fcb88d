package doccheck

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// TestExportedNamesAreDocumented parses every package that users can import.
func TestExportedNamesAreDocumented(t *testing.T) {
	root := filepath.Join("..", "..")
	seen := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && (name == "testdata" || name == "internal" || path != root && strings.HasPrefix(name, ".")) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		for _, n := range undocumented(f) {
			t.Errorf("%s: %s has no doc comment", fset.Position(n.Pos()), n.Name)
		}
		seen++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 50 {
		t.Fatalf("only %d files seen: the walk is broken", seen)
	}
}

// undocumented returns the exported names of f without a doc comment. A comment on a group, or at the end
// of the line, counts for constants, variables and fields of one.
func undocumented(f *ast.File) []*ast.Ident {
	var bad []*ast.Ident
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && exportedReceiver(d) && d.Doc == nil {
				bad = append(bad, d.Name)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				bad = append(bad, undocumentedSpec(d, s)...)
			}
		}
	}
	return bad
}

func undocumentedSpec(d *ast.GenDecl, s ast.Spec) []*ast.Ident {
	var bad []*ast.Ident
	switch s := s.(type) {
	case *ast.TypeSpec:
		if s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
			bad = append(bad, s.Name)
		}
	case *ast.ValueSpec:
		for _, n := range s.Names {
			if n.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
				bad = append(bad, n)
			}
		}
	}
	return bad
}

func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	t := d.Recv.List[0].Type
	if p, ok := t.(*ast.StarExpr); ok {
		t = p.X
	}
	id, ok := t.(*ast.Ident)
	return !ok || id.IsExported()
}

// TestUndocumentedIsSeen plants the fault.
func TestUndocumentedIsSeen(t *testing.T) {
	src := "package p\n\nfunc F() {}\n\ntype T struct{}\n\n// M is.\nfunc (T) M() {}\n\nfunc (T) N() {}\n\nconst C = 1\n"
	f, err := parser.ParseFile(token.NewFileSet(), "p.go", src, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, n := range undocumented(f) {
		names = append(names, n.Name)
	}
	if got := strings.Join(names, " "); got != "F T N C" {
		t.Fatalf("got %q", got)
	}
}
