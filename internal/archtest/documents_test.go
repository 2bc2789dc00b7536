package archtest

import (
	"go/format"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/calls"
)

// repository is what documents can name.
type repository struct {
	documents map[string]string          // Markdown, by path
	tests     map[string][]string        // folders, by the name of a test
	types     map[string][]string        // folders, by the name of a type
	words     map[string]map[string]bool // of Go without tests, by folder
	settings  string                     // all that may name an environment variable
}

func readRepository(t *testing.T) repository {
	t.Helper()
	r := repository{documents: map[string]string{}, tests: map[string][]string{}, types: map[string][]string{}, words: map[string]map[string]bool{}}
	root := os.DirFS(filepath.Join("..", ".."))
	var settings strings.Builder
	require.NoError(t, fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{".git", "bin", "data", "secrets", "backup", "testdata", "node_modules"}, entry.Name()):
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
				r.read(path.Dir(name), string(text))
			}
		}
		return nil
	}))
	r.settings = settings.String()
	return r
}

// read notes what a file of code holds.
func (r repository) read(folder, text string) {
	if r.words[folder] == nil {
		r.words[folder] = map[string]bool{}
	}
	for _, word := range wordName.FindAllString(text, -1) {
		r.words[folder][word] = true
	}
	for _, found := range typeName.FindAllStringSubmatch(text, -1) {
		r.types[found[1]] = append(r.types[found[1]], folder)
	}
}

var (
	wordName = regexp.MustCompile(`\w+`)
	typeName = regexp.MustCompile(`(?m)^type (\w+)`)
	testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Example)\w*)\(`)
	testName = regexp.MustCompile(`^(Test|Fuzz|Example)[A-Z]\w+$`)
	pathName = regexp.MustCompile(`^(activities|calls|cmd|deploy|devstack|docs|examples|handlers|internal|scripts|tools|workflows)(/[\w.-]+)*$`)
	codeName = regexp.MustCompile(`^(\w+)\.(\w+)$`)
	inFile   = regexp.MustCompile("`([\\w.]+)`\\s\\(`([\\w/.-]+\\.go)`") // `receive` (`handlers/webhook.go`)
	variable = regexp.MustCompile(`AFTERCALL_[A-Z_]*[A-Z]`)
	inCode   = regexp.MustCompile("`([^`]+)`")
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#+ (.+)$`)
	block    = regexp.MustCompile("(?ms)^```.*?^```$")
	program  = regexp.MustCompile("(?ms)^```go\n(package main\n.*?)^```$")
	citation = regexp.MustCompile(`provider's reference,(?:\s|//)*(?:section)?(?:\s|//)*(\d(?:\.\d+)?)`)
	rowName  = regexp.MustCompile(`(?:^TestF|And)(\d\d)`)
	unlinked = regexp.MustCompile(`[^\p{L}\p{N} _-]`) // what an anchor leaves out of its heading
)

// TestDocumentsLeadSomewhere holds that what the documents link to is there, and what they name: files and folders, tests
// in the folder named before them in the line, identifiers of our packages and types, and environment variables.
func TestDocumentsLeadSomewhere(t *testing.T) {
	r := readRepository(t)
	require.NotEmpty(t, r.documents["README.md"])
	for name, text := range r.documents {
		t.Run(name, func(t *testing.T) {
			for _, word := range variable.FindAllString(text, -1) {
				require.Contains(t, r.settings, word, "nothing reads %s", word)
			}
			text = block.ReplaceAllString(text, "")
			for _, found := range link.FindAllStringSubmatch(text, -1) {
				r.follow(t, name, found[1])
			}
			for _, found := range inFile.FindAllStringSubmatch(text, -1) {
				code, err := os.ReadFile(filepath.Join("..", "..", found[2]))
				require.NoError(t, err)
				name := found[1][strings.LastIndex(found[1], ".")+1:]
				require.True(t, slices.Contains(wordName.FindAllString(string(code), -1), name), "%s is not in %s", name, found[2])
			}
			for line := range strings.Lines(text) {
				r.named(t, line)
			}
		})
	}
}

// named requires that what a line names is there.
func (r repository) named(t *testing.T, line string) {
	t.Helper()
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
			if folder = word; path.Ext(word) != "" {
				folder = path.Dir(word)
			}
		case codeName.MatchString(word):
			r.declares(t, codeName.FindStringSubmatch(word))
		}
	}
}

// TestCommentsLeadSomewhere holds that the sections of the provider's reference that comments cite are in docs/provider.md,
// and that the rows that tests are named after are in docs/faults.md.
func TestCommentsLeadSomewhere(t *testing.T) {
	r := readRepository(t)
	cited := citation.FindAllStringSubmatch(r.settings, -1)
	require.NotEmpty(t, cited)
	for _, found := range cited {
		require.Regexp(t, `(?m)^##+ `+regexp.QuoteMeta(found[1])+`\.? `, r.documents["docs/provider.md"])
	}
	rows := 0
	for name := range r.tests {
		for _, found := range rowName.FindAllStringSubmatch(name, -1) {
			rows++
			require.Contains(t, r.documents["docs/faults.md"], "\n| F"+found[1]+" |", name)
		}
	}
	require.Positive(t, rows)
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

// declares requires that a package or a type of ours with this name, where there is one, knows the identifier.
func (r repository) declares(t *testing.T, name []string) {
	t.Helper()
	folders := slices.Clone(r.types[name[1]])
	for folder := range r.words {
		if path.Base(folder) == name[1] {
			folders = append(folders, folder)
		}
	}
	known := slices.ContainsFunc(folders, func(folder string) bool { return r.words[folder][name[2]] })
	require.True(t, known || len(folders) == 0, "there is no %s", name[0])
}

// TestDocumentsNameEverySearchAttribute: on Temporal Cloud they are made by hand, by the list in docs/deploy.md.
func TestDocumentsNameEverySearchAttribute(t *testing.T) {
	text := readRepository(t).documents["docs/deploy.md"]
	for _, key := range calls.SearchAttributes() {
		require.Contains(t, text, "`"+key.GetName()+"`")
	}
}

// TestDocumentedProgramsCompile type-checks the whole programs in the documents.
func TestDocumentedProgramsCompile(t *testing.T) {
	programs := 0
	for name, text := range readRepository(t).documents {
		for _, found := range program.FindAllStringSubmatch(text, -1) {
			programs++
			file := filepath.Join(t.TempDir(), "main.go")
			require.NoError(t, os.WriteFile(file, []byte(found[1]), 0o600))
			vet := exec.CommandContext(t.Context(), "go", "vet", file)
			vet.Dir = filepath.Join("..", "..")
			out, err := vet.CombinedOutput()
			require.NoError(t, err, "%s: %s", name, out)
			formatted, err := format.Source([]byte(found[1]))
			require.NoError(t, err)
			require.Equal(t, string(formatted), found[1], name)
		}
	}
	require.Positive(t, programs)
}
