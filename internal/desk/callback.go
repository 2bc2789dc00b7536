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

// Callback makes a URL a subscriber of subject, a workflow's id, and returns the id of the Callback workflow that delivers
// to the URL. It may be repeated. parties are hashes of the subject's numbers.
func (d *Desk) Callback(ctx context.Context, subject, url string, parties []string) (workflowID string, err error) {
	workflowID = d.callbackID(subject, url)
	_, err = d.startCallback(ctx, workflowID, contract.CallbackInput{Subject: subject, URL: url, Parties: parties})
	return workflowID, err
}

// startCallback starts a Callback, and reports whether it was new.
func (d *Desk) startCallback(ctx context.Context, id string, in contract.CallbackInput) (created bool, err error) {
	_, err = d.client.ExecuteWorkflow(ctx, callbackOptions(ctx, id, in), contract.WorkflowCallback.Name, in)
	err = Classify("start "+contract.WorkflowCallback.Name, err)
	if errors.Is(err, ErrClosed) { // or running
		return false, nil
	}
	return err == nil, err
}

// callbackID returns the id of the Callback of a subject and a URL. The URL may hold anything, so its hash is keyed.
func (d *Desk) callbackID(subject, url string) string {
	hash := calls.LegHash(url)
	if d.settings.Names.Hash.Ready() {
		hash = d.settings.Names.Hash.Of("callback", url)[:len(hash)]
	}
	return calls.CallbackWorkflowID(subject, hash)
}

// callbackOptions returns the options of a Callback, with the search attributes of its subject.
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

// callBack starts the Callback of a request before the request itself, so that it exists before there is news. It returns
// in tell whom the request's workflow notifies, the caller's workflow or else the Callback, and in also the Callback beside
// a workflow. The caller must call done, and say whether the request was new or may have been. If it was not, done ends a
// Callback that callBack has just started.
func (d *Desk) callBack(ctx context.Context, subject string, n *calls.Notify, parties []string) (tell *calls.Notify, also string, done func(bool), err error) {
	if n == nil || n.URL == "" {
		return n, "", func(bool) {}, nil
	}
	id := d.callbackID(subject, n.URL)
	created, err := d.startCallback(ctx, id, contract.CallbackInput{Subject: subject, URL: n.URL, Parties: parties})
	done = func(wanted bool) {
		if created && !wanted { // if it is wanted after all, the next signal starts it again
			_ = Tell(ctx, d, id, contract.SignalUnsubscribe, calls.Subscription{WorkflowID: id})
		}
	}
	if n.WorkflowID != "" {
		return n, id, done, err
	}
	return &calls.Notify{WorkflowID: id}, "", done, err
}

// callBackAgain starts a closed Callback again, with everything it knew, and signals it. It returns ErrUnknown if there
// never was one, or Temporal has forgotten it.
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

// againOptions returns the options that start a closed Callback again.
func againOptions(ctx context.Context, id string, in contract.CallbackInput) client.StartWorkflowOptions {
	o := callbackOptions(ctx, id, in)
	o.WorkflowIDReusePolicy = enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
	return o
}

// ErrDelivered means that a callback has nothing undelivered.
var ErrDelivered = errors.New("nothing of it is undelivered")

// RetryCallback makes a Callback send everything undelivered at once. It starts a closed one again. It returns
// ErrDelivered if nothing is undelivered, and ErrUnknown.
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

// RetryCallbacks calls RetryCallback for up to limit running Callbacks that are late or have given up. next is the cursor
// of the next batch, empty at the end.
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

// UndeliveredQuery finds the Callbacks that need an operator's attention.
func UndeliveredQuery() string {
	return "WorkflowType = '" + contract.WorkflowCallback.Name + "' AND ExecutionStatus = 'Running' AND " +
		calls.AttributeCallAttention.GetName() + " = '" + calls.AttentionCallback + "'"
}
