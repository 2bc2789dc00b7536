package activities_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/aftercall/aftercall/activities"
	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/intake"
)

func (d *counter) CallKey(_ context.Context, id string) (string, error) {
	return d.keyed + calls.Key(id), nil
}

func (d *counter) SessionID(_ context.Context, maskID string) (string, error) {
	return calls.MaskingSessionWorkflowID(d.keyed + maskID), nil
}

// counter is the desk of Calls, with one workflow of each kind behind it.
type counter struct {
	asked      intake.Outbound
	placeErr   error // nil: new
	repeated   bool
	request    calls.OutboundCallState
	subscribed []calls.Subscription
	closed     bool
	call       calls.CallState
	recording  calls.Recording
	kept       []contract.RecordingURL
	openErr    error
	session    calls.MaskingSessionState
	over       bool
	askErr     error
	updateErr  error
	signals    []string
	keyed      string // put before ids, as if they told a number
}

func (d *counter) Subscribe(_ context.Context, _ string, s calls.Subscription) error {
	d.subscribed = append(d.subscribed, s)
	if d.closed {
		return desk.ErrClosed
	}
	return nil
}
func (d *counter) ClosedCall(context.Context, string) (calls.CallState, error) { return d.call, nil }
func (d *counter) PlaceCall(_ context.Context, asked intake.Outbound, fault error) (bool, error) {
	d.asked = asked
	if fault != nil {
		return false, fault
	}
	return d.placeErr == nil && !d.repeated, d.placeErr
}
func (d *counter) OpenMaskingSession(context.Context, intake.Masking) (bool, error) {
	return true, d.openErr
}
func (d *counter) KeepRecording(_ context.Context, r contract.RecordingURL) (calls.Recording, error) {
	d.kept = append(d.kept, r)
	return d.recording, nil
}
func (d *counter) Settings() desk.Settings { return desk.Settings{} }
func (d *counter) Query(_ context.Context, _, _ string, into any) (bool, error) {
	switch into := into.(type) {
	case *calls.OutboundCallState:
		*into = d.request
	case *calls.CallState:
		*into = d.call
	case *calls.MaskingSessionState:
		*into = d.session
	}
	return d.over, d.askErr
}
func (d *counter) Update(context.Context, string, string, ...any) error { return d.updateErr }
func (d *counter) Result(_ context.Context, _ string, into any) error {
	*into.(*calls.MaskingSessionState) = d.session
	return d.updateErr
}
func (d *counter) Signal(_ context.Context, id, signal string, _ any) error {
	d.signals = append(d.signals, id+" "+signal)
	return nil
}

func failureType(err error) string {
	if failure, ok := errors.AsType[*temporal.ApplicationError](err); ok && failure.NonRetryable() {
		return failure.Type()
	}
	return ""
}

func placeRequest(deadline string, askedAt time.Time) calls.PlaceRequest {
	return calls.PlaceRequest{
		OutboundCallRequest: calls.OutboundCallRequest{
			ReferenceID: "order-1", To: "+966500000001", CallerID: "+966115219000", Type: calls.CallTypeTTS,
			TTS: &calls.TTS{Text: "hello"}, Deadline: deadline, Notify: &calls.Notify{WorkflowID: "shop-1"},
		},
		Waiter: &calls.Subscription{WorkflowID: "shop-1", Waiter: "a"}, AskedAt: &askedAt,
	}
}

func TestPlaceCountsTheDeadlineFromTheAsking(t *testing.T) {
	d := &counter{}
	askedAt := time.Now().Add(-time.Hour).UTC()
	res, err := (&activities.Calls{Desk: d}).Place(t.Context(), placeRequest("20s", askedAt))
	require.NoError(t, err, "a request that comes too late is for the workflow to end, with an outcome")
	require.Equal(t, askedAt.Add(20*time.Second), d.asked.Deadline)
	require.Nil(t, res.Outcome)
	require.True(t, res.WaitUntil.After(time.Now().Add(24*time.Hour)), "the wait outlives the last outcome")
	require.Equal(t, []calls.Subscription{{WorkflowID: "shop-1", Waiter: "a"}}, d.asked.Waiters)
	require.Nil(t, d.asked.Request.Notify, "who waits is told as a waiter")
}

