package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	shell      = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")
	inShell    = regexp.MustCompile(`(?m)(?:^|\s)(?:(?:bin/)?aftercall|run --rm cli) (.*)$`)
	inText     = regexp.MustCompile("`(?:(?:bin/)?aftercall|docker compose run --rm cli) ([^`]*)`")
	afterwards = regexp.MustCompile(`(^|\s)(#|&&|\||…).*`) // what follows the command in its line
	flagName   = regexp.MustCompile(`--([a-z-]+)`)
	commanded  = regexp.MustCompile(`^[a-z]+$`)
)

// TestDocumentedCommandsExist looks up every command in the documents, and every flag that they pass to it.
func TestDocumentedCommandsExist(t *testing.T) {
	seen := 0
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/adr/*.md"} {
		files, err := filepath.Glob(filepath.Join("..", "..", pattern))
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			lines := inText.FindAllStringSubmatch(shell.ReplaceAllString(string(text), ""), -1)
			for _, block := range shell.FindAllStringSubmatch(string(text), -1) {
				lines = append(lines, inShell.FindAllStringSubmatch(block[1], -1)...)
			}
			for _, line := range lines {
				requireCommand(t, file, afterwards.ReplaceAllString(line[1], ""))
			}
			seen += len(lines)
		}
	}
	require.Greater(t, seen, 50)
}

func requireCommand(t *testing.T, file, line string) {
	t.Helper()
	command, left, err := (&cli{}).root().Find(strings.Fields(line))
	require.NoError(t, err, "%s: aftercall %s", file, line)
	require.False(t, command.HasSubCommands() && len(left) > 0 && commanded.MatchString(left[0]), "%s: aftercall %s", file, line)
	command.InitDefaultHelpFlag()
	for _, flag := range flagName.FindAllStringSubmatch(line, -1) {
		known := command.Flags().Lookup(flag[1]) != nil || command.InheritedFlags().Lookup(flag[1]) != nil
		require.True(t, known, "%s: aftercall %s", file, line)
	}
}
