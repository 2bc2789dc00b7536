package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDocumentedStatesAndReasons holds that docs/operations.md has a row for every state and every reason of a
// recording, and for no other.
func TestDocumentedStatesAndReasons(t *testing.T) {
	root := filepath.Join("..", "..")
	text, err := os.ReadFile(filepath.Join(root, "docs", "operations.md"))
	require.NoError(t, err)
	_, section, ok := strings.Cut(string(text), "## Recordings: states and reasons\n")
	require.True(t, ok)
	section, _, _ = strings.Cut(section, "\n## ")
	states, reasons, ok := strings.Cut(section, "| reason |")
	require.True(t, ok)

	require.ElementsMatch(t, constants(t, filepath.Join(root, "calls"), "Recording", "RecordingStatus"), firstColumn(states))
	want := []string{}
	for dir, prefix := range map[string]string{"internal/recordings": "Reason", "internal/guard": "Reason", "activities": "reason", "workflows": "reason"} {
		want = append(want, constants(t, filepath.Join(root, dir), prefix, "")...)
	}
	want = append(want, constants(t, filepath.Join(root, "internal/recordings"), "Doubt", "Doubt")...)
	got := map[string]bool{}
	for _, reason := range firstColumn(reasons) {
		require.False(t, got[reason], "%s stands there twice", reason)
		got[reason] = true
	}
	for _, reason := range want {
		if strings.HasPrefix(reason, "status-") {
			reason = "status-<code>"
		}
		require.Contains(t, got, reason, "docs/operations.md does not say what to do about it")
		got[reason] = false
	}
	require.Contains(t, got, "status-<code>")
	for reason, unknown := range got {
		require.False(t, unknown && reason != "status-<code>", "%s: nothing gives this reason", reason)
	}
}

var quoted = regexp.MustCompile("`([^`]+)`")

// firstColumn is what stands in code in the first column of tables.
func firstColumn(tables string) (names []string) {
	for line := range strings.Lines(tables) {
		cells := strings.Split(line, "|")
		if len(cells) < 3 {
			continue
		}
		for _, m := range quoted.FindAllStringSubmatch(cells[1], -1) {
			names = append(names, m[1])
		}
	}
	return names
}

// constants are the texts of a package's constants whose names begin so, of a type where one is given.
func constants(t *testing.T, dir, prefix, kind string) (texts []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		require.NoError(t, err)
		ast.Inspect(f, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok || len(v.Values) != 1 || !strings.HasPrefix(v.Names[0].Name, prefix) {
				return true
			}
			if name, typed := v.Type.(*ast.Ident); kind != "" && (!typed || name.Name != kind) {
				return true
			}
			if l, ok := v.Values[0].(*ast.BasicLit); ok && l.Kind == token.STRING {
				if s, _ := strconv.Unquote(l.Value); s != "" {
					texts = append(texts, s)
				}
			}
			return true
		})
	}
	require.NotEmpty(t, texts, "%s: %s", dir, prefix)
	return texts
}
