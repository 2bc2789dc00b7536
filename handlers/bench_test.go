package handlers_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/handlers"
	"github.com/aftercall/aftercall/internal/access"
	"github.com/aftercall/aftercall/internal/inbox"
)

// BenchmarkWebhook is one notification of a call of its own, from the request to the answer, with a real inbox and 32
// senders.
func BenchmarkWebhook(b *testing.B) {
	in, err := inbox.Open(b.Context(), "sqlite:"+filepath.Join(b.TempDir(), "inbox.db"), inbox.Options{})
	require.NoError(b, err)
	defer in.Close()
	engine := benchEngine(b, in)
	var next atomic.Int64
	b.ReportAllocs()
	b.SetParallelism(16)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if status := post(engine, next.Add(1)); status != http.StatusOK {
				b.Errorf("status %d", status)
			}
		}
	})
}

func benchEngine(tb testing.TB, in handlers.Inbox) http.Handler {
	engine, err := handlers.NewEngine(handlers.EngineOptions{Log: slog.New(slog.DiscardHandler)})
	require.NoError(tb, err)
	handlers.MountWebhook(engine, handlers.WebhookOptions{
		Inbox: in, LogIn: &handlers.LogIn{Grants: access.NewGrants([]string{"u:p"}, nil), Log: slog.New(slog.DiscardHandler)},
		Log: slog.New(slog.DiscardHandler),
	})
	return engine
}

func post(h http.Handler, n int64) int {
	body := fmt.Appendf(nil, `{"applicationId":"3f0f6a1e-7a34-4b0c-9a35-51a1c7ce7d11","callSid":"sid-%[1]d","parentCallSid":null,"from":"+966115219000","to":"+966500000001","duration":17,"direction":"OUTBOUND","status":"COMPLETED","initiatedAt":1764150000,"completedAt":1764150020,"useCase":"IVR","accountId":"acc-4711","referenceId":"order-%[1]d","externalCallsId":"ext-%[1]d","recordingUrl":null,"failureReason":null,"maskId":null,"requestReceivedAt":1764149999.287809,"uniqueCallId":"u-%[1]d","secondaryCallerId":null,"callId":"c-%[1]d","campaignId":null}`, n)
	r := httptest.NewRequest(http.MethodPost, "/webhooks/unifonic", bytes.NewReader(body))
	r.SetBasicAuth("u", "p")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}
