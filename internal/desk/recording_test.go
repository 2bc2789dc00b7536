package desk_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
)

// recordingTemporal is a Temporal for a Desk that keeps recordings.
type recordingTemporal struct {
	desk.Client
	startErr, signalErr, resultErr error
	result                         calls.Recording
	started                        client.StartWorkflowOptions
	input, arg                     any
	signalled                      []string
}

func (r *recordingTemporal) SignalWithStartWorkflow(_ context.Context, id, signal string, arg any, o client.StartWorkflowOptions, _ any, args ...any) (client.WorkflowRun, error) {
	r.signalled, r.started, r.input, r.arg = append(r.signalled, id+" "+signal), o, args[0], arg
	return nil, r.startErr
}

func (r *recordingTemporal) SignalWorkflow(_ context.Context, id, _, signal string, _ any) error {
	r.signalled = append(r.signalled, id+" "+signal)
	return r.signalErr
}

func (r *recordingTemporal) GetWorkflow(context.Context, string, string) client.WorkflowRun {
	return recordingRun{r: r}
}

type recordingRun struct {
	client.WorkflowRun
	r *recordingTemporal
}

func (w recordingRun) Get(_ context.Context, out any) error {
	if w.r.resultErr == nil {
		*out.(*calls.Recording) = w.r.result
	}
	return w.r.resultErr
}

var recordingURL = contract.RecordingURL{
	CallKey: "c1", LegKey: "provisional|OUTBOUND|+966500000001|+966500000002", URL: "https://rec.example.com/a?s=1",
	ReceivedAt: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC), Subscribers: []string{"business"},
}

func TestKeepRecordingStartsAndSignals(t *testing.T) {
	t.Parallel()
	r := &recordingTemporal{}
	rec, err := desk.New(r, desk.Settings{}).KeepRecording(t.Context(), recordingURL)
	require.NoError(t, err)
	hash := calls.LegHash(recordingURL.LegKey)
	require.Equal(t, calls.Recording{ID: hash, CallKey: "c1", LegHash: hash, Status: calls.RecordingPending, Deadline: recordingURL.ReceivedAt.Add(72 * time.Hour)}, rec)
	require.Equal(t, []string{"recording:c1:" + hash + " recording-url"}, r.signalled)
	require.Equal(t, contract.RecordingInput{CallKey: "c1", LegHash: hash}, r.input)
	require.Equal(t, enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY, r.started.WorkflowIDReusePolicy)
	require.NotContains(t, r.started.ID+r.started.StaticSummary, "9665")
	require.LessOrEqual(t, len(r.started.StaticSummary), 200)
}

func TestKeepRecordingThatWasAskedForStartsWithoutAURL(t *testing.T) {
	t.Parallel()
	r := &recordingTemporal{}
	u := recordingURL
	u.URL, u.Asked = "", true
	rec, err := desk.New(r, desk.Settings{}).KeepRecording(t.Context(), u)
	require.NoError(t, err)
	require.Equal(t, calls.RecordingPending, rec.Status)
	require.Equal(t, contract.RecordingInput{CallKey: "c1", LegHash: calls.LegHash(u.LegKey), Asked: true}, r.input)
}

func TestKeepRecordingOfASessionNamesItsMask(t *testing.T) {
	t.Parallel()
	r := &recordingTemporal{}
	u := contract.RecordingURL{CallKey: "mask-m1", LegKey: contract.SessionLegKey(calls.RecordingIdentity("https://h/a?x")), MaskID: "m1", URL: "https://h/a?x", ReceivedAt: time.Now()}
	rec, err := desk.New(r, desk.Settings{}).KeepRecording(t.Context(), u)
	require.NoError(t, err)
	require.Equal(t, "m1", rec.MaskID)
	u.LegKey, u.CallSID = "sid-1", "sid-1"
	rec, err = desk.New(r, desk.Settings{}).KeepRecording(t.Context(), u)
	require.NoError(t, err)
	require.Empty(t, rec.MaskID, "a masked leg's recording is the leg's")
}

func TestKeepRecordingReturnsWhatBecameOfOneThatEnded(t *testing.T) {
	t.Parallel()
	stored := calls.Recording{CallKey: "c1", Status: calls.RecordingStored, SHA256: "abc"}
	expired := calls.Recording{CallKey: "c1", Status: calls.RecordingExpired, Reason: "status-403"}
	subscribersOnly := recordingURL
	subscribersOnly.URL = ""
	missing := calls.Recording{CallKey: "c1", Status: calls.RecordingMissing, Reason: "no-url"}
	for _, c := range []struct {
		name string
		url  contract.RecordingURL
		r    recordingTemporal
		want calls.Recording
	}{
		{"stored, another URL", recordingURL, recordingTemporal{startErr: &serviceerror.WorkflowExecutionAlreadyStarted{}, result: stored}, stored},
		{"stored, a subscriber", subscribersOnly, recordingTemporal{signalErr: &serviceerror.NotFound{}, result: stored}, stored},
		{"expired, a subscriber", subscribersOnly, recordingTemporal{signalErr: &serviceerror.NotFound{}, resultErr: failedRun(t, expired)}, expired},
		{"missing, a subscriber", subscribersOnly, recordingTemporal{signalErr: &serviceerror.NotFound{}, resultErr: failedRun(t, missing)}, missing},
		{"never heard of, a subscriber", subscribersOnly, recordingTemporal{signalErr: &serviceerror.NotFound{}, resultErr: &serviceerror.NotFound{}}, calls.Recording{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := desk.New(&c.r, desk.Settings{}).KeepRecording(t.Context(), c.url)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
	away := errors.New("away")
	for _, r := range []recordingTemporal{{startErr: away}, {startErr: &serviceerror.WorkflowExecutionAlreadyStarted{}, resultErr: away}} {
		_, err := desk.New(&r, desk.Settings{}).KeepRecording(t.Context(), recordingURL)
		require.ErrorIs(t, err, away)
	}
}

// failedRun returns the SDK's error for a run that failed with a recording as its detail.
func failedRun(t *testing.T, rec calls.Recording) error {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(time.Minute) // the SDK's 3 s are short on a busy machine
	env.ExecuteWorkflow(func(workflow.Context) error {
		return temporal.NewNonRetryableApplicationError("lost", calls.ErrTypeRecordingExpired, nil, rec)
	})
	_, ok := errors.AsType[*temporal.WorkflowExecutionError](env.GetWorkflowError())
	require.True(t, ok)
	return env.GetWorkflowError()
}

// TestARecordingIsFoundByItsRequest: one search by referenceId finds the recordings of a request's calls.
func TestARecordingIsFoundByItsRequest(t *testing.T) {
	t.Parallel()
	f, d := serve(t)
	for ref, want := range map[string]string{"order-1-a2": `"order-1"`, "foreign": `"foreign"`} {
		_, err := d.KeepRecording(t.Context(), contract.RecordingURL{CallKey: ref, LegKey: "s1", URL: "https://rec.example.com/1", ReferenceID: ref})
		require.NoError(t, err)
		started := f.started[calls.RecordingWorkflowID(ref, "s1")]
		require.Equal(t, want, string(started.SearchAttributes.IndexedFields["ReferenceId"].GetData()))
	}
}
