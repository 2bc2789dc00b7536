package handlers_test

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/handlers"
	"github.com/aftercall/aftercall/internal/ledger"
)

func withRequests(book handlers.RequestBook) func(*handlers.WebhookOptions, *handlers.APIOptions) {
	return func(_ *handlers.WebhookOptions, a *handlers.APIOptions) { a.Requests = book }
}

// TestAnIdempotencyKeyStandsForOneRequest: a client that makes up a referenceId for each try, and sends the header to be
// safe, dials once.
func TestAnIdempotencyKeyStandsForOneRequest(t *testing.T) {
	t.Parallel()
	book, err := ledger.Open(t.Context(), "file:"+filepath.Join(t.TempDir(), "dials"))
	require.NoError(t, err)
	s := newSystem(t, withRequests(book))
	place := func(referenceID, key string) int {
		body := strings.Replace(order, `"referenceId":"order-1",`, referenceID, 1)
		return s.do(t, "POST", "/v1/outbound-calls", body, "Idempotency-Key", key).Code
	}
	const one, two, none = `"referenceId":"order-1",`, `"referenceId":"order-2",`, ``
	require.Equal(t, 422, place(`"referenceId":"wf:x",`, "k1"), "a refused request takes no key")
	require.Equal(t, 202, place(one, "k1"))
	require.Equal(t, 202, place(one, "k1"))
	require.Equal(t, 409, place(two, "k1"))
	require.Equal(t, 409, place(none, "k1"))
	require.Equal(t, 202, place(two, "k2"))
	require.Equal(t, 202, place(none, "k3"))
	require.Equal(t, 202, place(none, "k3"))
	require.Equal(t, 409, place(one, "k3"))
	require.Len(t, s.starter.outbound, 5)
	for i, former := range []string{"", "", "", "former", "former"} {
		require.Equal(t, former, s.starter.outbound[i].Former, "the ledger knows by another name what was derived alone")
	}
	p := requireProblem(t, s.do(t, "POST", "/v1/outbound-calls", order, "Idempotency-Key", "k2"), http.StatusConflict, "conflict")
	require.Contains(t, p.Detail, "Idempotency-Key")

	const ride = `{"referenceId":"ride-1","to":"+966500000004"}`
	s.starter.err = errors.New("enough")
	require.Equal(t, 500, s.do(t, "POST", "/v1/masking-sessions", ride, "Idempotency-Key", "k1").Code)
	require.Equal(t, 409, s.do(t, "POST", "/v1/masking-sessions", strings.Replace(ride, "ride-1", "ride-2", 1), "Idempotency-Key", "k1").Code)
}

type brokenRequests struct{}

func (brokenRequests) Bind(context.Context, string, string) (string, error) {
	return "", errors.New("away")
}

func TestIdempotencyKeyWithoutALedger(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	require.Equal(t, 202, s.do(t, "POST", "/v1/outbound-calls", order, "Idempotency-Key", "k1").Code)
	s = newSystem(t, withRequests(brokenRequests{}))
	requireProblem(t, s.do(t, "POST", "/v1/outbound-calls", order, "Idempotency-Key", "k1"), 503, "ledger-unavailable")
	require.Empty(t, s.starter.outbound)
	require.Equal(t, 202, s.do(t, "POST", "/v1/outbound-calls", order).Code, "a request without the header needs none")
}
