package handlers_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/handlers"
)

// TestMetricsHoldNoWordOfASender: anybody may send any method, without a key.
func TestMetricsHoldNoWordOfASender(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	e, err := handlers.NewEngine(handlers.EngineOptions{
		Log: slog.New(slog.DiscardHandler), Observe: func(method, route string, _ int, _ time.Duration) { seen[method+" "+route] = true },
	})
	require.NoError(t, err)
	for _, method := range []string{http.MethodGet, "X966500000004", "get", "BREW"} {
		e.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), method, "/966500000004", nil))
	}
	require.Equal(t, map[string]bool{"GET none": true, "other none": true}, seen)
}
