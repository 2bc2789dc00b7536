package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/callstate"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/dispatch"
	"github.com/aftercall/aftercall/internal/inbox"
	"github.com/aftercall/aftercall/internal/translate"
	"github.com/aftercall/aftercall/internal/unifonic"
	"github.com/aftercall/aftercall/internal/unifonic/unifonictest"
)

// fakeDesk is the desk of one call: open, or closed with a result or an error.
type fakeDesk struct {
	notifyErr error
	result    calls.CallState
	resultErr error
	keepErr   error

	keyErr   error
	notified []calls.StatusEvent
	deadline time.Duration
	kept     []contract.RecordingURL
}

func (f *fakeDesk) CallKey(_ context.Context, id string) (string, error) {
	return calls.Key(id), f.keyErr
}

func (f *fakeDesk) Notify(ctx context.Context, e calls.StatusEvent) error {
	at, _ := ctx.Deadline()
	f.deadline = time.Until(at)
	if f.notifyErr == nil {
		f.notified = append(f.notified, e)
	}
	return f.notifyErr
}

func (f *fakeDesk) Waits(_ context.Context, callKey string) (bool, error) {
	return len(f.notified) > 0 && f.notified[0].CallKey == callKey, nil
}

func (f *fakeDesk) ClosedCall(_ context.Context, callKey string) (calls.CallState, error) {
	if callKey != "c1" {
		return calls.CallState{}, fmt.Errorf("unexpected key %s", callKey)
	}
	return f.result, f.resultErr
}

func (f *fakeDesk) KeepRecording(_ context.Context, r contract.RecordingURL) (calls.Recording, error) {
	if f.keepErr == nil {
		f.kept = append(f.kept, r)
	}
	return calls.Recording{}, f.keepErr
}

var receivedAt = time.Date(2026, 3, 1, 9, 0, 10, 0, time.UTC)

// note makes an item of a notification of call c1, with some members changed.
func note(t *testing.T, change map[string]any) inbox.Item {
	t.Helper()
	m := map[string]any{
		"applicationId": "app-1", "callSid": "s1", "initiatedAt": "2026-03-01T09:00:00Z", "completedAt": "2026-03-01T09:00:09Z",
	}
	maps.Copy(m, change)
	body := unifonictest.Notification("c1", m)
	n, err := unifonic.Parser{}.Notification(body)
	require.NoError(t, err)
	return inbox.Item{ID: 1, Notification: inbox.Notification{EventKey: n.EventKey(), CallKey: calls.Key(n.Key()), Body: body, ReceivedAt: receivedAt}}
}

func event(t *testing.T, item inbox.Item) calls.StatusEvent {
	t.Helper()
	n, err := unifonic.Parser{}.Notification(item.Body)
	require.NoError(t, err)
	return translate.EventFromNotification(n, item.ReceivedAt)
}

func TestDeliverSignals(t *testing.T) {
	f := &fakeDesk{}
	d := &dispatch.CallDeliverer{Desk: f, ApplicationIDs: []string{"app-0", "app-1"}}
	item := note(t, nil)
	item.EventKey = "v0-as-acknowledged"
	result, err := d.Deliver(t.Context(), item)
	require.NoError(t, err)
	require.Equal(t, dispatch.Signalled, result)

	want := event(t, item)
	want.EventKey = "v0-as-acknowledged"
	require.Equal(t, []calls.StatusEvent{want}, f.notified)
	require.Greater(t, f.deadline, time.Duration(0))
	require.LessOrEqual(t, f.deadline, 3*time.Second)
}

func TestDeliverKeepsOddKeysOutOfIDs(t *testing.T) {
	f := &fakeDesk{}
	d := &dispatch.CallDeliverer{Desk: f}
	_, err := d.Deliver(t.Context(), note(t, map[string]any{"callId": "a b/ü"}))
	require.NoError(t, err)
	require.Equal(t, calls.HashedKey("a b/ü"), f.notified[0].CallKey)
}

func TestDeliverRefuses(t *testing.T) {
	raw := func(body string) inbox.Item {
		return inbox.Item{Notification: inbox.Notification{EventKey: "e", CallKey: "c", Body: []byte(body)}}
	}
	for name, row := range map[string]struct {
		item inbox.Item
		want inbox.Reason
	}{
		"another application": {note(t, map[string]any{"applicationId": "app-2"}), inbox.ReasonApplication},
		"no object":           {raw("[]"), inbox.ReasonNotJSON},
		"no key":              {raw("{}"), inbox.ReasonNoKey},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeDesk{}
			d := &dispatch.CallDeliverer{Desk: f, ApplicationIDs: []string{"app-1"}}
			_, err := d.Deliver(t.Context(), row.item)
			require.Equal(t, dispatch.Permanent, dispatch.Classify(err))
			require.Equal(t, row.want, dispatch.ReasonOf(err))
			require.Empty(t, f.notified)
		})
	}
	d := &dispatch.CallDeliverer{Desk: &fakeDesk{}, ApplicationIDs: []string{"app-1"}}
	_, err := d.Deliver(t.Context(), note(t, map[string]any{"applicationId": nil}))
	require.NoError(t, err, "one that names none is not another's")
}

func TestDeliverPassesErrorsOn(t *testing.T) {
	for _, cause := range []error{desk.ErrAway, desk.Classify("signal", context.DeadlineExceeded), desk.Classify("signal", serviceerror.NewDeadlineExceeded("slow"))} {
		d := &dispatch.CallDeliverer{Desk: &fakeDesk{notifyErr: cause}}
		_, err := d.Deliver(t.Context(), note(t, nil))
		require.Equal(t, dispatch.Transient, dispatch.Classify(err), "a signal that came to no answer is sent again")
	}
}