func TestPlaceOfTheSameReferenceWaitsForTheSameRequest(t *testing.T) {
	a := time.Now().UTC()
	hashes := map[string]bool{}
	for _, workflowID := range []string{"shop-1", "shop-2"} {
		d := &counter{repeated: true}
		in := placeRequest("20m", a)
		in.Waiter.WorkflowID, in.Notify.WorkflowID = workflowID, workflowID
		res, err := (&activities.Calls{Desk: d}).Place(t.Context(), in)
		require.NoError(t, err)
		require.Nil(t, res.Outcome)
		require.Equal(t, []string{"outbound:order-1 subscribe"}, d.signals)
		hashes[d.asked.Hash] = true

		d.request.Outcome = &calls.OutboundOutcome{Attempt: 2}
		res, err = (&activities.Calls{Desk: d}).Place(t.Context(), in)
		require.NoError(t, err)
		require.Equal(t, 2, res.Outcome.Attempt)
	}
	require.Len(t, hashes, 1, "who waits is no part of the request")
}

func TestPlaceErrors(t *testing.T) {
	bad := placeRequest("", time.Now())
	bad.To = "0500"
	_, err := (&activities.Calls{Desk: &counter{}}).Place(t.Context(), bad)
	require.Equal(t, calls.ErrTypeInvalidRequest, failureType(err))
	for _, refused := range []error{desk.ErrConflict, desk.ErrForeign} {
		_, err = (&activities.Calls{Desk: &counter{placeErr: refused}}).Place(t.Context(), placeRequest("", time.Now()))
		require.Equal(t, calls.ErrTypeConflict, failureType(err))
	}
	_, err = (&activities.Calls{Desk: &counter{placeErr: desk.ErrAway}}).Place(t.Context(), placeRequest("", time.Now()))
	require.Error(t, err)
	require.Empty(t, failureType(err), "it is tried again")
}

func TestSubscribeRecording(t *testing.T) {
	recorded := calls.CallState{CallKey: "c1", Final: true, Evidence: &calls.Evidence{Events: []calls.StatusEvent{{
		CallKey: "c1", CallID: "c1", CallSID: "leg-1", EventKey: "e1", Status: calls.StatusCompleted, Direction: calls.DirectionOutbound,
		RecordingURL: "https://rec.example.com/a.wav", ReceivedAt: time.Now(),
	}}}}
	seconds := 17
	sought := calls.CallState{CallKey: "c1", Final: true, Evidence: &calls.Evidence{Recorded: true, RecordingSought: true, Events: []calls.StatusEvent{{
		CallKey: "c1", CallID: "c1", CallSID: "leg-1", EventKey: "e1", Status: calls.StatusCompleted, Direction: calls.DirectionOutbound,
		DurationSeconds: &seconds, ReceivedAt: time.Now(),
	}}}}
	for _, c := range []struct {
		name string
		desk counter
		want calls.RecordingResult
	}{
		{"stored", counter{closed: true, call: recorded, recording: calls.Recording{Status: calls.RecordingStored}}, calls.RecordingResult{Recording: &calls.Recording{Status: calls.RecordingStored}, CallKey: "c1"}},
		{"of a call that runs", counter{call: recorded, recording: calls.Recording{Status: calls.RecordingPending}}, calls.RecordingResult{CallKey: "c1"}},
		{"missing", counter{closed: true, call: sought, recording: calls.Recording{Status: calls.RecordingMissing}}, calls.RecordingResult{Recording: &calls.Recording{Status: calls.RecordingMissing}, CallKey: "c1"}},
		{"that is looked for", counter{call: sought, recording: calls.Recording{Status: calls.RecordingPending}}, calls.RecordingResult{CallKey: "c1"}},
		{"none", counter{closed: true, call: calls.CallState{CallKey: "c1", Final: true, Evidence: &calls.Evidence{}}}, calls.RecordingResult{NoRecording: true, CallKey: "c1"}},
		{"none yet", counter{call: calls.CallState{CallKey: "c1"}}, calls.RecordingResult{CallKey: "c1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := (&activities.Calls{Desk: &c.desk}).SubscribeRecording(t.Context(), calls.SubscribeRequest{CallID: "c1", WorkflowID: "shop-1", Waiter: "a"})
			require.NoError(t, err)
			require.Equal(t, got.Recording == nil && !got.NoRecording, got.WaitUntil != nil, "it is said when to ask again")
			got.WaitUntil = nil
			require.Equal(t, c.want, got)
			require.True(t, c.desk.subscribed[0].Quiet, "no outcome is told to who asks for a recording")
			for _, k := range c.desk.kept {
				require.Empty(t, k.URL)
				require.False(t, k.Asked, "to listen starts nothing")
				require.Equal(t, []string{"shop-1"}, k.Subscribers)
			}
		})
	}
}

