package starter

import (
	"context"
	"errors"
	"fmt"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/intake"
)

// ErrConflict says that another request was made under the same referenceId before.
var ErrConflict = errors.New("another request was made under this referenceId")

// memoRequestHash is the memo by which a repeated request is told from another one under the same referenceId.
const memoRequestHash = "requestHash"

// Client is what a Starter needs of a Temporal client.
type Client interface {
	ExecuteWorkflow(ctx context.Context, o client.StartWorkflowOptions, workflow any, args ...any) (client.WorkflowRun, error)
	SignalWithStartWorkflow(ctx context.Context, id, signal string, arg any, o client.StartWorkflowOptions, workflow any, args ...any) (client.WorkflowRun, error)
	DescribeWorkflow(ctx context.Context, id, runID string) (*client.WorkflowExecutionDescription, error)
}

// Settings are what started workflows live by.
type Settings struct {
	Call     calls.CallSettings
	Outbound calls.OutboundSettings
	Masking  calls.MaskingSettings
}

// Starter starts workflows. It is safe for concurrent use, and everything it does may be repeated.
type Starter struct {
	client   Client
	settings Settings
}

// New returns a Starter.
func New(c Client, s Settings) *Starter { return &Starter{client: c, settings: s} }

// OutboundCall starts the workflow of a request, and reports whether it was new. asked and fault are what package
// intake answered: a request at fault only because its time has passed is still recognised as the repetition of an
// accepted one. Errors: fault, ErrConflict, or the Temporal client's.
func (s *Starter) OutboundCall(ctx context.Context, asked intake.Outbound, fault error) (created bool, err error) {
	req := asked.Request
	id := calls.OutboundCallWorkflowID(req.ReferenceID)
	if fault != nil {
		return false, s.repeated(ctx, id, asked.Hash, fault)
	}
	o := options(id, "Outbound call "+req.ReferenceID,
		temporal.NewSearchAttributes(calls.AttributeReferenceID.ValueSet(req.ReferenceID)))
	o.Memo = map[string]any{memoRequestHash: asked.Hash}
	in := calls.OutboundCallInput{Request: req, Settings: s.settings.Outbound}
	return s.start(ctx, o, asked.Hash, calls.TypeOutboundCall, in)
}

// Track tells the Call workflow of a key what is expected of the call, and starts it where nothing was heard of the
// call yet. closed: the call is over and takes no more signals; nobody was subscribed. Errors: the Temporal client's.
func (s *Starter) Track(ctx context.Context, callKey string, t calls.Tracking) (created, closed bool, err error) {
	o := CallOptions(callKey)
	_, err = s.client.DescribeWorkflow(ctx, o.ID, "")
	switch {
	case notFound(err):
		created = true
	case err != nil:
		return false, false, fmt.Errorf("look for call: %w", err)
	}
	in := calls.CallInput{CallKey: callKey, Settings: s.settings.Call}
	_, err = s.client.SignalWithStartWorkflow(ctx, o.ID, calls.SignalTrack, t, o, calls.TypeCall, in)
	switch {
	case alreadyStarted(err):
		return false, true, nil
	case err != nil:
		return false, false, fmt.Errorf("track call: %w", err)
	}
	return created, false, nil
}

// OpenMaskingSession starts the workflow that opens a masking session, and reports whether it was new. Errors:
// ErrConflict, or the Temporal client's.
func (s *Starter) OpenMaskingSession(ctx context.Context, asked intake.Masking) (created bool, err error) {
	ref := asked.Request.ReferenceID
	o := options(calls.OpenMaskingSessionWorkflowID(ref), "Open masking session "+ref,
		temporal.NewSearchAttributes(calls.AttributeReferenceID.ValueSet(ref)))
	o.Memo = map[string]any{memoRequestHash: asked.Hash}
	in := calls.OpenMaskingSessionInput{MaskingSessionRequest: asked.Request, Settings: s.settings.Masking}
	return s.start(ctx, o, asked.Hash, calls.TypeOpenMaskingSession, in)
}

// start starts a workflow, or finds that the same request has started it before.
func (s *Starter) start(ctx context.Context, o client.StartWorkflowOptions, hash, workflow string, in any) (bool, error) {
	_, err := s.client.ExecuteWorkflow(ctx, o, workflow, in)
	switch {
	case alreadyStarted(err):
		return false, s.same(ctx, o.ID, hash)
	case err != nil:
		return false, fmt.Errorf("start %s: %w", workflow, err)
	}
	return true, nil
}

// repeated returns nil where a request with this fault was accepted when its time had not passed, else the fault.
func (s *Starter) repeated(ctx context.Context, id, hash string, fault error) error {
	var errs *intake.Errors
	if !errors.As(fault, &errs) || !errs.OnlyTimePassed() {
		return fault
	}
	err := s.same(ctx, id, hash)
	if notFound(err) {
		return fault
	}
	return err
}

// same returns ErrConflict where the workflow was started by a request with another hash.
func (s *Starter) same(ctx context.Context, id, hash string) error {
	desc, err := s.client.DescribeWorkflow(ctx, id, "")
	if err != nil {
		return fmt.Errorf("describe workflow: %w", err)
	}
	var started string
	if err := desc.GetMemoValue(memoRequestHash, &started); err != nil {
		return fmt.Errorf("read memo of workflow: %w", err)
	}
	if started != hash {
		return ErrConflict
	}
	return nil
}

func notFound(err error) bool {
	var e *serviceerror.NotFound
	return errors.As(err, &e)
}

func alreadyStarted(err error) bool {
	var e *serviceerror.WorkflowExecutionAlreadyStarted
	return errors.As(err, &e)
}
