package activities_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/aftercall/aftercall/activities"
	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/unifonic"
)

type callLog struct {
	log unifonic.CallLog
	err error
}

func (c callLog) CallLog(context.Context, string) (unifonic.CallLog, error) { return c.log, c.err }

func entries(of ...unifonic.CallLogEntry) callLog {
	return callLog{log: unifonic.CallLog{ReferenceID: "order-1-a1", Recipients: of}}
}

func TestLookUpCall(t *testing.T) {
	completed := unifonic.CallLogEntry{CallID: "call-1", To: "+966500000000", Status: "COMPLETED"}
	ringing := unifonic.CallLogEntry{CallID: "call-1", To: "+966500000000", Status: "RINGING"}
	other := unifonic.CallLogEntry{CallID: "call-1", To: "+966500000001", Status: "COMPLETED"}
	late, early := &contract.Silence{Answers: 3, Until: time.Now().Add(-time.Second)}, &contract.Silence{Answers: 3, Until: time.Now().Add(time.Hour)}
	tests := map[string]struct {
		api     callLog
		in      contract.LookUpInput
		answers int
		want    int    // events
		errType string // "" and no events: any error
		final   bool
	}{
		"over":                        {api: entries(completed), want: 1},
		"not over":                    {api: entries(ringing), errType: contract.ErrTypeNotTerminal},
		"one leg not over":            {api: entries(completed, ringing), errType: contract.ErrTypeNotTerminal},
		"not over, but good enough":   {api: entries(ringing), in: contract.LookUpInput{AcceptNonTerminal: true}, want: 1},
		"of another recipient":        {api: entries(other), in: contract.LookUpInput{To: "+966500000000"}, errType: contract.ErrTypeNotFound},
		"of another call":             {api: entries(completed), in: contract.LookUpInput{CallKey: "call-2"}, errType: contract.ErrTypeNotFound},
		"not found":                   {api: callLog{err: unifonic.ErrNotFound}, errType: contract.ErrTypeNotFound},
		"not found, too early":        {api: callLog{err: unifonic.ErrNotFound}, in: contract.LookUpInput{Silence: early}, answers: 9, errType: contract.ErrTypeNotFound},
		"not found twice":             {api: callLog{err: unifonic.ErrNotFound}, in: contract.LookUpInput{Silence: late}, answers: 1, errType: contract.ErrTypeNotFound},
		"surely not found":            {api: callLog{err: unifonic.ErrNotFound}, in: contract.LookUpInput{Silence: late}, answers: 2, errType: contract.ErrTypeSurelyNotFound, final: true},
		"away":                        {api: callLog{err: &unifonic.APIError{StatusCode: 503, Retryable: true}}, in: contract.LookUpInput{Silence: late}, answers: 9},
		"refused: mended some time":   {api: callLog{err: &unifonic.APIError{StatusCode: 403}}, in: contract.LookUpInput{Silence: late}, answers: 9},
		"away, and says for how long": {api: callLog{err: &unifonic.APIError{StatusCode: 429, Retryable: true, RetryAfter: time.Minute}}, errType: "PROVIDER_BUSY"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var suite testsuite.WorkflowTestSuite
			env := suite.NewTestActivityEnvironment()
			if tt.answers > 0 {
				env.SetHeartbeatDetails(tt.answers)
			}
			a := &activities.Lookup{API: tt.api}
			env.RegisterActivity(a)
			tt.in.ID = "order-1-a1"
			v, err := env.ExecuteActivity(a.LookUpCall, tt.in)
			if tt.want > 0 {
				require.NoError(t, err)
				var res contract.LookUpResult
				require.NoError(t, v.Get(&res))
				require.Len(t, res.Events, tt.want)
				require.Equal(t, calls.SourceCallLog, res.Events[0].Source)
				return
			}
			var e *temporal.ApplicationError
			require.ErrorAs(t, err, &e)
			require.Equal(t, tt.final, e.NonRetryable())
			if tt.errType != "" {
				require.Equal(t, tt.errType, e.Type())
			}
		})
	}
}

func TestLookUpCallCountsItsAnswers(t *testing.T) {
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	a := &activities.Lookup{API: callLog{err: unifonic.ErrNotFound}}
	env.RegisterActivity(a)
	var said []int
	env.SetOnActivityHeartbeatListener(func(_ *activityInfo, details encodedValues) {
		var n int
		require.NoError(t, details.Get(&n))
		said = append(said, n)
	})
	env.SetHeartbeatDetails(4)
	_, err := env.ExecuteActivity(a.LookUpCall, contract.LookUpInput{ID: "x", Silence: &contract.Silence{Answers: 3, Until: time.Now().Add(time.Hour)}})
	require.Error(t, err)
	require.Equal(t, []int{5}, said)
}
