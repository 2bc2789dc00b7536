package archtest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/config"
)

// TestComposeKnowsEverySetting keeps a new setting from having no effect in containers.
func TestComposeKnowsEverySetting(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docker-compose.yml"))
	require.NoError(t, err)
	elsewhere := map[string]string{
		"AFTERCALL_INBOX_URL":                     "the image names the volume",
		"AFTERCALL_WEBHOOK_ALLOW_UNAUTHENTICATED": "the file gives credentials",
		"AFTERCALL_UNIFONIC_MASKING_APPS_ID":      "docs/deploy.md: a secret of one's own",
	}
	for _, s := range config.Default().Settings() {
		if elsewhere[s.Name] == "" {
			require.Regexp(t, `(?m)^ +`+s.Name+`(_FILE)?:`, string(text), s.Name)
		}
	}
}
