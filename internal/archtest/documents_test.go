package archtest

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// repository is what documents can name: files by their path from the root, the folders of each test, the text of code.
type repository struct {
	documents map[string]string   // Markdown, by path
	tests     map[string][]string // folders, by the name of a test
	code      map[string]string   // Go without tests, by folder
	settings  string              // all that may name an environment variable
}

func readRepository(t *testing.T) repository {
	t.Helper()
	r := repository{documents: map[string]string{}, tests: map[string][]string{}, code: map[string]string{}}
	root := os.DirFS(filepath.Join("..", ".."))
	var settings strings.Builder
	require.NoError(t, fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{".git", "bin", "data", "secrets", "backup", "testdata"}, entry.Name()):
			return fs.SkipDir
		case entry.IsDir() || !slices.Contains([]string{".md", ".go", ".yml", ".example"}, path.Ext(name)):
			return nil
		}
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		switch {
		case path.Ext(name) == ".md":
			r.documents[name] = string(text)
		case strings.HasSuffix(name, "_test.go"):
			for _, found := range testFunc.FindAllStringSubmatch(string(text), -1) {
				r.tests[found[1]] = append(r.tests[found[1]], path.Dir(name))
			}
		default:
			settings.Write(text)
			if path.Ext(name) == ".go" {
				r.code[path.Dir(name)] += string(text)
			}
		}
		return nil
	}))
	r.settings = settings.String()
	return r
}

var (
	testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Example)\w*)\(`)
	testName = regexp.MustCompile(`^(Test|Fuzz|Example)[A-Z]\w+$`)
	pathName = regexp.MustCompile(`^(activities|calls|cmd|deploy|devstack|docs|handlers|internal|scripts|tools|workflows)(/[\w.-]+)*$`)
	codeName = regexp.MustCompile(`^([a-z]+)\.(\w+)$`)
	variable = regexp.MustCompile(`AFTERCALL_[A-Z_]*[A-Z]`)
	inCode   = regexp.MustCompile("`([^`]+)`")
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#+ (.+)$`)
	block    = regexp.MustCompile("(?ms)^```.*?^```$")
	unlinked = regexp.MustCompile(`[^\p{L}\p{N} _-]`) // what an anchor leaves out of its heading
)

// TestDocumentsLeadSomewhere holds that what the documents link to is there, and what they name: files and folders, tests
// in the folder named before them in the line, identifiers of our packages, and environment variables.
func TestDocumentsLeadSomewhere(t *testing.T) {
	r := readRepository(t)
	require.NotEmpty(t, r.documents["README.md"])
	for name, text := range r.documents {
		t.Run(name, func(t *testing.T) {
			for _, word := range variable.FindAllString(text, -1) {
				require.True(t, strings.Contains(r.settings, word), "nothing reads %s", word)
			}
			text = block.ReplaceAllString(text, "")
			for _, found := range link.FindAllStringSubmatch(text, -1) {
				r.follow(t, name, found[1])
			}
			for line := range strings.Lines(text) {
				folder := ""
				for _, found := range inCode.FindAllStringSubmatch(line, -1) {
					switch word := found[1]; {
					case testName.MatchString(word):
						require.NotEmpty(t, r.tests[word], "there is no %s", word)
						if folder != "" {
							require.Contains(t, r.tests[word], folder, "%s is elsewhere", word)
						}
					case pathName.MatchString(word):
						_, err := os.Stat(filepath.Join("..", "..", word))
						require.NoError(t, err)
						folder = word
					case codeName.MatchString(word):
						r.declares(t, codeName.FindStringSubmatch(word))
					}
				}
			}
		})
	}
}

// follow requires that a link has its target: a file beside the document, and there a heading.
func (r repository) follow(t *testing.T, from, target string) {
	t.Helper()
	if strings.Contains(target, "://") {
		return
	}
	file, anchor, _ := strings.Cut(target, "#")
	to := from
	if file != "" {
		to = path.Join(path.Dir(from), file)
		_, err := os.Stat(filepath.Join("..", "..", to))
		require.NoError(t, err, target)
	}
	if anchor == "" {
		return
	}
	var anchors []string
	for _, found := range heading.FindAllStringSubmatch(r.documents[to], -1) {
		anchors = append(anchors, strings.ReplaceAll(unlinked.ReplaceAllString(strings.ToLower(found[1]), ""), " ", "-"))
	}
	require.Contains(t, anchors, anchor, target)
}

// declares requires that a package of ours with this name, where there is one, knows the identifier.
func (r repository) declares(t *testing.T, name []string) {
	t.Helper()
	ours, word := false, regexp.MustCompile(`\b`+name[2]+`\b`)
	for folder, text := range r.code {
		if path.Base(folder) == name[1] {
			ours = true
			if word.MatchString(text) {
				return
			}
		}
	}
	require.False(t, ours, "there is no %s", name[0])
}
