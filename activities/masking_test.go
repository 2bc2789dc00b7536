package activities_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/aftercall/aftercall/activities"
	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/masking"
	"github.com/aftercall/aftercall/internal/unifonic"
)

// masks is a provider and a desk, as far as masking needs them.
type masks struct {
	list    []unifonic.Mask
	urls    []string
	err     error
	created int
	deleted []string

	described map[string]string // workflow id: its ReferenceId, or ""
	closed    bool
	signals   []any
	signalled string // the mask

	kept   []contract.RecordingURL
	answer calls.Recording
}

func (m *masks) CreateMask(context.Context, unifonic.CreateMaskRequest) (unifonic.Mask, error) {
	m.created++
	return unifonic.Mask{MaskID: "m1", CallerID: "+966110000000"}, m.err
}
func (m *masks) Masks(context.Context, unifonic.MaskFilter) ([]unifonic.Mask, error) {
	return m.list, m.err
}
func (m *masks) DeleteMask(_ context.Context, id string) error {
	m.deleted = append(m.deleted, id)
	return m.err
}
func (m *masks) MaskRecordingURLs(context.Context, string) ([]string, error) { return m.urls, m.err }

func (m *masks) signal(maskID string, payload any) error {
	if m.closed {
		return desk.ErrClosed
	}
	m.signals, m.signalled = append(m.signals, payload), maskID
	return m.err
}

func (m *masks) MaskOpened(_ context.Context, maskID string, o contract.MaskOpened) error {
	return m.signal(maskID, o)
}

func (m *masks) TellMaskingSession(_ context.Context, maskID string, s calls.CallState) error {
	return m.signal(maskID, s)
}

func (m *masks) SessionReference(_ context.Context, maskID string) (string, error) {
	ref, ok := m.described[calls.MaskingSessionWorkflowID(maskID)]
	if !ok {
		return "", desk.ErrUnknown
	}
	return ref, nil
}

func (m *masks) KeepRecording(_ context.Context, r contract.RecordingURL) (calls.Recording, error) {
	m.kept = append(m.kept, r)
	return m.answer, nil
}

// do runs an activity of Masking.
func (m *masks) do(t *testing.T, name string, in, out any) error {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	env.RegisterActivity(&activities.Masking{Desk: m, API: m})
	v, err := env.ExecuteActivity(name, in)
	if err == nil && out != nil {
		require.NoError(t, v.Get(out))
	}
	return err
}

// testRun is the run id of the workflow in the SDK's test environment of activities.
const testRun = "default-test-run-id"

func TestCreateMaskSortsWhatCameOfIt(t *testing.T) {
	refused := func(v unifonic.Verdict, final bool) error {
		return &unifonic.CallError{Op: "create mask", Verdict: v, Final: final, RetryAfter: time.Second, Message: "no"}
	}
	for name, tc := range map[string]struct {
		run     string
		err     error
		want    contract.MaskVerdict
		created int
	}{
		"created":                      {testRun, nil, contract.MaskCreated, 1},
		"429":                          {testRun, refused(unifonic.VerdictNotPlaced, false), contract.MaskNotCreated, 1},
		"403":                          {testRun, refused(unifonic.VerdictNotPlaced, true), contract.MaskRefused, 1},
		"no answer":                    {testRun, refused(unifonic.VerdictUnknown, false), contract.MaskUnknown, 1},
		"anything else":                {testRun, errors.New("?"), contract.MaskUnknown, 1},
		"a run made by reset asks not": {"the-first-run", nil, contract.MaskUnknown, 0},
	} {
		t.Run(name, func(t *testing.T) {
			m := &masks{err: tc.err}
			var res contract.CreateMaskResult
			require.NoError(t, m.do(t, contract.ActivityCreateMask.Name, contract.CreateMaskInput{OriginalRunID: tc.run, To: "+966500000001"}, &res))
			require.Equal(t, tc.want, res.Verdict)
			require.Equal(t, tc.created, m.created)
			require.Equal(t, tc.want == contract.MaskCreated, res.MaskID == "m1")
		})
	}
}

func TestFindMaskFindsWhatNobodyElseOpened(t *testing.T) {
	const from, to = "+966500000001", "+966560000002"
	asked := time.Date(2026, 11, 23, 12, 0, 0, 500, time.UTC)
	when := func(d time.Duration) *time.Time {
		at := asked.Add(d).Truncate(time.Second)
		return &at
	}
	mask := func(id string, at *time.Time) unifonic.Mask {
		return unifonic.Mask{MaskID: id, From: from, To: to, Status: "active", CreatedAt: at, CallerID: "+966110000000"}
	}
	otherParty, inactive := mask("other-party", when(0)), mask("inactive", when(0))
	otherParty.To, inactive.Status = from, "inactive"
	m := &masks{
		list: []unifonic.Mask{
			mask("ours", when(0)), mask("early", when(-time.Hour)), mask("late", when(time.Hour)), otherParty, inactive,
			mask("another-request", when(0)), mask("same-request", when(0)), mask("heard-of", nil),
		},
		described: map[string]string{"mask:another-request": "r2", "mask:same-request": "r1", "mask:heard-of": ""},
	}
	in := contract.FindMaskInput{From: from, To: to, ReferenceID: "r1", CreatedFrom: asked, CreatedTo: asked.Add(time.Minute)}
	var res contract.FindMaskResult
	require.NoError(t, m.do(t, contract.ActivityFindMask.Name, in, &res))
	var ids []string
	for _, f := range res.Masks {
		ids = append(ids, f.MaskID)
	}
	require.Equal(t, []string{"ours", "same-request", "heard-of"}, ids)

	m.err = &unifonic.APIError{Op: "list masks", StatusCode: 403}
	var app *temporal.ApplicationError
	require.ErrorAs(t, m.do(t, contract.ActivityFindMask.Name, in, nil), &app)
	require.True(t, app.NonRetryable())
}

