package dev

import (
	"flag"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// program returns a program whose Temporal has the one flag that leads out.
var program = Program{Name: "test", Temporal: leadsNowhere{}}

type leadsNowhere struct{ Temporal }

func (leadsNowhere) Flags(set *flag.FlagSet, f *Flags) {
	set.BoolVar(&f.RealProvider, "real-provider", false, "")
}

func flagsOf(t *testing.T, args ...string) *Flags {
	t.Helper()
	f, err := program.parse(args, io.Discard)
	require.NoError(t, err)
	return f
}

func TestPlan(t *testing.T) {
	c := Credentials{APIKey: "k", WebhookUser: "u", WebhookPassword: "p"}
	for name, test := range map[string]struct {
		args, environ []string
		ignored       []string
		unset         []string          // variables that stay unchanged
		set           map[string]string // variables that we set
	}{
		"nothing is set": {
			set: map[string]string{
				"AFTERCALL_HTTP_ADDR": "127.0.0.1:8080", "AFTERCALL_ADMIN_ADDR": "127.0.0.1:9090",
				"AFTERCALL_API_KEYS": "dev:k", "AFTERCALL_WEBHOOK_CREDENTIALS": "u:p",
				"AFTERCALL_INBOX_URL": "sqlite:/d/inbox.db", "AFTERCALL_RECORDINGS_URL": "file:/d/recordings",
				"AFTERCALL_DIAL_LEDGER_URL": "file:/d/dials",
			},
		},
		"what leads to a real provider is ignored": {
			environ: []string{"TEMPORAL_ADDRESS=t:1", "AFTERCALL_UNIFONIC_APPS_ID=x", "AFTERCALL_UNIFONIC_BASE_URL=", "AFTERCALL_RECORDING_HOSTS=h", "PATH=/bin"},
			ignored: []string{"AFTERCALL_RECORDING_HOSTS", "AFTERCALL_UNIFONIC_APPS_ID", "TEMPORAL_ADDRESS"},
		},
		"but not when asked for": {
			args:    []string{"--real-provider"},
			environ: []string{"TEMPORAL_ADDRESS=t:1", "AFTERCALL_UNIFONIC_APPS_ID=x"},
		},
		"a variable wins over the default": {
			environ: []string{"AFTERCALL_HTTP_ADDR=127.0.0.1:1", "AFTERCALL_API_KEYS_FILE=/secret", "AFTERCALL_INBOX_URL="},
			unset:   []string{"AFTERCALL_HTTP_ADDR", "AFTERCALL_API_KEYS"},
			set:     map[string]string{"AFTERCALL_INBOX_URL": "sqlite:/d/inbox.db"},
		},
		"a flag wins over the variable": {
			args:    []string{"--http-port", "8888"},
			environ: []string{"AFTERCALL_HTTP_ADDR=127.0.0.1:1"},
			set:     map[string]string{"AFTERCALL_HTTP_ADDR": "127.0.0.1:8888"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := plan(test.environ, flagsOf(t, test.args...), "/d", c)
			require.Equal(t, test.ignored, e.ignored)
			for name, value := range test.set {
				require.Equal(t, value, e.set[name], name)
			}
			for _, name := range test.unset {
				require.NotContains(t, e.set, name)
			}
		})
	}
}

func TestFlags(t *testing.T) {
	for _, args := range [][]string{{"--nonsense"}, {"extra"}, {"--simulator-speed", "0"}} {
		_, err := program.parse(args, io.Discard)
		require.Error(t, err, args)
	}
}