func TestMaskActivities(t *testing.T) {
	d := &counter{session: calls.MaskingSessionState{MaskID: "m1", MaskingNumber: "+966115219100", State: calls.MaskingClosed, Calls: []calls.MaskedCall{{Pairing: calls.PairingPaired}}}}
	a := &activities.Calls{Desk: d}
	_, err := a.OpenMask(t.Context(), calls.MaskingSessionRequest{ReferenceID: "d1", To: "+966500000001"})
	require.Equal(t, calls.ErrTypeMaskNotOpened, failureType(err), "its number takes no more calls")
	d.session.State = calls.MaskingOpen
	mask, err := a.OpenMask(t.Context(), calls.MaskingSessionRequest{ReferenceID: "d1", To: "+966500000001"})
	require.NoError(t, err)
	d.session.State = calls.MaskingClosed
	require.Equal(t, calls.Mask{MaskID: "m1", MaskingNumber: "+966115219100"}, mask)

	res, err := a.SubscribeMask(t.Context(), calls.SubscribeMaskRequest{MaskID: "m1", WorkflowID: "shop-1", Waiter: "a"})
	require.NoError(t, err)
	require.Nil(t, res.Summary)
	require.Equal(t, []string{"mask:m1 subscribe"}, d.signals)
	d.over = true
	res, err = a.SubscribeMask(t.Context(), calls.SubscribeMaskRequest{MaskID: "m1", WorkflowID: "shop-1", Waiter: "a"})
	require.NoError(t, err)
	require.Equal(t, 1, res.Summary.Totals.Paired)

	require.NoError(t, a.EndMask(t.Context(), calls.CloseMaskRequest{MaskID: "m1"}))
	d.updateErr = temporal.NewNonRetryableApplicationError("the mask was not deactivated", calls.ErrTypeMaskNotClosed, nil)
	require.Equal(t, calls.ErrTypeMaskNotClosed, failureType(a.EndMask(t.Context(), calls.CloseMaskRequest{MaskID: "m1"})))
	d.updateErr, d.askErr = desk.ErrUnknown, desk.ErrUnknown
	require.Equal(t, calls.ErrTypeNotFound, failureType(a.EndMask(t.Context(), calls.CloseMaskRequest{MaskID: "m2"})))

	d.openErr = desk.ErrConflict
	_, err = a.OpenMask(t.Context(), calls.MaskingSessionRequest{ReferenceID: "d1", To: "+966500000001"})
	require.Equal(t, calls.ErrTypeConflict, failureType(err))
}

// TestATellingMaskIsFoundUnderItsKey: a business worker cannot make the key, so that the answer says it.
func TestATellingMaskIsFoundUnderItsKey(t *testing.T) {
	d := &counter{keyed: "hmac-"}
	a := &activities.Calls{Desk: d}
	req := calls.SubscribeMaskRequest{MaskID: "m1", WorkflowID: "shop", Waiter: "w"}
	res, err := a.SubscribeMask(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, "hmac-m1", res.MaskKey)
	require.NoError(t, a.UnsubscribeMask(t.Context(), req))
	require.NoError(t, a.EndMask(t.Context(), calls.CloseMaskRequest{MaskID: "m1"}))
	require.Equal(t, []string{"mask:hmac-m1 subscribe", "mask:hmac-m1 unsubscribe"}, d.signals)
	d.over = true
	res, err = a.SubscribeMask(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, "hmac-m1", res.Summary.MaskID, "it goes out in clear")
}
