package handlers_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/handlers"
	"github.com/aftercall/aftercall/internal/ledger"
	"github.com/aftercall/aftercall/internal/rules"
)

// plainHash stands for the keyed one.
type plainHash struct{ absent bool }

func (h plainHash) Ready() bool                { return !h.absent }
func (h plainHash) Phone(number string) string { return "hash" + number[4:] }

type brokenBook struct{ handlers.SuppressionBook }

func (brokenBook) Suppress(context.Context, string, ledger.Suppression) error {
	return errors.New("away")
}

func withBook(t *testing.T) (*ledger.Ledger, func(*handlers.WebhookOptions, *handlers.APIOptions)) {
	t.Helper()
	l, err := ledger.Open(t.Context(), "file:"+filepath.Join(t.TempDir(), "dials"))
	require.NoError(t, err)
	return l, func(_ *handlers.WebhookOptions, a *handlers.APIOptions) { a.Suppressions, a.Hash = l, plainHash{} }
}

func TestSuppressions(t *testing.T) {
	t.Parallel()
	book, option := withBook(t)
	s := newSystem(t, option)
	const path = "/v1/suppressions/%2B966500000004"
	require.Equal(t, 404, s.do(t, "GET", path, "").Code)
	require.Equal(t, 404, s.do(t, "DELETE", path, "").Code)

	rec := s.do(t, "PUT", path, `{"scope":"advertising","reason":"asked by +966500000004","until":"2127-01-01T03:00:00+03:00"}`)
	require.Equal(t, 200, rec.Code, rec.Body)
	put := decodeBody[map[string]any](t, rec)
	require.Equal(t, "+966500000004", put["number"])
	require.Equal(t, "advertising", put["scope"])
	require.Equal(t, "2127-01-01T00:00:00Z", put["until"])
	require.NotContains(t, put["reason"], "966500000004", "what is kept holds no number")
	kept, err := book.Suppression(t.Context(), plainHash{}.Phone("+966500000004"))
	require.NoError(t, err)
	require.Equal(t, "advertising", kept.Scope)

	require.Equal(t, put, decodeBody[map[string]any](t, s.do(t, "GET", "/v1/suppressions/+966500000004", "")))
	require.Equal(t, 200, s.do(t, "PUT", path, `{"scope":"all"}`).Code)
	require.Equal(t, "all", decodeBody[map[string]any](t, s.do(t, "GET", path, ""))["scope"])
	require.Equal(t, 200, s.do(t, "DELETE", path, "").Code)
	require.Equal(t, 404, s.do(t, "GET", path, "").Code)
	require.NotContains(t, s.log.String(), "966500000004")
}

func TestASuppressionThatIsOverIsNone(t *testing.T) {
	t.Parallel()
	book, option := withBook(t)
	s := newSystem(t, option)
	over := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	require.NoError(t, book.Suppress(t.Context(), plainHash{}.Phone("+966500000004"), ledger.Suppression{Scope: "all", Until: &over}))
	require.Equal(t, 404, s.do(t, "GET", "/v1/suppressions/%2B966500000004", "").Code)
	require.Equal(t, 404, s.do(t, "DELETE", "/v1/suppressions/%2B966500000004", "").Code)
}

func TestSuppressionsThatAreRefused(t *testing.T) {
	t.Parallel()
	_, option := withBook(t)
	s := newSystem(t, option)
	for body, field := range map[string]string{
		`{}`: "scope", `{"scope":"everything"}`: "scope", `{"scope":"all","until":"soon"}`: "until", `{"scope":"all","until":"2020-01-01T00:00:00Z"}`: "until", `{"scope":"all","why":1}`: "why", `[]`: "",
	} {
		rec := s.do(t, "PUT", "/v1/suppressions/%2B966500000004", body)
		require.Equal(t, 422, rec.Code, body)
		require.Contains(t, rec.Body.String(), `"field":"`+field+`"`)
	}
	for _, method := range []string{"PUT", "GET", "DELETE"} {
		rec := s.do(t, method, "/v1/suppressions/0500000004", `{"scope":"all"}`)
		require.Equal(t, 422, rec.Code, "no number in E.164")
		require.NotContains(t, rec.Body.String(), "0500000004")
		require.Equal(t, 401, s.do(t, method, "/v1/suppressions/%2B966500000004", "", "Authorization", "").Code)
	}
}

func TestSuppressionsWithoutALedgerOrAKey(t *testing.T) {
	t.Parallel()
	_, option := withBook(t)
	for name, change := range map[string]func(*handlers.WebhookOptions, *handlers.APIOptions){
		"no ledger": func(*handlers.WebhookOptions, *handlers.APIOptions) {},
		"no key": func(w *handlers.WebhookOptions, a *handlers.APIOptions) {
			option(w, a)
			a.Hash = plainHash{absent: true}
		},
		"away": func(w *handlers.WebhookOptions, a *handlers.APIOptions) { option(w, a); a.Suppressions = brokenBook{} },
	} {
		rec := newSystem(t, change).do(t, "PUT", "/v1/suppressions/%2B966500000004", `{"scope":"all"}`)
		require.Equal(t, http.StatusServiceUnavailable, rec.Code, name)
		require.NotEmpty(t, rec.Header().Get("Retry-After"))
		require.Contains(t, rec.Body.String(), "ledger-unavailable")
	}
}

func TestPlacingIsHeldToTheRules(t *testing.T) {
	t.Parallel()
	s := newSystem(t, func(_ *handlers.WebhookOptions, a *handlers.APIOptions) {
		a.Rules = rules.Rules{Prefixes: []string{"+966"}, CallerIDs: []string{"+966115219000"}, Country: rules.SaudiArabia}
	})
	const request = `{"referenceId":"order-1","to":"%s","callerId":"+966115219000","type":"tts","tts":{"text":"hi"}%s}`
	for _, tt := range []struct{ to, more, field, rule string }{
		{"+966500000004", ``, "", ""},
		{"+4930123456789", ``, "to", "prefix"},
		{"+966500000004", `,"secondaryCallerId":"+966115219001"`, "secondaryCallerId", "caller-id"},
		{"+966500000004", `,"class":"advertising"`, "consentRef", "consent"},
		{"+966500000004", `,"class":"advertising","consentRef":"crm:1"`, "", ""},
	} {
		rec := s.do(t, "POST", "/v1/outbound-calls", fmt.Sprintf(request, tt.to, tt.more))
		if tt.rule == "" {
			require.Equal(t, 202, rec.Code, rec.Body)
			continue
		}
		require.Equal(t, 422, rec.Code, rec.Body)
		errs := decodeBody[handlers.Problem](t, rec).Errors
		require.Len(t, errs, 1)
		require.Equal(t, tt.field, errs[0].Field)
		require.Equal(t, tt.rule, errs[0].Rule)
		require.Contains(t, errs[0].Message, tt.rule)
	}
}
