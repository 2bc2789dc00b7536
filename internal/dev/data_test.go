package dev

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDataIsKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	first, err := openData(dir)
	require.NoError(t, err)

	_, err = openData(dir)
	require.ErrorContains(t, err, "another process uses "+dir)

	require.NoError(t, first.close())
	again, err := openData(dir)
	require.NoError(t, err)
	require.Equal(t, first.credentials, again.credentials)
	require.NoError(t, again.close())

	require.NoError(t, os.WriteFile(filepath.Join(dir, "credentials.json"), []byte("{"), 0o600))
	_, err = openData(dir)
	require.ErrorContains(t, err, "is damaged")
}

func TestDataIsGone(t *testing.T) {
	d, err := openData("")
	require.NoError(t, err)
	require.DirExists(t, d.dir)
	require.NoError(t, d.close())
	require.NoDirExists(t, d.dir)
}

// `go run -C devstack .` changes the working directory, but not PWD.
func TestFromCaller(t *testing.T) {
	home, err := os.UserHomeDir()
	require.NoError(t, err)
	for name, test := range map[string]struct{ dev, pwd, path, want string }{
		"absolute":         {"/make", "/shell", "/data/../other", "/other"},
		"Makefile says":    {"/make", "/shell", "data", "/make/data"},
		"shell says":       {"", "/shell", "./data", "/shell/data"},
		"nonsense is said": {"", "shell", "data", filepath.Join(mustGetwd(t), "data")},
		"home":             {"", "/shell", "~/data", filepath.Join(home, "data")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("AFTERCALL_DEV_CWD", test.dev)
			t.Setenv("PWD", test.pwd)
			got, err := fromCaller(test.path)
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
}

func mustGetwd(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	return dir
}
