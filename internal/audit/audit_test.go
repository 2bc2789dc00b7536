package audit_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/audit"
)

func TestEntriesAreLinesOfJSONWithoutNumbers(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	log, err := audit.New(path)
	require.NoError(t, err)
	at := time.Date(2026, 1, 31, 12, 0, 0, 0, time.FixedZone("", 3*3600))
	require.NoError(t, log.Write(audit.Entry{Time: at, Action: audit.Listen, Key: "shop", Address: "192.0.2.1", ID: "call-966500000005", Status: 200}))

	require.NoError(t, os.Rename(path, path+".1"))
	require.NoError(t, log.Reopen())
	require.NoError(t, log.Write(audit.Entry{Time: at, Action: audit.Drop, ID: "5b1c2d3e-4f50-4a6b-8c7d-9e0f1a2b3c4d"}))
	require.NoError(t, log.Close())

	first, err := os.ReadFile(path + ".1")
	require.NoError(t, err)
	require.JSONEq(t, `{"time":"2026-01-31T09:00:00Z","action":"listen","key":"shop","address":"192.0.2.1","id":"call-+9665•••••05","status":200}`, string(first))
	second, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(second), "\n"))
	var e audit.Entry
	require.NoError(t, json.Unmarshal(second, &e))
	require.Equal(t, "5b1c2d3e-4f50-4a6b-8c7d-9e0f1a2b3c4d", e.ID, "a UUID stays readable")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestWithoutAPathNothingIsWritten(t *testing.T) {
	t.Parallel()
	log, err := audit.New("")
	require.NoError(t, err)
	require.NoError(t, log.Write(audit.Entry{}))
	require.NoError(t, log.Reopen())
	require.NoError(t, log.Close())
	_, err = audit.New(filepath.Join(t.TempDir(), "no", "folder"))
	require.Error(t, err)
}
