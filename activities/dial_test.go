package activities_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"

	"github.com/aftercall/aftercall/activities"
	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/ledger"
	"github.com/aftercall/aftercall/internal/unifonic"
)

type creator struct {
	posts []unifonic.CreateCallRequest
	err   error
	id    string
	ctx   context.Context
}

func (c *creator) CreateCall(ctx context.Context, r unifonic.CreateCallRequest) (unifonic.CreatedCall, error) {
	c.posts, c.ctx = append(c.posts, r), ctx
	return unifonic.CreatedCall{CallID: c.id}, c.err
}

func placeInput() contract.PlaceCallInput {
	return contract.PlaceCallInput{
		Request: calls.OutboundCallRequest{
			To: "+966500000000", Type: calls.CallTypeOTP, OTP: &calls.OTP{Code: "1234", Language: "arabic", Loop: "2"},
		},
		ReferenceID: "order-1-a1", CallerID: "+966110000001", NotAfter: time.Now().Add(time.Minute), OriginalRunID: testRun,
	}
}

func placeCall(t *testing.T, api activities.CallCreator, in contract.PlaceCallInput, heartbeat ...any) contract.PlaceCallResult {
	t.Helper()
	return placeBy(t, &activities.Dial{API: api, Ledger: openLedger(t)}, in, heartbeat...)
}

func openLedger(t *testing.T) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(t.Context(), "file:"+filepath.Join(t.TempDir(), "dials"))
	require.NoError(t, err)
	return l
}

func placeBy(t *testing.T, a *activities.Dial, in contract.PlaceCallInput, heartbeat ...any) contract.PlaceCallResult {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	if len(heartbeat) > 0 {
		env.SetHeartbeatDetails(heartbeat[0])
	}
	env.RegisterActivity(a)
	v, err := env.ExecuteActivity(a.PlaceCall, in)
	require.NoError(t, err, "PlaceCall answers, it never fails")
	var res contract.PlaceCallResult
	require.NoError(t, v.Get(&res))
	return res
}

func TestPlaceCallPosts(t *testing.T) {
	api := &creator{id: "call-1"}
	in := placeInput()
	in.SecondaryCallerID = "+966110000002"
	require.Equal(t, contract.PlaceCallResult{Placement: calls.Placed, CallID: "call-1", Rule: calls.RuleAllowed}, placeCall(t, api, in))
	require.Equal(t, []unifonic.CreateCallRequest{{
		To: "+966500000000", CallerID: "+966110000001", SecondaryCallerID: "+966110000002", Type: "otp",
		OTP: &unifonic.OTP{Code: "1234", Language: "arabic", Loop: "2"}, ReferenceID: "order-1-a1",
	}}, api.posts)
}

func TestPlaceCallDoesNotPost(t *testing.T) {
	now := time.Now().UTC()
	closed := &calls.CallingHours{Timezone: "UTC", From: now.Add(2 * time.Hour).Format("15:04"), To: now.Add(3 * time.Hour).Format("15:04")}
	tests := map[string]struct {
		edit      func(*contract.PlaceCallInput)
		heartbeat []any
		want      calls.Placement
	}{
		"in a run made by a reset":     {func(in *contract.PlaceCallInput) { in.OriginalRunID = "another" }, nil, calls.PlacementUnknown},
		"without a run":                {func(in *contract.PlaceCallInput) { in.OriginalRunID = "" }, nil, calls.PlacementUnknown},
		"after a try that may have":    {func(*contract.PlaceCallInput) {}, []any{"posting"}, calls.PlacementUnknown},
		"after its time":               {func(in *contract.PlaceCallInput) { in.NotAfter = now }, nil, calls.NotPlaced},
		"without a time":               {func(in *contract.PlaceCallInput) { in.NotAfter = time.Time{} }, nil, calls.NotPlaced},
		"outside the calling hours":    {func(in *contract.PlaceCallInput) { in.Request.CallingHours = closed }, nil, calls.NotPlaced},
		"in hours that cannot be read": {func(in *contract.PlaceCallInput) { in.Request.CallingHours = &calls.CallingHours{} }, nil, calls.NotPlaced},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			api := &creator{id: "call-1"}
			in := placeInput()
			tt.edit(&in)
			res := placeCall(t, api, in, tt.heartbeat...)
			require.Empty(t, api.posts)
			require.Equal(t, tt.want, res.Placement)
			require.False(t, res.Final)
			require.NotEmpty(t, res.Reason)
		})
	}
}

