package workflows

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/masking"
	"github.com/aftercall/aftercall/internal/phone"
)

// shownCalls is how many calls the details of a session list, so that an operator reads them at a glance.
const shownCalls = 25

// show writes the current details for the operator.
func (m *maskingSession) show(ctx workflow.Context) { workflow.SetCurrentDetails(ctx, m.details(ctx)) }

// details returns what an operator reads: a call log of the session. Numbers are masked.
func (m *maskingSession) details(ctx workflow.Context) string {
	var b strings.Builder
	s := m.state(ctx)
	fmt.Fprintf(&b, "**%s**", s.State)
	if s.MaskingNumber != "" {
		fmt.Fprintf(&b, " · %s reaches %s, from %s", phone.Mask(s.MaskingNumber), phone.Mask(s.To), cmp.Or(phone.Mask(s.From), "anybody"))
	}
	if s.ExpiresAt != nil && s.State == calls.MaskingOpen {
		fmt.Fprintf(&b, " · until %s", s.ExpiresAt.UTC().Format("2006-01-02 15:04 MST"))
	}
	t := m.totals()
	fmt.Fprintf(&b, "\n\n%d calls: %d with both legs, %d with one, %d ambiguous; %d completed.\n", t.Calls, t.Paired, t.Partial, t.Ambiguous, t.Completed)
	if len(s.Calls) > 0 {
		b.WriteString("\n| began | from | to | outcome | legs |\n|---|---|---|---|---|\n")
	}
	for i := len(s.Calls) - 1; i >= max(len(s.Calls)-shownCalls, 0); i-- {
		b.WriteString(callRow(s.Calls[i]))
	}
	if left := t.Calls - min(len(s.Calls), shownCalls); left > 0 {
		fmt.Fprintf(&b, "\n%d earlier calls are not listed; each has its own workflow, `call:…`.\n", left)
	}
	if t.Ambiguous > 0 {
		b.WriteString("\n**Ambiguous**: more than one leg fits, so none was chosen. Compare with the provider's console.\n")
	}
	if slices.ContainsFunc(s.Calls, func(c calls.MaskedCall) bool { return len(c.Recordings) > 0 }) {
		b.WriteString("\nEach recording has its own workflow, `recording:…`, which shows its state.\n")
	}
	if n := len(s.Recordings); n > 0 {
		fmt.Fprintf(&b, "\n%d recordings belong to the session but to no leg: `recording:%s:…`.\n", n, calls.SessionCallKey(m.in.Key()))
	}
	if m.carry.Alarm {
		b.WriteString("\n**Recordings**: one was lost or refused, or they could not be listed. The provider's console may still have them.\n")
	}
	switch {
	case m.carry.Closing:
		b.WriteString("\nThe provider is being asked to deactivate the mask.\n")
	case m.closing.err != nil:
		b.WriteString("\nThe provider refused to deactivate the mask. Run update `close` again, or deactivate it in the console.\n")
	case s.State == calls.MaskingOpen:
		b.WriteString("\nUpdate `close` deactivates the mask.\n")
	}
	for _, n := range s.Notified {
		fmt.Fprintf(&b, "\n- %s: %s", quotedID(n.WorkflowID, phone.NewSet(s.From, s.To, s.MaskingNumber)), n.Result)
	}
	return b.String()
}

// callRow returns a row of the call log. It has few columns, because the UI gives it half a page.
func callRow(c calls.MaskedCall) string {
	var from, to, began string
	if c.Inbound != nil {
		from = phone.Mask(c.Inbound.From)
	}
	if c.Outbound != nil {
		to = phone.Mask(c.Outbound.To)
	}
	if at := masking.Began(c); at != nil {
		began = at.UTC().Format("01-02 15:04:05")
	}
	outcome := "under way"
	if o := c.Outcome; o != nil {
		outcome = string(o.Status)
		if o.DurationSeconds > 0 {
			outcome += fmt.Sprintf(", %d s", o.DurationSeconds)
		}
	}
	if len(c.Recordings) > 0 {
		outcome += ", recorded"
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s |\n", began, from, to, outcome, legsWord(c))
}

func legsWord(c calls.MaskedCall) string {
	switch {
	case c.Pairing == calls.PairingPaired:
		return "both"
	case c.Pairing == calls.PairingAmbiguous:
		return "ambiguous"
	case c.Inbound != nil:
		return "inbound only"
	default:
		return "outbound only"
	}
}
