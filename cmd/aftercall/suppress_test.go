package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSuppress(t *testing.T) {
	const answer = `{"number":"+966500000005","scope":"advertising","reason":"asked","since":"2026-02-03T09:00:30Z"}`
	const path = "/v1/suppressions/+966500000005"
	url, seen := serve(t, map[string]string{"PUT " + path: answer, "GET " + path: answer, "DELETE " + path: answer})
	t.Setenv("AFTERCALL_API_URL", url)
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"add", "+966500000005"}, `PUT /v1/suppressions/%2B966500000005 {"scope":"all"}`},
		{
			[]string{"add", "+966500000005", "--scope", "advertising", "--reason", "asked", "--until", "2026-03-01T00:00:00Z"},
			`PUT /v1/suppressions/%2B966500000005 {"scope":"advertising","reason":"asked","until":"2026-03-01T00:00:00Z"}`,
		},
		{[]string{"show", "+966500000005"}, `GET /v1/suppressions/%2B966500000005`},
		{[]string{"remove", "+966500000005"}, `DELETE /v1/suppressions/%2B966500000005`},
	} {
		*seen = nil
		got := aftercall(t, append([]string{"suppress"}, tt.args...)...)
		require.Zero(t, got.code, got.err)
		require.Equal(t, []string{tt.want}, *seen)
		require.Contains(t, got.out, "advertising")
		require.NotContains(t, got.out, "966500000005", "tables mask numbers")
	}
	require.Equal(t, 2, aftercall(t, "suppress", "add", "+966500000005", "--until", "tomorrow").code)
	require.Equal(t, 1, aftercall(t, "suppress", "show", "+966500000001").code)
}

func TestCallPlaceSaysItsRetryPolicy(t *testing.T) {
	url, seen := serve(t, map[string]string{"POST /v1/outbound-calls": `{"referenceId":"r","workflowId":"outbound:r"}`})
	t.Setenv("AFTERCALL_API_URL", url)
	got := aftercall(t, "call", "place", "--to", "+966500000018", "--caller-id", "+966115219000", "--reference-id", "r",
		"--retry-on", "busy=5m,NO_ANSWER=30m", "--max-attempts", "3", "--retry-caller-id", "same", "--not-before", "2026-03-01T09:00:00Z",
		"--class", "advertising", "--consent-ref", "crm:1")
	require.Zero(t, got.code, got.err)
	require.Contains(t, (*seen)[0], `"retry":{"maxAttempts":3,"on":{"BUSY":"5m","NO_ANSWER":"30m"},"callerId":"same"}`)
	require.Contains(t, (*seen)[0], `"notBefore":"2026-03-01T09:00:00Z"`)
	require.Contains(t, (*seen)[0], `"class":"advertising","consentRef":"crm:1"`)
	require.NotContains(t, (*seen)[0], "failover")
	for _, wrong := range [][]string{
		{"--retry-on", "BUSY=5m", "--failover-on", "BUSY"}, {"--retry-on", "BUSY=5m", "--delay", "5s"}, {"--retry-caller-id", "same"},
		{"--not-before", "noon"}, {"--retry-on", "BUSY"},
	} {
		require.Equal(t, 2, aftercall(t, append([]string{"call", "place", "--to", "+966500000018"}, wrong...)...).code, wrong)
	}
}
