package config_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/config"
	"github.com/aftercall/aftercall/internal/unifonic"
)

func TestDefaultsAreValid(t *testing.T) {
	cfg, err := config.Load("")
	require.NoError(t, err)
	require.Equal(t, config.Default(), cfg)
}

func TestWrongValueNamesTheVariable(t *testing.T) {
	for name, value := range map[string]string{
		"AFTERCALL_HTTP_ADDR": "8080", "AFTERCALL_WEBHOOK_ADDR": "x", "AFTERCALL_ADMIN_ADDR": "localhost:99999",
		"AFTERCALL_WEBHOOK_CREDENTIALS": "hunter2", "AFTERCALL_API_KEYS": "ops:", "AFTERCALL_DISPATCH_CONCURRENCY": "0",
		"AFTERCALL_CALL_GRACE": "soon", "AFTERCALL_CALL_MAX_AGE": "-1h", "AFTERCALL_DIAL_RATE": "-1", "AFTERCALL_LOOKUP_RATE": "0",
		"AFTERCALL_UNIFONIC_STATUS_ALIASES": "HANGUP=OVER", "AFTERCALL_VERIFY_FAILURES": "perhaps", "AFTERCALL_UNIFONIC_TIMEZONE": "Mars/Olympus", "AFTERCALL_UNIFONIC_BASE_URL": "voice.unifonic.com",
		"AFTERCALL_RECORDING_HOSTS": "https://host/path", "AFTERCALL_UNIFONIC_MASK_PATHS": "providers/masks", "AFTERCALL_LOG_LEVEL": "loud", "AFTERCALL_INBOX_URL": "", "AFTERCALL_LOG_FORMAT": "xml",
		"AFTERCALL_REQUIRE_ENCRYPTION": "maybe",
		"AFTERCALL_CODEC_ADDR":         "8234", "AFTERCALL_CODEC_ORIGINS": "http://localhost:8233/",
		"AFTERCALL_TRUSTED_PROXIES": "10.0.0.1,proxy",
		"AFTERCALL_RAMADAN":         "1448-09-01/1448-09-30", "AFTERCALL_ALLOWED_PREFIXES": "+966,+0", "AFTERCALL_ALLOWED_CALLER_IDS": "+9660115219000",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, value)
			_, err := config.Load("")
			require.ErrorContains(t, err, name)
			require.NotContains(t, err.Error(), "\n")
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

func TestRatesAreFinite(t *testing.T) {
	for _, name := range []string{"AFTERCALL_DIAL_RATE", "AFTERCALL_LOOKUP_RATE"} {
		for _, rate := range []string{"Inf", "-Inf", "NaN", "1e39", "1e-50"} {
			t.Run(name+"="+rate, func(t *testing.T) {
				t.Setenv(name, rate)
				_, err := config.Load("")
				require.ErrorContains(t, err, name+" must be")
			})
		}
	}
}

// TestKeysDoNotMakeSettingsInvalid holds that keys which cannot be read are told by ReadKeys alone: the webhook works
// without.
func TestKeysDoNotMakeSettingsInvalid(t *testing.T) {
	folder := t.TempDir()
	empty := filepath.Join(folder, "empty")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for value, says := range map[string]string{
		"AFTERCALL_ENCRYPTION_KEYS=k1:hunter2":                                 "AFTERCALL_ENCRYPTION_KEYS",
		"AFTERCALL_HASH_KEY=hunter2":                                           "AFTERCALL_HASH_KEY",
		"AFTERCALL_ENCRYPTION_KEYS_FILE=" + empty:                              "is empty",
		"AFTERCALL_HASH_KEY_FILE=" + folder:                                    "is a directory",
		"AFTERCALL_ENCRYPTION_KEYS_FILE=" + filepath.Join(folder, "not-there"): "no such file",
	} {
		t.Run(value, func(t *testing.T) {
			name, value, _ := strings.Cut(value, "=")
			t.Setenv(name, value)
			cfg, err := config.Load("")
			require.NoError(t, err)
			_, err = cfg.ReadKeys()
			require.ErrorContains(t, err, name)
			require.ErrorContains(t, err, says)
			require.NotContains(t, err.Error(), "hunter2")
			require.Equal(t, says == "no such file", errors.Is(err, os.ErrNotExist))
		})
	}
}

func TestEnvironmentWinsOverFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "aftercall.yaml")
	require.NoError(t, os.WriteFile(path, []byte("dial_rate: 0\ncall_grace: 5m\nverify_failures: false\nlog_level: warn\n"), 0o600))
	t.Setenv("AFTERCALL_LOG_LEVEL", "debug")
	cfg, err := config.Load(path)
	require.NoError(t, err)
	require.Zero(t, cfg.DialRate, "zero in a file is a value: it is the kill switch")
	require.False(t, cfg.VerifyFailures)
	require.Equal(t, 5*time.Minute, cfg.CallGrace)
	require.Equal(t, "debug", cfg.LogLevel)
	t.Setenv("AFTERCALL_DIAL_RATE", "0")
	cfg, err = config.Load("")
	require.NoError(t, err)
	require.Zero(t, cfg.DialRate)
}