func closedCall(t *testing.T, items ...inbox.Item) calls.CallState {
	t.Helper()
	s := callstate.New("c1")
	for _, it := range items {
		s, _ = callstate.Apply(s, event(t, it))
	}
	return s
}

func TestDeliverLate(t *testing.T) {
	completed := note(t, nil)
	recorded := map[string]any{"recordingUrl": "https://recordings.example/1?signature=x"}
	for name, row := range map[string]struct {
		state  calls.CallState
		item   inbox.Item
		result dispatch.Result
		reason inbox.Reason // of the dead letter; empty: none
		kept   []string
	}{
		"a duplicate": {closedCall(t, completed), completed, dispatch.LateUnchanged, "", nil},
		"an earlier status": {closedCall(t, completed), note(t, map[string]any{"status": "RINGING", "duration": nil, "completedAt": nil}),
			dispatch.LateUnchanged, "", nil},
		"a recording":       {closedCall(t, completed), note(t, recorded), dispatch.LateRecording, "", []string{"https://recordings.example/1?signature=x"}},
		"a known recording": {closedCall(t, completed, note(t, recorded)), note(t, recorded), dispatch.LateUnchanged, "", nil},
		"a second recording": {closedCall(t, note(t, recorded)), note(t, map[string]any{"recordingUrl": "https://recordings.example/2"}),
			dispatch.LateRecording, "", []string{"https://recordings.example/2"}},
		"another ending": {closedCall(t, note(t, map[string]any{"status": "FAILED"})), note(t, map[string]any{"completedAt": "2026-03-01T09:00:19Z"}),
			"", inbox.ReasonLate, nil},
		"another leg": {closedCall(t, completed), note(t, map[string]any{"callSid": "s2", "to": "+966500000009"}), "", inbox.ReasonLate, nil},
		"a recording and another leg": {closedCall(t, completed),
			note(t, map[string]any{"callSid": "s2", "to": "+966500000009", "recordingUrl": "https://recordings.example/3"}),
			"", inbox.ReasonLate, []string{"https://recordings.example/3"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeDesk{notifyErr: desk.ErrClosed, result: row.state}
			d := &dispatch.CallDeliverer{Desk: f}
			for range 2 { // the inbox may give it twice
				f.kept = nil
				result, err := d.Deliver(t.Context(), row.item)
				if row.reason == "" {
					require.NoError(t, err)
				} else {
					require.Equal(t, dispatch.Permanent, dispatch.Classify(err))
					require.Equal(t, row.reason, dispatch.ReasonOf(err))
					require.NotContains(t, err.Error(), "9665")
				}
				require.Equal(t, row.result, result)
				var kept []string
				for _, r := range f.kept {
					kept = append(kept, r.URL)
				}
				require.Equal(t, row.kept, kept)
			}
		})
	}
}

func TestDeliverLateWithoutAResult(t *testing.T) {
	for name, row := range map[string]struct {
		err  error
		want dispatch.Class
	}{
		"the call left nothing":     {desk.ErrNoResult, dispatch.Permanent},
		"Temporal went away":        {desk.ErrAway, dispatch.Transient},
		"the call is forgotten now": {desk.ErrUnknown, dispatch.Transient},
		"the codec has no key":      {errors.New("unknown key"), dispatch.Transient},
	} {
		t.Run(name, func(t *testing.T) {
			d := &dispatch.CallDeliverer{Desk: &fakeDesk{notifyErr: desk.ErrClosed, resultErr: fmt.Errorf("read result: %w", row.err)}}
			_, err := d.Deliver(t.Context(), note(t, map[string]any{"recordingUrl": "https://recordings.example/1"}))
			require.Equal(t, row.want, dispatch.Classify(err))
			kept := d.Desk.(*fakeDesk).kept
			if row.want == dispatch.Permanent {
				require.Equal(t, inbox.ReasonLate, dispatch.ReasonOf(err))
				require.Len(t, kept, 1, "its recording is kept all the same")
			} else {
				require.Empty(t, kept)
			}
		})
	}
}

func TestDeliverLateRecordingIsNotGivenUp(t *testing.T) {
	d := &dispatch.CallDeliverer{Desk: &fakeDesk{notifyErr: desk.ErrClosed, result: closedCall(t, note(t, nil)), keepErr: desk.ErrAway}}
	_, err := d.Deliver(t.Context(), note(t, map[string]any{"recordingUrl": "https://recordings.example/1"}))
	require.Equal(t, dispatch.Transient, dispatch.Classify(err))
}

func TestADeliveredNotificationWaitsForAWorker(t *testing.T) {
	d := &dispatch.CallDeliverer{Desk: &fakeDesk{}}
	_, err := d.Deliver(t.Context(), note(t, nil))
	require.NoError(t, err)
	waits, err := d.Waits(t.Context(), note(t, nil))
	require.NoError(t, err)
	require.True(t, waits)
	waits, err = d.Waits(t.Context(), note(t, map[string]any{"callId": "c2"}))
	require.NoError(t, err)
	require.False(t, waits)
}

func TestWhoWasToldOfACallHearsOfItsLateRecording(t *testing.T) {
	state := closedCall(t, note(t, nil))
	state.Notified = []calls.Notified{
		{WorkflowID: "order-1", Result: "told"}, {WorkflowID: "gone", Result: "not-found"}, {WorkflowID: "outbound:o1", Result: "told"},
	}
	f := &fakeDesk{notifyErr: desk.ErrClosed, result: state}
	d := &dispatch.CallDeliverer{Desk: f}
	_, err := d.Deliver(t.Context(), note(t, map[string]any{"recordingUrl": "https://recordings.example/1"}))
	require.NoError(t, err)
	require.Len(t, f.kept, 1)
	require.Equal(t, []string{"order-1"}, f.kept[0].Subscribers)
}
