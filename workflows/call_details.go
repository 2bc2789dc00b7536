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

// onlyParties reports whether nothing but the parties is new, and the run began when that was no reason to write. Parties
// go out with what is written anyway; that they alone are new is rare.
func (c *call) onlyParties(ctx workflow.Context, a contract.CallAttributes) bool {
	a.Parties = c.attributes.Parties
	return a == c.attributes && !since(ctx, changePartiesAlone)
}

// details tells an operator what happened, what is awaited and what can be done. Numbers are masked.
func (c *call) details() string {
	var b strings.Builder
	s, numbers := c.state, callstate.Numbers(c.state)
	if s.Outcome == nil {
		fmt.Fprintf(&b, "**%s**, no outcome yet. Waiting for a notification; ", callstate.StatusOf(s))
		if c.lookupID() == "" {
			b.WriteString("the call log cannot be asked: its id is not known.\n")
		} else {
			fmt.Fprintf(&b, "the call log is asked after %s of silence, and %s of silence end the wait.\n",
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
		fmt.Fprintf(&b, ". This workflow runs on for late notifications, until %s.\n", c.quietSince.Add(c.in.Settings.Grace).UTC().Format("2006-01-02 15:04:05 MST"))
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
		b.WriteString("\n**Conflict**: the provider named two endings of one leg. Compare with its console.\n")
	}
	if slices.Contains(s.Attention, calls.AttentionGaveUp) {
		b.WriteString("\n**Gave up**: nobody told the ending in time. A later notification is applied all the same.\n")
	}
	for _, n := range s.Notified {
		fmt.Fprintf(&b, "\n- %s: %s", quotedID(n.WorkflowID, numbers), n.Result)
	}
	return b.String()
}

// recordingsTable lists the recordings, each with the whole id of its workflow, which says what becomes of it. told are
// those that were in danger or lost.
func recordingsTable(s calls.CallState, told []calls.Recording, numbers phone.Set) string {
	if len(s.Recordings) == 0 && len(told) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nRecordings, each in a workflow of its own; `CallId = \"%s\"` lists them with their state (`RecordingStatus`). One that is in danger or lost says so here:\n\n"+
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

// recordingState is how a recording stands, as far as the call was told.
func recordingState(r calls.Recording) string {
	switch {
	case r.Status != calls.RecordingPending:
		return "**" + string(r.Status) + "**"
	case r.Alarm && r.Reason != "":
		return "**in danger**: " + r.Reason
	case r.Alarm:
		return "**in danger**"
	default:
		return "no trouble told"
	}
}

// shownLegs is how many legs the details list: what an operator reads at a glance.
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
