package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/callstate"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/phone"
	"github.com/aftercall/aftercall/internal/wording"
)

const (
	minOpenWait = 5 * time.Second // between two requests for a mask, or two looks for one; doubles
	maxOpenWait = time.Minute
	clockSkew   = time.Minute // by how much the provider's clock and ours may differ
)

// OpenMaskingSessionWorkflow opens a masking session at most once. It repeats the request for a mask only while none can
// exist. If one may exist, it looks in the provider's list of masks and never sends a second request. It returns the
// session's first state.
//
// Errors: temporal.ApplicationError of type calls.ErrTypeMaskNotOpened or calls.ErrTypeMaskUnknown, which says what to
// check.
func OpenMaskingSessionWorkflow(ctx workflow.Context, in contract.OpenMaskingSessionInput) (calls.MaskingSessionState, error) {
	in.Settings = in.Settings.WithDefaults()
	o := &maskOpening{in: in, state: calls.MaskingSessionState{
		State: calls.MaskingClosed, From: in.From, To: in.To, ReferenceID: in.ReferenceID, Calls: []calls.MaskedCall{},
	}}
	if err := contract.QueryMaskingSession.Answer(ctx, func() calls.MaskingSessionState { return o.state }); err != nil {
		return o.state, err
	}
	o.show(ctx, "The provider is being asked for a mask.")
	mask, err := o.create(ctx)
	if err != nil {
		return o.state, err
	}
	return o.start(ctx, mask)
}

// maskOpening is a run of OpenMaskingSessionWorkflow.
type maskOpening struct {
	in      contract.OpenMaskingSessionInput
	state   calls.MaskingSessionState
	askedAt time.Time
}

// create asks for a mask until there is one, or until the provider refuses for good.
func (o *maskOpening) create(ctx workflow.Context) (contract.FoundMask, error) {
	// Cancelling in mid-request would leave its result unknown, so the context survives a cancellation.
	asking, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	deadline := workflow.Now(ctx).Add(o.in.Settings.OpenWithin)
	for wait := minOpenWait; ; wait = min(2*wait, maxOpenWait) {
		o.askedAt = workflow.Now(ctx).UTC()
		res := createMask(asking, contract.CreateMaskInput{
			OriginalRunID: workflow.GetInfo(ctx).OriginalRunID, From: o.in.From, To: o.in.To,
		}, o.in.Settings.ProviderTimeout)
		switch res.Verdict {
		case contract.MaskCreated:
			return contract.FoundMask{MaskID: res.MaskID, MaskingNumber: res.MaskingNumber}, nil
		case contract.MaskRefused:
			return contract.FoundMask{}, o.notOpened(ctx, res.Message)
		case contract.MaskNotCreated:
			pause := max(wait, res.RetryAfter)
			if workflow.Now(ctx).Add(pause).After(deadline) {
				return contract.FoundMask{}, o.notOpened(ctx, res.Message)
			}
			o.show(ctx, "The provider made no mask ("+o.quoted(res.Message)+"). The next request follows after "+wording.Duration(pause)+".")
			if err := workflow.Sleep(ctx, pause); err != nil {
				return contract.FoundMask{}, err
			}
		default:
			return o.find(asking, res.Message)
		}
	}
}

// find looks in the list of masks whether one was created.
func (o *maskOpening) find(ctx workflow.Context, why string) (contract.FoundMask, error) {
	o.show(ctx, "A mask may have been created ("+o.quoted(why)+"). Aftercall looks for it in the provider's list and requests no other.")
	deadline := workflow.Now(ctx).Add(o.in.Settings.LookupWindow)
	fit := 0
	for wait := minOpenWait; ; wait = min(2*wait, maxOpenWait) {
		if err := workflow.Sleep(ctx, wait); err != nil {
			return contract.FoundMask{}, err
		}
		masks, err := findMask(ctx, contract.FindMaskInput{
			From: o.in.From, To: o.in.To, ReferenceID: o.in.ReferenceID,
			CreatedFrom: workflow.GetInfo(ctx).WorkflowStartTime.Add(-clockSkew).UTC(),
			CreatedTo:   workflow.Now(ctx).Add(clockSkew).UTC(),
		}, o.in.Settings.ProviderTimeout)
		if err != nil {
			workflow.GetLogger(ctx).Warn("masks were not listed", "error", err)
		}
		if fit = len(masks); fit == 1 {
			return masks[0], nil
		}
		if !workflow.Now(ctx).Before(deadline) {
			return contract.FoundMask{}, o.unknown(ctx, fit)
		}
	}
}

// start starts the session of the mask.
func (o *maskOpening) start(ctx workflow.Context, mask contract.FoundMask) (calls.MaskingSessionState, error) {
	starting, cancel := workflow.NewDisconnectedContext(ctx) // a mask without a session would be an orphan
	defer cancel()
	expires := o.askedAt.Add(calls.MaskingLifetime)
	o.state.State, o.state.MaskID, o.state.MaskingNumber, o.state.ExpiresAt = calls.MaskingOpen, mask.MaskID, mask.MaskingNumber, &expires
	o.state.WorkflowID = calls.MaskingSessionWorkflowID(mask.MaskID)
	o.state.Revision++
	writeAttributes(ctx, calls.AttributeMaskID.ValueSet(calls.Key(callstate.HiddenID(mask.MaskID, phone.Set{}))))
	o.show(ctx, "The mask exists; its session is being started: `"+o.state.WorkflowID+"`.")
	err := startMaskingSession(starting, contract.StartMaskingSessionInput{MaskID: mask.MaskID, Opened: contract.MaskOpened{
		MaskingNumber: mask.MaskingNumber, From: o.in.From, To: o.in.To, ReferenceID: o.in.ReferenceID,
		CreatedAt: o.askedAt, Notify: o.in.Notify,
	}})
	return o.state, err
}

// notOpened returns the error of a request that created no mask and never will.
func (o *maskOpening) notOpened(ctx workflow.Context, why string) error {
	o.show(ctx, "No mask was created: "+o.quoted(why))
	return temporal.NewNonRetryableApplicationError("no mask was created: "+why, calls.ErrTypeMaskNotOpened, nil)
}

// unknown returns the error of a request that may have created a mask which cannot be found, or cannot be told from others.
func (o *maskOpening) unknown(ctx workflow.Context, fit int) error {
	o.state.Attention = []string{calls.AttentionUnknownPlacement}
	o.state.Revision++
	writeAttributes(ctx, calls.AttributeCallAttention.ValueSet(calls.AttentionUnknownPlacement))
	found := "none was found in the provider's list"
	if fit > 1 {
		found = fmt.Sprintf("%d masks in the provider's list would fit", fit)
	}
	text := fmt.Sprintf("a mask may have been created at %s: %s. Look in the provider's list of masks for one between these two "+
		"parties created then, and deactivate it or go on with its id; or ask again under another referenceId",
		o.askedAt.Format(time.RFC3339), found)
	o.show(ctx, "**Unknown**: "+text+".")
	return temporal.NewNonRetryableApplicationError(text, calls.ErrTypeMaskUnknown, nil)
}

// quoted prepares the provider's words for the details.
func (o *maskOpening) quoted(text string) string {
	return quoted(text, phone.NewSet(o.in.From, o.in.To))
}

// show writes the current details for the operator.
func (o *maskOpening) show(ctx workflow.Context, text string) {
	workflow.SetCurrentDetails(ctx, text+"\n")
}