// TestPlaceCallVerdicts runs the real client against a provider that misbehaves.
func TestPlaceCallVerdicts(t *testing.T) {
	tests := map[string]struct {
		status int
		header http.Header
		body   string
		want   contract.PlaceCallResult
		reason string
	}{
		"accepted":          {201, nil, `{"callId":"call-1"}`, contract.PlaceCallResult{Placement: calls.Placed, CallID: "call-1", Rule: calls.RuleAllowed}, ""},
		"too many":          {429, http.Header{"Retry-After": {"7"}}, `{}`, contract.PlaceCallResult{Placement: calls.NotPlaced, Rule: calls.RuleAllowed, Post: 2, RetryAfter: 7 * time.Second}, "429"},
		"bad request":       {400, nil, `{"message":"bad number +966500000000"}`, contract.PlaceCallResult{Placement: calls.NotPlaced, Rule: calls.RuleAllowed, Post: 2, Final: true}, "bad number"},
		"forbidden":         {403, nil, `{"message":"Missing Authentication Token"}`, contract.PlaceCallResult{Placement: calls.NotPlaced, Rule: calls.RuleAllowed, Post: 2, Final: true, Refusal: "credentials"}, "AFTERCALL_UNIFONIC_APPS_ID"},
		"unauthorized":      {401, nil, ``, contract.PlaceCallResult{Placement: calls.NotPlaced, Rule: calls.RuleAllowed, Post: 2, Refusal: "credentials"}, "AFTERCALL_UNIFONIC_APPS_ID"},
		"elsewhere":         {307, http.Header{"Location": {"https://voice.example.com/v1/calls"}}, ``, contract.PlaceCallResult{Placement: calls.NotPlaced, Rule: calls.RuleAllowed, Post: 2, Refusal: "address"}, "AFTERCALL_UNIFONIC_BASE_URL"},
		"not allowed":       {405, nil, ``, contract.PlaceCallResult{Placement: calls.NotPlaced, Rule: calls.RuleAllowed, Post: 2, Refusal: "address"}, "405"},
		"server error":      {500, nil, `{"message":"null"}`, contract.PlaceCallResult{Placement: calls.PlacementUnknown, Rule: calls.RuleAllowed}, "500"},
		"another address":   {404, nil, ``, contract.PlaceCallResult{Placement: calls.NotPlaced, Rule: calls.RuleAllowed, Post: 2, Refusal: "address"}, "404"},
		"unreadable":        {201, nil, `<html>`, contract.PlaceCallResult{Placement: calls.PlacementUnknown, Rule: calls.RuleAllowed}, "accepted"},
		"accepted, no call": {200, nil, `{"status":"ok"}`, contract.PlaceCallResult{Placement: calls.PlacementUnknown, Rule: calls.RuleAllowed}, "callId"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			posts := 0
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				posts++
				maps.Copy(w.Header(), tt.header)
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(tt.body))
			}))
			defer srv.Close()
			api, err := unifonic.NewClient(unifonic.ClientOptions{BaseURL: srv.URL, AppsID: "secret-apps-id", Timeout: 5 * time.Second})
			require.NoError(t, err)
			res := placeCall(t, api, placeInput())
			require.Contains(t, res.Reason, tt.reason)
			require.NotContains(t, res.Reason, "500000000")
			require.NotContains(t, res.Reason, "secret-apps-id")
			res.Reason = ""
			require.Equal(t, tt.want, res)
			require.Equal(t, 1, posts)
		})
	}
}

func TestPlaceCallTreatsWhatItDoesNotKnowAsUnknown(t *testing.T) {
	require.Equal(t, calls.PlacementUnknown, placeCall(t, &creator{err: errors.New("boom")}, placeInput()).Placement)
	require.Equal(t, calls.PlacementUnknown, placeCall(t, &creator{}, placeInput()).Placement, "accepted without a callId")
}

func TestPlaceCallIsNotCutOff(t *testing.T) {
	api := &creator{id: "call-1"}
	placeCall(t, api, placeInput())
	_, bounded := api.ctx.Deadline()
	require.True(t, bounded, "the request ends with the activity's time")
}
