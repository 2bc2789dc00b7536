package temporalclient_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/temporalclient"
)

// TestCommandsNameEverythingThatSetupDoes: the commands have the same effect as setup.
func TestCommandsNameEverythingThatSetupDoes(t *testing.T) {
	plan := temporalclient.Plan{Rates: temporalclient.Rates{Dial: 0.5, Lookup: 5}, Retention: 30 * day}
	script := func(address, namespace string) string {
		var b strings.Builder
		for _, c := range temporalclient.Commands(address, namespace, plan) {
			require.NotContains(t, c.For+c.Line+c.OnlyIf, "\n")
			harms := strings.Contains(c.Line, "namespace update") || strings.Contains(c.Line, "retention set") || strings.Contains(c.Line, "aftercall-dial")
			require.Equal(t, harms, c.OnlyIf != "", c.Line)
			b.WriteString(c.Line + "\n")
		}
		return b.String()
	}
	own, cloud := script("temporal.example:7233", "shared"), script("dns:///Calls.a1b2c.tmprl.cloud:7233", "calls.a1b2c")
	for _, key := range calls.SearchAttributes() {
		require.Contains(t, own, " --name "+key.GetName()+" --type "+key.GetValueType().String())
		require.Contains(t, cloud, " --search-attribute "+key.GetName()+"="+key.GetValueType().String())
	}
	require.Contains(t, own, "temporal operator namespace create --namespace shared --retention 30d\n")
	require.Contains(t, own, "temporal operator namespace update --namespace shared --retention 30d\n")
	require.Contains(t, cloud, "tcld namespace retention set --namespace calls.a1b2c --retention-days 30\n")
	require.NotContains(t, cloud, "temporal operator")
	for _, text := range []string{own, cloud} {
		require.Contains(t, text, "--task-queue aftercall-dial --task-queue-type activity --queue-rps-limit 0.5 --queue-rps-limit-reason AFTERCALL_DIAL_RATE\n")
		require.Contains(t, text, "--task-queue aftercall-lookup --task-queue-type activity --queue-rps-limit 5 --queue-rps-limit-reason AFTERCALL_LOOKUP_RATE\n")
	}
	require.Contains(t, script("eu-west-1.aws.api.temporal.io:7233", "x"), "tcld ")
	require.Contains(t, script("temporal:7233", "it's $HOME"), `--namespace 'it'\''s $HOME' `)
}
