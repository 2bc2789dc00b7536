package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/callstate"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/inbox"
	"github.com/aftercall/aftercall/internal/translate"
	"github.com/aftercall/aftercall/internal/unifonic"
)

// callTimeout is the deadline of one call to Temporal. Without one the SDK would try for 10 s while Temporal is away.
const callTimeout = 3 * time.Second

// Desk holds the methods of package desk that a CallDeliverer needs.
type Desk interface {
	CallKey(ctx context.Context, id string) (string, error)
	Notify(ctx context.Context, e calls.StatusEvent) error
	ClosedCall(ctx context.Context, callKey string) (calls.CallState, error)
	KeepRecording(ctx context.Context, r contract.RecordingURL) (calls.Recording, error)
	Waits(ctx context.Context, callKey string) (bool, error)
}

// CallDeliverer signals a notification to the Call workflow of its call. If that is closed, it handles the notification as
// a late one.
type CallDeliverer struct {
	Desk           Desk
	Parser         unifonic.Parser
	ApplicationIDs []string // accepted ones; none: all
}

// Deliver implements Deliverer.
func (d *CallDeliverer) Deliver(ctx context.Context, item inbox.Item) (Result, error) {
	event, id, err := d.event(item)
	if err != nil {
		return "", err
	}
	if event.CallKey, err = d.callKey(ctx, id); err != nil {
		return "", err
	}
	err = d.notify(ctx, event)
	if errors.Is(err, desk.ErrClosed) {
		return d.late(ctx, event)
	}
	return Signalled, err
}

// event reads the notification and the id that identifies its call. The event keeps the key under which the inbox has
// acknowledged it, even if the same body would get another key by now.
func (d *CallDeliverer) event(item inbox.Item) (e calls.StatusEvent, id string, err error) {
	n, err := d.Parser.Notification(item.Body)
	switch {
	case errors.Is(err, unifonic.ErrNoKey):
		return e, "", Reject(inbox.ReasonNoKey, err)
	case err != nil:
		return e, "", Reject(inbox.ReasonNotJSON, err)
	case len(d.ApplicationIDs) > 0 && n.ApplicationID != "" && !slices.Contains(d.ApplicationIDs, n.ApplicationID):
		return e, "", Reject(inbox.ReasonApplication, errors.New("its applicationId is none of those configured"))
	}
	e = translate.EventFromNotification(n, item.ReceivedAt)
	e.EventKey = item.EventKey
	return e, n.Key(), nil
}

func (d *CallDeliverer) callKey(ctx context.Context, id string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return d.Desk.CallKey(ctx, id)
}

func (d *CallDeliverer) notify(ctx context.Context, e calls.StatusEvent) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return d.Desk.Notify(ctx, e)
}

// Waits reports whether no worker has taken up a delivered notification yet.
func (d *CallDeliverer) Waits(ctx context.Context, item inbox.Item) (bool, error) {
	event, id, err := d.event(item)
	if err != nil {
		return false, err
	}
	if event.CallKey, err = d.callKey(ctx, id); err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return d.Desk.Waits(ctx, event.CallKey)
}

// late handles an event of a closed call, with the function that the workflow would have used.
func (d *CallDeliverer) late(ctx context.Context, e calls.StatusEvent) (Result, error) {
	closed, err := d.closed(ctx, e.CallKey)
	lost := errors.Is(err, desk.ErrNoResult)
	switch {
	case lost: // an operator terminated it, for example: the call's state is unknown, but its recording would be gone
		closed = callstate.New(e.CallKey)
	case err != nil:
		return "", err
	}
	recordings, changes := callstate.Late(closed, e)
	result := LateUnchanged
	for _, r := range recordings {
		if _, err := d.Desk.KeepRecording(ctx, r); err != nil {
			return "", fmt.Errorf("keep recording: %w", err)
		}
		result = LateRecording
	}
	if lost {
		return "", Reject(inbox.ReasonLate, fmt.Errorf("the call is closed: %w", err))
	}
	if changes {
		return "", Reject(inbox.ReasonLate, fmt.Errorf("the call is closed and this would change it (status %s)", e.Status))
	}
	return result, nil
}

// closed reads the state of a closed call. It returns desk.ErrNoResult if the call has none that can be read. If the call
// turns out to be open, the read times out; if Temporal has forgotten it, the error says so. Either way the next try signals.
func (d *CallDeliverer) closed(ctx context.Context, callKey string) (calls.CallState, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	state, err := d.Desk.ClosedCall(ctx, callKey)
	if errors.Is(err, desk.ErrUnknown) {
		return state, errors.New("the closed call is gone, its next event opens it anew")
	}
	return state, err
}