func TestStatusWords(t *testing.T) {
	t.Setenv("AFTERCALL_UNIFONIC_STATUS_ALIASES", "HANG_UP=COMPLETED,switched off=NO_ANSWER")
	cfg, err := config.Load("")
	require.NoError(t, err)
	require.Equal(t, unifonic.StatusCompleted, cfg.StatusWords().Normalize("hangup"))
	require.Equal(t, unifonic.StatusNoAnswer, cfg.StatusWords().Normalize("Switched-Off"))
}

func TestSecretsFromFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credentials")
	require.NoError(t, os.WriteFile(path, []byte("a:one,two\nb:three\n"), 0o600))
	t.Setenv("AFTERCALL_WEBHOOK_CREDENTIALS_FILE", path)
	cfg, err := config.Load("")
	require.NoError(t, err)
	require.Equal(t, []string{"a:one,two", "b:three"}, cfg.WebhookCredentials)

	t.Setenv("AFTERCALL_WEBHOOK_CREDENTIALS", "c:four")
	_, err = config.Load("")
	require.ErrorContains(t, err, "AFTERCALL_WEBHOOK_CREDENTIALS_FILE")

	t.Setenv("AFTERCALL_WEBHOOK_CREDENTIALS", "")
	t.Setenv("AFTERCALL_WEBHOOK_CREDENTIALS_FILE", path+".missing")
	_, err = config.Load("")
	require.ErrorContains(t, err, "AFTERCALL_WEBHOOK_CREDENTIALS_FILE")
}

func TestInboxURLFromAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "url")
	require.NoError(t, os.WriteFile(path, []byte("postgres://aftercall:hush@db/inbox\n"), 0o600))
	t.Setenv("AFTERCALL_INBOX_URL_FILE", path)
	t.Setenv("AFTERCALL_INBOX_URL", "") // as an image's default is taken back
	cfg, err := config.Load("")
	require.NoError(t, err)
	require.Equal(t, "postgres://aftercall:hush@db/inbox", cfg.InboxURL)
	for _, s := range cfg.Settings() {
		require.NotContains(t, s.Value, "hush")
		if s.Name == "AFTERCALL_INBOX_URL" {
			require.Equal(t, "postgres://aftercall:xxxxx@db/inbox", s.Value)
		}
	}
}

func TestSettingsHideSecrets(t *testing.T) {
	t.Setenv("AFTERCALL_UNIFONIC_APPS_ID", "very-secret")
	cfg, err := config.Load("")
	require.NoError(t, err)
	for _, s := range cfg.Settings() {
		require.True(t, strings.HasPrefix(s.Name, "AFTERCALL_"), s.Name)
		require.NotEmpty(t, s.Meaning, s.Name)
		require.NotContains(t, s.Value, "very-secret")
	}
}

func TestRolesNeedTheirSecrets(t *testing.T) {
	cfg := config.Default()
	require.ErrorContains(t, cfg.ForServe(), "AFTERCALL_WEBHOOK_CREDENTIALS")
	require.ErrorContains(t, cfg.ForWorker(), "AFTERCALL_UNIFONIC_APPS_ID")
	cfg.WebhookAllowUnauthenticated, cfg.UnifonicAppsID = true, "x"
	require.NoError(t, cfg.ForServe())
	require.NoError(t, cfg.ForWorker())
}

var update = flag.Bool("update", false, "write the table of settings into the README")

// TestReadmeListsTheSettings keeps the README's table what Config says.
func TestReadmeListsTheSettings(t *testing.T) {
	const path, begin, end = "../../README.md", "by `go test` -->\n", "<!-- /settings -->"
	readme, err := os.ReadFile(path)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(readme), begin)
	require.True(t, ok)
	_, after, ok := strings.Cut(rest, end)
	require.True(t, ok)
	table := "| variable | default | meaning |\n|---|---|---|\n"
	for _, s := range config.Default().Settings() {
		mark, def := "", ""
		if s.Secret {
			mark = " *"
		}
		if s.Default != "" {
			def = "`" + s.Default + "`"
		}
		table += "| `" + s.Name + "`" + mark + " | " + def + " | " + s.Meaning + " |\n"
	}
	want := before + begin + table + end + after
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
	}
	require.Equal(t, want, string(readme), "run go test ./internal/config -update")
}

