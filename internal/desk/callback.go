package desk

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// Callback makes a URL a subscriber of what is told of a subject, the workflow of this id, and returns the id of the
// workflow that it is then. It may be repeated. parties are hashes of the subject's numbers.
func (d *Desk) Callback(ctx context.Context, subject, url string, parties []string) (workflowID string, err error) {
	workflowID = d.callbackID(subject, url)
	_, err = d.startCallback(ctx, workflowID, contract.CallbackInput{Subject: subject, URL: url, Parties: parties})
	return workflowID, err
}

// startCallback starts a Callback, and reports whether it was new.
func (d *Desk) startCallback(ctx context.Context, id string, in contract.CallbackInput) (created bool, err error) {
	_, err = d.client.ExecuteWorkflow(ctx, callbackOptions(ctx, id, in), contract.WorkflowCallback.Name, in)
	err = Classify("start "+contract.WorkflowCallback.Name, err)
	if errors.Is(err, ErrClosed) { // or runs
		return false, nil
	}
	return err == nil, err
}

// callbackID is the id of the Callback of a subject and a URL. The URL may hold anything, so that its hash is keyed.
func (d *Desk) callbackID(subject, url string) string {
	hash := calls.LegHash(url)
	if d.settings.Names.Hash.Ready() {
		hash = d.settings.Names.Hash.Of("callback", url)[:len(hash)]
	}
	return calls.CallbackWorkflowID(subject, hash)
}

// callbackOptions start a Callback that is found by what its subject is found by.
func callbackOptions(ctx context.Context, id string, in contract.CallbackInput) client.StartWorkflowOptions {
	attributes := contract.PartyAttribute(in.Parties)
	kind, key, _ := strings.Cut(in.Subject, ":")
	switch kind + ":" {
	case calls.CallWorkflowID(""):
		attributes = append(attributes, calls.AttributeCallID.ValueSet(key))
	case calls.OutboundCallWorkflowID(""), calls.OpenMaskingSessionWorkflowID(""):
		attributes = append(attributes, calls.AttributeReferenceID.ValueSet(key))
	}
	return options(ctx, id, "Callback of "+in.Subject, attributes...)
}

// callBack starts the Callback of a request before the request itself, so that nothing is told before there is whom to
// tell. It returns whom the request's workflow is to tell: the Callback in the place of a workflow, or beside it. done is
// to be called with whether the request was new, or may have been; where it was not, a Callback that is new is not wanted.
func (d *Desk) callBack(ctx context.Context, subject string, n *calls.Notify, parties []string) (tell *calls.Notify, also string, done func(bool), err error) {
	if n == nil || n.URL == "" {
		return n, "", func(bool) {}, nil
	}
	id := d.callbackID(subject, n.URL)
	created, err := d.startCallback(ctx, id, contract.CallbackInput{Subject: subject, URL: n.URL, Parties: parties})
	done = func(wanted bool) {
		if created && !wanted { // were it wanted after all, it would be begun anew when it is told
			_ = Tell(ctx, d, id, contract.SignalUnsubscribe, calls.Subscription{WorkflowID: id})
		}
	}
	if n.WorkflowID != "" {
		return n, id, done, err
	}
	return &calls.Notify{WorkflowID: id}, "", done, err
}

// callBackAgain begins a Callback that is over anew, with what it is told now and all that it knew. It returns
// ErrUnknown where there never was one, or Temporal has forgotten it.
func (d *Desk) callBackAgain(ctx context.Context, id, signal string, payload any) error {
	s, closed, err := Ask(ctx, d, contract.QueryCallback, id)
	switch {
	case err != nil:
		return err
	case !closed: // somebody else was faster
		return Classify("signal workflow", d.client.SignalWorkflow(ctx, id, "", signal, payload))
	}
	_, err = d.client.SignalWithStartWorkflow(ctx, id, signal, payload, againOptions(ctx, id, s.CallbackInput), contract.WorkflowCallback.Name, s.CallbackInput)
	return Classify("signal "+contract.WorkflowCallback.Name, err)
}

// againOptions start a Callback that was there before.
func againOptions(ctx context.Context, id string, in contract.CallbackInput) client.StartWorkflowOptions {
	o := callbackOptions(ctx, id, in)
	o.WorkflowIDReusePolicy = enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
	return o
}

// ErrDelivered says that nothing of a callback is undelivered.
var ErrDelivered = errors.New("nothing of it is undelivered")

// RetryCallback has all that a Callback has not delivered sent again at once. One that is over is begun anew. It returns
// ErrDelivered where there is nothing, and ErrUnknown.
func (d *Desk) RetryCallback(ctx context.Context, id string) error {
	if !calls.CallbackWorkflow(id) {
		return ErrUnknown
	}
	s, closed, err := Ask(ctx, d, contract.QueryCallback, id)
	switch {
	case err != nil:
		return err
	case len(s.Pending) == 0:
		return ErrDelivered
	case !closed:
		return Do(ctx, d, contract.UpdateRetryCallback, id, contract.None{})
	}
	for i := range s.Pending {
		s.Pending[i].GivenUp, s.Pending[i].Since = false, time.Now().UTC()
	}
	_, err = d.client.ExecuteWorkflow(ctx, againOptions(ctx, id, s.CallbackInput), contract.WorkflowCallback.Name, s.CallbackInput)
	return Classify("start "+contract.WorkflowCallback.Name, err)
}

// RetryCallbacks is RetryCallback for up to limit of those that run and are late or given up. next says where to go on,
// and is empty at the end.
func (d *Desk) RetryCallbacks(ctx context.Context, limit int, cursor []byte) (tried, failed int, next []byte, err error) {
	found, err := d.client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Query: UndeliveredQuery(), PageSize: int32(limit), NextPageToken: cursor,
	})
	if err != nil {
		return 0, 0, nil, Classify("list callbacks", err)
	}
	var lost atomic.Int64
	var g errgroup.Group
	g.SetLimit(8)
	for _, e := range found.GetExecutions() {
		g.Go(func() error {
			if err := d.RetryCallback(ctx, e.GetExecution().GetWorkflowId()); err != nil && !errors.Is(err, ErrDelivered) {
				lost.Add(1)
			}
			return nil
		})
	}
	_ = g.Wait() // nothing in it fails
	failed = int(lost.Load())
	return len(found.GetExecutions()) - failed, failed, found.GetNextPageToken(), ctx.Err()
}

// UndeliveredQuery finds the Callbacks that an operator is to look after.
func UndeliveredQuery() string {
	return "WorkflowType = '" + contract.WorkflowCallback.Name + "' AND ExecutionStatus = 'Running' AND " +
		calls.AttributeCallAttention.GetName() + " = '" + calls.AttentionCallback + "'"
}
