package activities_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"

	"github.com/aftercall/aftercall/activities"
	"github.com/aftercall/aftercall/internal/unifonic"
)

// A provider that refuses is logged once for each cause, and once when it takes calls again.
func TestRefusalsAreLoggedOncePerCause(t *testing.T) {
	var out bytes.Buffer
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelInfo}))))
	env := suite.NewTestActivityEnvironment()
	api := &creator{}
	a, posts := &activities.Dial{API: api, Ledger: openLedger(t)}, 0
	env.RegisterActivity(a)
	post := func(err error, id string) {
		api.err, api.id = err, id
		in := placeInput()
		posts++
		in.ReferenceID = fmt.Sprintf("order-%d-a1", posts)
		_, err = env.ExecuteActivity(a.PlaceCall, in)
		require.NoError(t, err)
	}
	refused := func(r unifonic.Refusal) error {
		return &unifonic.CallError{Verdict: unifonic.VerdictNotPlaced, Refusal: r}
	}

	post(nil, "call-1")
	require.Empty(t, out.String())
	post(refused(unifonic.RefusalCredentials), "")
	post(refused(unifonic.RefusalCredentials), "")
	post(&unifonic.CallError{Verdict: unifonic.VerdictNotPlaced, StatusCode: 429}, "")
	post(refused(unifonic.RefusalCredentials), "")
	post(refused(unifonic.RefusalTrust), "")
	post(nil, "call-2")
	post(nil, "call-3")
	require.Equal(t, 1, strings.Count(out.String(), "cause=credentials"), out.String())
	require.Equal(t, 1, strings.Count(out.String(), "cause=trust"))
	require.Equal(t, 1, strings.Count(out.String(), "accepts calls again"))
}
