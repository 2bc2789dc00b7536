package workflows

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/callstate"
	"github.com/aftercall/aftercall/internal/outbound"
	"github.com/aftercall/aftercall/internal/phone"
	"github.com/aftercall/aftercall/internal/wording"
)

// outboundAttributes are the search attributes of an OutboundCall workflow, as they were last written.
type outboundAttributes struct {
	status, callID, attention string
	attempt                   int
}

// fresh reports whether the only news is that the first attempt is queued: the other attributes were written when the
// workflow was started.
func (a outboundAttributes) fresh() bool { return a == outboundAttributes{attempt: min(a.attempt, 1)} }

// show writes search attributes and current details for the operator.
func (o *outboundCall) show() {
	o.changed = false
	s := o.state()
	workflow.SetCurrentDetails(o.ctx, o.details(s))
	a := outboundAttributes{status: string(outboundStatus(s)), attempt: len(s.Attempts)}
	if len(s.Attention) > 0 {
		a.attention = s.Attention[0]
	}
	for _, attempt := range s.Attempts {
		if attempt.CallID != "" {
			a.callID = calls.Key(callstate.HiddenID(attempt.CallID, phone.Set{}))
		}
	}
	if a == o.attributes || o.edition >= 1 && a.fresh() && o.attributes.fresh() {
		return
	}
	updates := []temporal.SearchAttributeUpdate{
		calls.AttributeReferenceID.ValueSet(s.ReferenceID), calls.AttributeCallAttempt.ValueSet(int64(a.attempt)),
	}
	for _, set := range []struct {
		value, before string
		key           temporal.SearchAttributeKeyKeyword
	}{
		{a.status, o.attributes.status, calls.AttributeCallStatus}, {a.callID, o.attributes.callID, calls.AttributeCallID},
		{a.attention, o.attributes.attention, calls.AttributeCallAttention},
	} {
		switch {
		case set.value != "":
			updates = append(updates, set.key.ValueSet(set.value))
		case set.before != "":
			updates = append(updates, set.key.ValueUnset())
		}
	}
	if !writeAttributes(o.ctx, updates...) {
		return
	}
	o.attributes = a
}

// outboundStatus returns the outcome's status, or else the status of the last attempt's call.
func outboundStatus(s calls.OutboundCallState) calls.Status {
	switch {
	case s.Outcome != nil:
		return s.Outcome.Status
	case len(s.Attempts) > 0:
		return s.Attempts[len(s.Attempts)-1].Status
	}
	return ""
}

// details returns what an operator reads: what happened, what the request waits for and what can be done. Numbers are
// masked.
func (o *outboundCall) details(s calls.OutboundCallState) string {
	var b strings.Builder
	r := o.in.Request
	numbers := phone.NewSet(r.To, r.CallerID, r.SecondaryCallerID)
	if s.Outcome == nil {
		fmt.Fprintf(&b, "The call to %s **%s** (state %s)", phone.Mask(r.To), outbound.Phase(s), s.State)
	} else {
		fmt.Fprintf(&b, "The request has ended: outcome **%s** (revision %d, call to %s)", s.Outcome.Status, s.Revision, phone.Mask(r.To))
		if s.Outcome.Status == calls.StatusRefused {
			fmt.Fprintf(&b, " by rule `%s`", s.Outcome.Rule)
		}
		if s.Outcome.FailureReason != "" {
			fmt.Fprintf(&b, ": %s", quoted(s.Outcome.FailureReason, numbers))
		}
	}
	b.WriteString(".\n")
	if s.Waiting != "" && s.Outcome == nil {
		fmt.Fprintf(&b, "\nWaiting for %s.\n", s.Waiting)
	} else if s.Waiting != "" {
		fmt.Fprintf(&b, "\nThis workflow stays open and waits for %s.\n", s.Waiting)
	}
	if len(s.Attempts) > 0 {
		b.WriteString("\n| attempt | from | call | placement | status | remark |\n|---|---|---|---|---|---|\n")
		for _, a := range s.Attempts {
			fmt.Fprintf(&b, "| %d | %s | %s | %s | %s | %s |\n", a.Attempt, phone.Mask(a.CallerID), callLink(a),
				a.Placement, attemptStatus(a), attemptRemark(a, numbers))
		}
	}
	if s.StopReason != "" {
		fmt.Fprintf(&b, "\nNo further attempts: %s.\n", quoted(s.StopReason, numbers))
	}
	if s.Refused > 0 {
		fmt.Fprintf(&b, "\nIgnored %d messages about calls that fit no attempt.\n", s.Refused)
	}
	b.WriteString(advice(s))
	for _, n := range s.Notified {
		fmt.Fprintf(&b, "\n- %s, revision %d: %s", quotedID(n.WorkflowID, numbers), n.Revision, n.Result)
	}
	return b.String()
}

func callLink(a calls.Attempt) string {
	if a.CallID == "" {
		return ""
	}
	return wording.Code(calls.CallWorkflowID(calls.Key(callstate.HiddenID(a.CallID, phone.Set{}))))
}

func attemptStatus(a calls.Attempt) string {
	s := string(a.Status)
	if a.Source != "" {
		s += " by " + string(a.Source)
	}
	switch {
	case a.Verified == nil:
		return s
	case *a.Verified:
		return s + ", verified"
	}
	return s + ", not verified"
}

func attemptRemark(a calls.Attempt, numbers phone.Set) string {
	remark := strings.Trim(a.Reason+"; "+a.FailureReason, "; ")
	if a.Posts > 1 {
		remark += fmt.Sprintf(" (queued %d times)", a.Posts)
	}
	if a.Rule != "" {
		remark += " (rule: " + a.Rule + ")"
	}
	return quoted(remark, numbers)
}

// advice returns what an operator can do.
func advice(s calls.OutboundCallState) string {
	var b strings.Builder
	for _, attention := range s.Attention {
		switch attention {
		case calls.AttentionUnknownPlacement:
			b.WriteString("\n**Unknown placement**: look for the attempt's referenceId in the provider's console. " +
				"Update `retry-now` with `force` dials again and risks a second call.\n")
		case calls.AttentionClockSkew:
			b.WriteString("\n**Clock**: the clock of the worker that dialled is wrong. Deadlines and calling hours still hold, by Temporal's clock.\n")
		case calls.AttentionProviderRefuses:
			b.WriteString("\n**The provider refuses**: it accepts no call until a setting is corrected; the attempt says which. " +
				"Aftercall retries by itself, at least every 10 minutes until the deadline.\n")
		case calls.AttentionConflict:
			b.WriteString("\n**Conflict**: the provider gives contradictory answers about a call. Compare with its console.\n")
		case calls.AttentionGaveUp:
			b.WriteString("\n**Gave up**: the provider did not confirm how a call ended. Compare with its console.\n")
		}
	}
	if last := len(s.Attempts); s.Outcome != nil && !s.Outcome.Status.Human() && last > 0 && s.Waiting != "" {
		fmt.Fprintf(&b, "\n**What can be done**: while this workflow runs, update `retry-now` with `{\"attempt\": %d, \"reason\": \"…\"}` dials once more; "+
			"so does `aftercall call retry %s --attempt %d --reason …`. Once it is closed, send a new request with another referenceId.\n", last, s.ReferenceID, last)
	}
	if s.Outcome == nil {
		b.WriteString("\nUpdate `stop-retrying` prevents further attempts.\n")
	}
	return b.String()
}
