package archtest

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	shellBlock = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")
	remark     = regexp.MustCompile(`(?m)(^|\s+)# .*$`)
	command    = regexp.MustCompile(`(?ms)^for .*?^done$|^docker [^"\n]*"[^"]*"$|^.+?$`)
)

// TestDocumentedCommandsAreListed holds that every shell command of README.md and docs is among Commands, so that it runs or
// says why not, and that Commands has no other.
func TestDocumentedCommandsAreListed(t *testing.T) {
	unseen := map[string]bool{}
	for _, c := range Commands() {
		unseen[c.Text] = true
	}
	for name, text := range readRepository(t).documents {
		if name != "README.md" && !strings.HasPrefix(name, "docs/") {
			continue
		}
		for _, block := range shellBlock.FindAllStringSubmatch(text, -1) {
			for _, found := range command.FindAllString(remark.ReplaceAllString(block[1], ""), -1) {
				listed := listedAs(found)
				require.NotEmpty(t, listed, "%s: commands.go lists no %q", name, found)
				delete(unseen, listed)
			}
		}
	}
	require.Empty(t, unseen, "no document has these")
}

// listedAs returns the text of the first of Commands that means a documented command, or "".
func listedAs(documented string) string {
	for _, c := range Commands() {
		begin, open := strings.CutSuffix(c.Text, "…")
		if documented == c.Text || open && strings.HasPrefix(documented, begin) {
			return c.Text
		}
	}
	return ""
}
