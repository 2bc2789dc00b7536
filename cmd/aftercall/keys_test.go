package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/keys"
)

func TestKeysNewMakesSettings(t *testing.T) {
	t.Chdir(t.TempDir())
	made := aftercall(t, "keys", "new")
	require.Equal(t, exitOK, made.code, made.err)
	var secrets []string
	for line := range strings.Lines(made.out) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		t.Setenv(name, value)
		secrets = append(secrets, value)
	}
	status := aftercall(t, "keys", "status", "--count=false")
	require.Equal(t, exitOK, status.code, status.err)
	id, _, _ := strings.Cut(secrets[0], ":")
	require.Contains(t, status.out, "Encrypts: "+id)
	for _, s := range secrets {
		require.NotContains(t, status.out, s)
		require.NotContains(t, aftercall(t, "config").out, s)
	}

	var text keys.Text
	require.NoError(t, json.Unmarshal([]byte(aftercall(t, "keys", "new", "-o", "json").out), &text))
	_, err := text.Ring()
	require.NoError(t, err)
}

func TestKeysStatusWithoutKeys(t *testing.T) {
	t.Chdir(t.TempDir())
	status := aftercall(t, "keys", "status", "--count=false")
	require.Equal(t, exitOK, status.code, status.err)
	require.Contains(t, status.out, "Encrypts: none")
}