func TestTellMaskingSession(t *testing.T) {
	m := &masks{}
	in := contract.TellMaskingSessionInput{MaskID: "m1", State: calls.CallState{CallKey: "a", Evidence: &calls.Evidence{}}}
	var res contract.TellMaskingSessionResult
	require.NoError(t, m.do(t, contract.ActivityTellMaskingSession.Name, in, &res))
	require.Equal(t, contract.SessionTold, res.Result)
	require.Nil(t, m.signals[0].(calls.CallState).Evidence)
	require.Equal(t, "m1", m.signalled)

	m.closed = true
	require.NoError(t, m.do(t, contract.ActivityTellMaskingSession.Name, in, &res))
	require.Equal(t, contract.SessionClosed, res.Result)

	m.closed, m.err = false, errors.New("away")
	require.Error(t, m.do(t, contract.ActivityTellMaskingSession.Name, in, nil))
	require.Error(t, m.do(t, contract.ActivityStartMaskingSession.Name, contract.StartMaskingSessionInput{MaskID: "m1"}, nil))
}

func TestCloseMask(t *testing.T) {
	m := &masks{}
	require.NoError(t, m.do(t, contract.ActivityCloseMask.Name, contract.CloseMaskInput{MaskID: "m1"}, nil))
	require.Equal(t, []string{"m1"}, m.deleted)
	m.err = &unifonic.APIError{StatusCode: 503, Retryable: true, RetryAfter: 7 * time.Second}
	var app *temporal.ApplicationError
	require.ErrorAs(t, m.do(t, contract.ActivityCloseMask.Name, contract.CloseMaskInput{MaskID: "m1"}, nil), &app)
	require.False(t, app.NonRetryable())
	require.Equal(t, 7*time.Second, app.NextRetryDelay())
}

// Two recorded calls in one session, the link of one of them dead, the list in another order and with fresh links: no
// call may get the other's conversation.
func TestKeepSessionRecordingsNeverGuessesWhoseARecordingIs(t *testing.T) {
	const first, second, foreign = "https://rec.example/a?sig=old", "https://rec.example/b?sig=old", "https://rec.example/c?sig=1"
	m := &masks{urls: []string{foreign, "https://REC.example/b?sig=new", "https://rec.example/a?sig=new", foreign, "not a url"}}
	leg := func(sid, url string) contract.SessionLeg {
		return contract.SessionLeg{RecordingID: calls.RecordingIdentity(url), CallKey: "call-" + sid, LegKey: sid, CallSID: sid}
	}
	in := contract.KeepSessionRecordingsInput{MaskID: "m1", Legs: []contract.SessionLeg{leg("s1", first), leg("s2", second)}}
	var res contract.KeepSessionRecordingsResult
	require.NoError(t, m.do(t, contract.ActivityKeepSessionRecordings.Name, in, &res))

	got := map[string]string{}
	for _, k := range m.kept {
		got[k.CallKey] = k.URL
	}
	require.Equal(t, map[string]string{
		"call-s1": "https://rec.example/a?sig=new", "call-s2": "https://REC.example/b?sig=new", "mask:m1": foreign,
	}, got)
	require.Len(t, m.kept, 3, "each once")
	require.Equal(t, []string{"mask:m1"}, m.kept[0].Subscribers)
	require.Equal(t, "session|"+calls.RecordingIdentity(foreign), m.kept[0].LegKey)
	require.Len(t, res.Kept, 1)
	require.Equal(t, calls.RecordingPending, res.Kept[0].Recording.Status)
	require.Equal(t, calls.LegHash(m.kept[0].LegKey), res.Kept[0].Recording.LegHash)

	// A further recording of a leg is the leg's too, in a workflow of its own.
	m.kept = nil
	more := leg("s1", foreign)
	more.Path = calls.RecordingPath(more.RecordingID)
	require.NoError(t, m.do(t, contract.ActivityKeepSessionRecordings.Name, contract.KeepSessionRecordingsInput{MaskID: "m1", Legs: []contract.SessionLeg{leg("s1", first), more}, Known: []string{masking.RecordingMark(calls.RecordingIdentity(second))}}, &res))
	ids := []string{}
	for _, k := range m.kept {
		require.Equal(t, "call-s1", k.CallKey)
		ids = append(ids, k.Input().LegHash)
	}
	require.ElementsMatch(t, []string{calls.LegHash("s1"), calls.LegHash("s1") + "-" + more.Path, calls.LegHash("s1") + "-" + more.Path}, ids)

	// Known ones are not handed on again; what has ended is said at once.
	m.kept, m.answer = nil, calls.Recording{Status: calls.RecordingStored, SHA256: "ab"}
	in.Known = []string{masking.RecordingMark(calls.RecordingIdentity(first)), masking.RecordingMark(calls.RecordingIdentity(second))}
	require.NoError(t, m.do(t, contract.ActivityKeepSessionRecordings.Name, in, &res))
	require.Len(t, m.kept, 1)
	require.Equal(t, calls.RecordingStored, res.Kept[0].Recording.Status)

	m.err = unifonic.ErrNotFound
	m.urls = nil
	require.NoError(t, m.do(t, contract.ActivityKeepSessionRecordings.Name, in, &res), "no list is no recording")
}
