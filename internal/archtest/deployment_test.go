package archtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/config"
	"github.com/aftercall/aftercall/internal/contract"
)

// TestComposeKnowsEverySetting keeps a new setting from having no effect in containers.
func TestComposeKnowsEverySetting(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docker-compose.yml"))
	require.NoError(t, err)
	elsewhere := map[string]string{
		"AFTERCALL_WEBHOOK_ALLOW_UNAUTHENTICATED": "the file gives credentials",
		"AFTERCALL_UNIFONIC_MASKING_APPS_ID":      "docs/deploy.md: a secret of one's own",
	}
	for _, s := range config.Default().Settings() {
		if elsewhere[s.Name] == "" {
			require.Regexp(t, `(?m)^ +`+s.Name+`(_FILE)?:`, string(text), s.Name)
		}
	}
}

// TestComposeWritesOnePartition keeps a queue of ours from getting the server's default of four in Compose.
func TestComposeWritesOnePartition(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "deploy", "temporal.yaml"))
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(text), "\nmatching.numTaskqueueWritePartitions:\n")
	require.True(t, found)
	write, _, _ := strings.Cut(rest, "\n\n")
	for _, queue := range contract.TaskQueues() {
		require.Contains(t, write+"\n", "taskQueueName: "+queue+"}, value: 1}\n")
	}
}
