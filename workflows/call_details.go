package workflows

import (
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/callstate"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/phone"
	"github.com/aftercall/aftercall/internal/wording"
)

// show writes search attributes and current details for the operator.
func (c *call) show(ctx workflow.Context) {
	c.shown = c.state.Revision
	workflow.SetCurrentDetails(ctx, c.details())
	a := callstate.Attributes(c.state)
	if ref := callstate.AttributeReference(c.state); a.ReferenceID != ref && !c.edition.since(ctx, changeRequestReference) {
		a.ReferenceID = ref
	}
	if a == c.attributes || c.onlyParties(ctx, a) || !writeAttributes(ctx, a.Updates(c.state.CallKey, c.attributes)...) {
		return
	}
	c.attributes = a
}

// onlyParties reports whether only the parties are new, in a run that began when that was no reason to write. The next
// write includes them; it is rare that they alone are new.
func (c *call) onlyParties(ctx workflow.Context, a contract.CallAttributes) bool {
	a.Parties = c.attributes.Parties
	return a == c.attributes && !since(ctx, changePartiesAlone)
}

// details returns what an operator reads: what happened, what the call waits for and what can be done. Numbers are masked.
func (c *call) details() string {
	var b strings.Builder
	s, numbers := c.state, callstate.Numbers(c.state)
	if s.Outcome == nil {
		fmt.Fprintf(&b, "**%s**, no outcome yet. Waiting for a notification; ", callstate.StatusOf(s))
		if c.lookupID() == "" {
			b.WriteString("the call log cannot be asked: the call's id is unknown.\n")
		} else {
			fmt.Fprintf(&b, "the call log is asked after %s of silence, and the wait ends after %s of silence.\n",
				wording.Duration(c.in.Settings.ReconcileAfter), wording.Duration(c.in.Settings.MaxAge))
		}
	} else {
		o := *s.Outcome
		fmt.Fprintf(&b, "The call has ended: **%s**", o.Status)
		if o.DurationSeconds > 0 {
			fmt.Fprintf(&b, " after %d s", o.DurationSeconds)
		}
		fmt.Fprintf(&b, ", by %s", o.Source)
		if o.FailureReason != "" {
			fmt.Fprintf(&b, ": %s", quoted(o.FailureReason, numbers))
		}
		fmt.Fprintf(&b, ". This workflow stays open for late notifications until %s.\n", c.quietSince.Add(c.in.Settings.Grace).UTC().Format("2006-01-02 15:04:05 MST"))
	}
	if len(s.Legs) > 0 {
		b.WriteString("\n| leg | from | to | status | seconds |\n|---|---|---|---|---|\n")
		for _, l := range s.Legs[:min(len(s.Legs), shownLegs)] {
			fmt.Fprintf(&b, "| %s %s | %s | %s | %s%s | %s |\n", quoted(strings.ToLower(l.Direction), numbers), quotedSID(l.CallSID, numbers),
				phone.Mask(l.From), phone.Mask(l.To), l.Status, legRemark(l, numbers), seconds(l.DurationSeconds))
		}
		if more := len(s.Legs) - shownLegs; more > 0 {
			fmt.Fprintf(&b, "\n%d more legs are not listed.\n", more)
		}
	}
	b.WriteString(recordingsTable(s, c.in.Recorded, numbers))
	if slices.Contains(s.Attention, calls.AttentionConflict) {
		b.WriteString("\n**Conflict**: the provider reported two endings of one leg. Compare with its console.\n")
	}
	if slices.Contains(s.Attention, calls.AttentionGaveUp) {
		b.WriteString("\n**Gave up**: no final status arrived in time. A later notification is still applied.\n")
	}
	for _, n := range s.Notified {
		fmt.Fprintf(&b, "\n- %s: %s", quotedID(n.WorkflowID, numbers), n.Result)
	}
	return b.String()
}

// recordingsTable lists the recordings, each with the full id of its workflow, which shows its state. told holds those that
// were in danger or lost.
func recordingsTable(s calls.CallState, told []calls.Recording, numbers phone.Set) string {
	if len(s.Recordings) == 0 && len(told) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nRecordings, each in its own workflow; `CallId = \"%s\"` lists them with their state (`RecordingStatus`). The state below tells only danger and loss:\n\n"+
		"| leg | workflow | state | tried until |\n|---|---|---|---|\n", s.CallKey)
	all := slices.Clone(s.Recordings)
	for _, r := range told {
		if i := slices.IndexFunc(all, func(known calls.Recording) bool { return known.LegHash == r.LegHash }); i >= 0 {
			all[i] = r
		} else {
			all = append(all, r)
		}
	}
	for _, r := range all[:min(len(all), shownLegs)] {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", quotedSID(r.Leg, numbers), wording.Code(calls.RecordingWorkflowIDOfHash(s.CallKey, r.LegHash)),
			recordingState(r), r.Deadline.UTC().Format("2006-01-02 15:04:05Z"))
	}
	return b.String()
}

// recordingState returns the state of a recording, as far as the call knows it.
func recordingState(r calls.Recording) string {
	switch {
	case r.Status != calls.RecordingPending:
		return "**" + string(r.Status) + "**"
	case r.Alarm && r.Reason != "":
		return "**in danger**: " + r.Reason
	case r.Alarm:
		return "**in danger**"
	default:
		return "no problem reported"
	}
}

// shownLegs is how many legs the details list, so that an operator reads them at a glance.
const shownLegs = 50

func legRemark(l calls.Leg, numbers phone.Set) string {
	switch {
	case l.Provisional:
		return " (the provider may fail over)"
	case l.Conflict:
		return " (conflict)"
	case l.Status == calls.StatusUnknown && l.RawStatus != "":
		return " (" + quoted(l.RawStatus, numbers) + ")"
	default:
		return ""
	}
}

func seconds(n *int) string {
	if n == nil {
		return ""
	}
	return fmt.Sprint(*n)
}
