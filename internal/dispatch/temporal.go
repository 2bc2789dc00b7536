package dispatch

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/callstate"
	"github.com/aftercall/aftercall/internal/inbox"
	"github.com/aftercall/aftercall/internal/starter"
	"github.com/aftercall/aftercall/internal/unifonic"
)

// callTimeout is the deadline of one call to Temporal. Without one the SDK would try for 10 s while Temporal is away.
const callTimeout = 3 * time.Second

// Client is what a TemporalDeliverer needs of a Temporal client.
type Client interface {
	SignalWithStartWorkflow(ctx context.Context, id, signal string, arg any, o client.StartWorkflowOptions, workflow any, args ...any) (client.WorkflowRun, error)
	GetWorkflow(ctx context.Context, id, runID string) client.WorkflowRun
}

// RecordingKeeper starts to keep a recording, or finds that it is being kept.
type RecordingKeeper interface {
	KeepRecording(ctx context.Context, r calls.RecordingURL) error
}

// TemporalDeliverer signals a notification to the Call workflow of its call. Where that is closed, it does what is
// left to do for a late one.
type TemporalDeliverer struct {
	Client         Client
	Recordings     RecordingKeeper
	Parser         unifonic.Parser
	ApplicationIDs []string // accepted ones; none: all
	Settings       calls.CallSettings
}

// Deliver implements Deliverer.
func (t *TemporalDeliverer) Deliver(ctx context.Context, item inbox.Item) (Result, error) {
	event, err := t.event(item)
	if err != nil {
		return "", err
	}
	err = t.signal(ctx, event)
	if is[*serviceerror.WorkflowExecutionAlreadyStarted](err) {
		return t.late(ctx, event)
	}
	return Signalled, err
}

// event reads the notification. What the inbox has acknowledged under an event key goes out under it, even if the key
// of the same body were computed otherwise by now.
func (t *TemporalDeliverer) event(item inbox.Item) (calls.StatusEvent, error) {
	n, err := t.Parser.Notification(item.Body)
	switch {
	case errors.Is(err, unifonic.ErrNoKey):
		return calls.StatusEvent{}, Reject(inbox.ReasonNoKey, err)
	case err != nil:
		return calls.StatusEvent{}, Reject(inbox.ReasonNotJSON, err)
	case len(t.ApplicationIDs) > 0 && n.ApplicationID != "" && !slices.Contains(t.ApplicationIDs, n.ApplicationID):
		return calls.StatusEvent{}, Reject(inbox.ReasonApplication, errors.New("its applicationId is none of those configured"))
	}
	event := callstate.EventFromNotification(n, item.ReceivedAt)
	event.EventKey = item.EventKey
	return event, nil
}

func (t *TemporalDeliverer) signal(ctx context.Context, e calls.StatusEvent) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	o := starter.CallOptions(e.CallKey)
	in := calls.CallInput{CallKey: e.CallKey, Settings: t.Settings}
	if _, err := t.Client.SignalWithStartWorkflow(ctx, o.ID, calls.SignalCallStatus, e, o, calls.TypeCall, in); err != nil {
		return fmt.Errorf("signal call: %w", err)
	}
	return nil
}

// late handles an event of a call that is closed, with the function that the workflow would have used.
func (t *TemporalDeliverer) late(ctx context.Context, e calls.StatusEvent) (Result, error) {
	before, err := t.closed(ctx, e.CallKey)
	if err != nil {
		return "", err
	}
	after, _ := callstate.Apply(before, e)
	result := LateUnchanged
	known := callstate.Recordings(before)
	for _, r := range callstate.Recordings(after) {
		if slices.ContainsFunc(known, func(k calls.RecordingURL) bool { return k.URL == r.URL }) {
			continue
		}
		r.Subscribers = told(before)
		if err := t.Recordings.KeepRecording(ctx, r); err != nil {
			return "", fmt.Errorf("keep recording: %w", err)
		}
		result = LateRecording
	}
	if !reflect.DeepEqual(apartFromRecordings(before), apartFromRecordings(after)) {
		return "", Reject(inbox.ReasonLate, fmt.Errorf("the call is closed and this would change it (status %s)", e.Status))
	}
	return result, nil
}

// told are the workflows that were told of the call: they hear of its recording too.
func told(s calls.CallState) []string {
	var ids []string
	for _, n := range s.Notified {
		if n.Result == "told" && !calls.OwnWorkflowID(n.WorkflowID) {
			ids = append(ids, n.WorkflowID)
		}
	}
	return ids
}

// apartFromRecordings is what a late event may not change: all that was told of the call.
func apartFromRecordings(s calls.CallState) calls.CallState {
	s.Recordings, s.Evidence, s.Notified, s.Revision = nil, nil, nil, 0
	s.Legs = slices.Clone(s.Legs)
	for i := range s.Legs {
		s.Legs[i].RecordingID = ""
	}
	if s.Outcome != nil {
		o := *s.Outcome
		o.Revision, s.Outcome = 0, &o
	}
	return s
}

// closed reads the result of the call's last run. Where it has none that can be read, the event is a dead letter. A
// run that is not closed after all ends in the deadline, and one that Temporal has forgotten by now in an error of
// class Transient: the next try signals.
func (t *TemporalDeliverer) closed(ctx context.Context, callKey string) (calls.CallState, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var state calls.CallState
	err := t.Client.GetWorkflow(ctx, calls.CallWorkflowID(callKey), "").Get(ctx, &state)
	switch {
	case is[*temporal.WorkflowExecutionError](err):
		return state, Reject(inbox.ReasonLate, fmt.Errorf("the call is closed without a result: %w", err))
	case errors.Is(err, converter.ErrUnableToDecode), errors.Is(err, converter.ErrUnableToFindConverter),
		errors.Is(err, converter.ErrEncodingIsNotSupported), err == nil && state.CallKey == "":
		return state, Reject(inbox.ReasonLate, errors.New("the call is closed and its result cannot be read"))
	case is[*serviceerror.NotFound](err):
		return state, fmt.Errorf("the closed call is gone, its next event opens it anew")
	case err != nil:
		return state, fmt.Errorf("read closed call: %w", err)
	}
	return state, nil
}
