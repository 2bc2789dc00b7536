package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// otherNames are what values are not logged under, and what instead: a thing has one name wherever it is logged, that of
// the API's JSON where it has one there.
var otherNames = map[string]string{
	"call": "callKey", "mask": "maskId", "workflow": "workflowId", "reference": "referenceId", "event": "eventKey", "err": "error",
}

// TestLogLinesHaveOneForm looks at every log call in which the text stands as it is: no package writes its own name before
// the text, and values have names in camel case, none of those above.
func TestLogLinesHaveOneForm(t *testing.T) {
	seen := 0
	require.NoError(t, filepath.WalkDir(filepath.Join("..", ".."), func(path string, entry fs.DirEntry, err error) error {
		if entry != nil && entry.Name() == "node_modules" {
			return fs.SkipDir
		}
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			pairs, text := logged(call)
			if pairs == nil {
				return true
			}
			seen++
			require.NotRegexp(t, `^[a-z]+: `, text, files.Position(call.Pos()))
			for i := 0; i < len(pairs); i += 2 {
				if key, ok := literal(pairs[i]); ok {
					require.Regexp(t, `^[a-z][A-Za-z]*$`, key, files.Position(call.Pos()))
					require.NotContains(t, otherNames, key, "%s: log it as %q", files.Position(call.Pos()), otherNames[key])
				}
			}
			return true
		})
		return nil
	}))
	require.Greater(t, seen, 50)
}

// logged returns what a call to a logger logs beside its text; nil where the call is none.
func logged(call *ast.CallExpr) (pairs []ast.Expr, text string) {
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || len(call.Args) == 0 {
		return nil, ""
	}
	text, ok = literal(call.Args[0])
	if !ok {
		return nil, ""
	}
	if !slices.Contains([]string{"Debug", "Info", "Warn", "Error"}, method.Sel.Name) || !isLogger(method.X) {
		return nil, ""
	}
	return append([]ast.Expr{}, call.Args[1:]...), text
}

// isLogger recognises loggers by their names: log, Log, GetLogger(ctx), slog.
func isLogger(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return strings.HasSuffix(strings.ToLower(x.Name), "log")
	case *ast.SelectorExpr:
		return strings.HasSuffix(strings.ToLower(x.Sel.Name), "log")
	case *ast.CallExpr:
		f, ok := x.Fun.(*ast.SelectorExpr)
		return ok && (f.Sel.Name == "GetLogger" || f.Sel.Name == "With")
	}
	return false
}

func literal(x ast.Expr) (string, bool) {
	lit, ok := x.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(lit.Value)
	return s, err == nil
}