// TestChartChecksTheSettingsOfConfig keeps the chart's schema what Config says: under settings stands every one that is no secret
// and that the chart does not set by a value of its own.
func TestChartChecksTheSettingsOfConfig(t *testing.T) {
	const path = "../../deploy/helm/aftercall/values.schema.json"
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var whole map[string]any
	require.NoError(t, json.Unmarshal(text, &whole))
	settings := map[string]any{}
	for _, s := range config.Default().Settings() {
		if s.Secret || slices.Contains(setByChart, s.Name) {
			continue
		}
		kind := any("string")
		switch s.Default {
		case "true", "false":
			kind = "boolean"
		default:
			if _, err := strconv.ParseFloat(s.Default, 64); err == nil {
				kind = "number"
			}
		}
		settings[s.Name] = map[string]any{"type": kind, "description": s.Meaning}
	}
	whole["properties"].(map[string]any)["settings"] = map[string]any{"type": "object", "additionalProperties": false, "properties": settings}
	var want bytes.Buffer
	encoder := json.NewEncoder(&want)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	require.NoError(t, encoder.Encode(whole))
	if *update {
		require.NoError(t, os.WriteFile(path, want.Bytes(), 0o644))
	}
	require.Equal(t, want.String(), string(text), "run go test ./internal/config -update")
}

// setByChart are settings that the chart has values of its own for.
var setByChart = []string{
	"AFTERCALL_HTTP_ADDR", "AFTERCALL_WEBHOOK_ADDR", "AFTERCALL_METRICS_ADDR", "AFTERCALL_CODEC_ADDR", "AFTERCALL_INBOX_URL",
	"AFTERCALL_RECORDINGS_URL", "AFTERCALL_DIAL_LEDGER_URL", "AFTERCALL_TLS_CERT_FILE", "AFTERCALL_TLS_KEY_FILE",
}

func TestErrorsInAFileNameTheSettingAndHideItsValue(t *testing.T) {
	path := filepath.Join(t.TempDir(), "aftercall.yaml")
	for text, want := range map[string]string{
		"webhook_credentials: user:SuperSecret1\n":      "AFTERCALL_WEBHOOK_CREDENTIALS",
		"api_keys:\n  me: SuperSecret1\n":               "AFTERCALL_API_KEYS",
		"api_keys: [me:SuperSecret1\nx: {\n":            "YAML",
		"unifonic_apps_id: [SuperSecret1]\n":            "AFTERCALL_UNIFONIC_APPS_ID",
		"webhook_credentials: [[SuperSecret1]]\n":       "AFTERCALL_WEBHOOK_CREDENTIALS",
		"SuperSecret1\n":                                "YAML",
		"call_grace: SuperSecret1\n":                    "AFTERCALL_CALL_GRACE",
		"api_keys: [a:b]\napi_keys: [SuperSecret1:b]\n": "api_keys",
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := config.Load(path)
		require.ErrorContains(t, err, want, text)
		require.NotContains(t, err.Error(), "Super", text)
		require.NotContains(t, err.Error(), "\n", text)
	}
}

func TestUnknownNamesAreTold(t *testing.T) {
	require.Empty(t, config.Unknown(""))
	t.Setenv("AFTERCALL_WEBHOOK_CREDENTIAL", "u:p")
	t.Setenv("AFTERCALL_SERVE_PORT_8080_TCP_ADDR", "10.0.0.1")
	t.Setenv("AFTERCALL_SERVE_SERVICE_HOST", "10.0.0.1")
	t.Setenv("AFTERCALL_API_KEY", "x")
	t.Setenv("AFTERCALL_API_KEYS_FILE", "x")
	t.Setenv("AFTERCALL_DANCE", "x")
	require.Equal(t, []string{
		"the variable AFTERCALL_DANCE is no setting and has no effect: aftercall config lists all settings",
		"the variable AFTERCALL_WEBHOOK_CREDENTIAL is no setting and has no effect: did you mean AFTERCALL_WEBHOOK_CREDENTIALS?",
	}, config.Unknown(""))
}

func TestURLsAreShownWithoutSecrets(t *testing.T) {
	for text, want := range map[string]string{
		"https://u:SuperSecret@h/v1":                  "https://u:xxxxx@h/v1",
		"postgres://u:Super%40Secret@h/db?sslmode=on": "postgres://u:xxxxx@h/db?sslmode=on",
		"s3://b?awssdk=v2&secret=SuperSecret":         "s3://b?awssdk=v2&secret=xxxxx",
		"postgres://h/db?password=SuperSecret":        "postgres://h/db?password=xxxxx",
		"file:data/recordings":                        "file:data/recordings",
		"postgres://u:Super%ZZSecret@h/db":            "(no valid URL)",
	} {
		require.Equal(t, want, config.HideURL(text))
	}
	err := errors.New(`open "s3://b?secret=Super+Secret": SuperSecret is wrong, Super Secret too`)
	require.NotContains(t, config.WithoutURL(err, "s3://b?secret=Super+Secret"), "Super Secret")
	require.NotContains(t, config.WithoutURL(err, "s3://b?secret=Super+Secret"), "Super+Secret")
}

func TestSettingsFromBeforeScopesAndTLSStillLoad(t *testing.T) {
	t.Setenv("AFTERCALL_API_KEYS", "a:1,b:with:colon,a:1")
	t.Setenv("AFTERCALL_WEBHOOK_CREDENTIALS", "a:a")
	t.Setenv("AFTERCALL_ADMIN_ADDR", "0.0.0.0:9090")
	_, err := config.Load("")
	require.NoError(t, err)
}
