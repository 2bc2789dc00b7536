package app

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/config"
	"github.com/aftercall/aftercall/internal/telemetry"
)

func TestUnknownStatusesAreCountedAndNamedInTheLogAlone(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	a := &App{Options: Options{Config: config.Default(), Log: telemetry.NewLogger(&log, "info", "text")}, registry: telemetry.NewRegistry()}
	notification, callLog := a.unknownStatuses("notification"), a.unknownStatuses("call-log")
	for range 3 {
		notification("Hung up")
	}
	notification("gone to +966500000001 " + strings.Repeat("x", 100))
	callLog("Hung up")
	for i := range 200 {
		callLog("word " + strconv.Itoa(i))
	}
	families, err := a.registry.Gather()
	require.NoError(t, err)
	counted := map[string]float64{}
	for _, f := range families {
		if f.GetName() == "aftercall_unknown_statuses_total" {
			for _, m := range f.GetMetric() {
				require.Len(t, m.GetLabel(), 1, "no label holds a word")
				counted[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
			}
		}
	}
	require.Equal(t, map[string]float64{"notification": 4, "call-log": 201}, counted)
	text := log.String()
	require.Equal(t, 1, strings.Count(text, `word="Hung up" source=notification`), "once")
	require.Equal(t, 1, strings.Count(text, `word="Hung up" source=call-log`))
	require.NotContains(t, text, "500000001")
	require.NotContains(t, text, strings.Repeat("x", 64))
	require.LessOrEqual(t, strings.Count(text, "\n"), 102, "a sender of random words does not fill the log")
}

func TestParserFollowsTheSettings(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	cfg.UnifonicStatusAliases, cfg.UnifonicTimezone = []string{"HANGUP=COMPLETED"}, "Asia/Riyadh"
	n, err := (&App{Options: Options{Config: cfg}}).parser().Notification([]byte(`{"callId":"c","status":"hang up","completedAt":"2026-11-26 09:27:51"}`))
	require.NoError(t, err)
	require.Equal(t, "COMPLETED", string(n.Status))
	require.Equal(t, 6, n.CompletedAt.Hour())
}
