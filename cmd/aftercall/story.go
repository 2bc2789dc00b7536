package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/callstate"
	"github.com/aftercall/aftercall/internal/outbound"
	"github.com/aftercall/aftercall/internal/phone"
)

// shownID returns the provider's identifier for a table, which shows no phone number.
func shownID(id string) string {
	if phone.Telling(id) {
		return phone.Redact(id)
	}
	return id
}

// story prints an outbound call request, attempt by attempt.
func (c *cli) story(s calls.OutboundCallState) {
	rows := make([]table.Row, len(s.Attempts))
	for i, a := range s.Attempts {
		duration := ""
		if a.DurationSeconds > 0 {
			duration = strconv.Itoa(a.DurationSeconds) + " s"
		}
		rows[i] = table.Row{
			a.Attempt, mask(a.CallerID), c.status(string(a.Placement)), c.status(string(a.Status)), duration,
			join(words(a.FailureReason), verified(a.Verified), wordIf(a.Conflict, "conflict")), string(a.Source), shownID(a.CallID),
		}
	}
	title := "Outbound call " + s.ReferenceID + " · " + c.status(string(s.State))
	if s.Outcome == nil {
		title += ": " + outbound.Phase(s)
	}
	c.table(title, table.Row{"#", "From", "Placed", "Status", "Lasted", "Why", "Known by", "Call"}, rows)
	if o := s.Outcome; o != nil {
		line := "Outcome: " + c.status(string(o.Status))
		if o.Attempt > 0 {
			line += fmt.Sprintf(" at attempt %d", o.Attempt)
		}
		if o.Status == calls.StatusRefused {
			line += " by rule " + o.Rule
		}
		c.println(line + details(o.Outcome))
	} else if s.Waiting != "" {
		c.println("Waiting for " + words(s.Waiting))
	}
	c.attention(s.Attention)
}

func verified(v *bool) string {
	switch {
	case v == nil:
		return ""
	case *v:
		return "call log confirms"
	default:
		return "call log does not confirm"
	}
}

// call prints a call with its legs and recordings.
func (c *cli) call(s calls.CallState) {
	ending := "under way"
	if s.Outcome != nil {
		ending = c.status(string(s.Outcome.Status))
	}
	numbers := callstate.Numbers(s)
	rows := make([]table.Row, len(s.Legs))
	for i, l := range s.Legs {
		l.CallSID = callstate.HiddenID(l.CallSID, numbers)
		rows[i] = legRow(c, l)
	}
	c.table("Call "+s.CallKey+" · "+ending, legHeader(), rows)
	if s.Outcome != nil {
		c.println("Outcome: " + ending + details(*s.Outcome))
	}
	if len(s.Recordings) > 0 {
		c.recordings(s.Recordings)
	}
	if len(s.Notified) > 0 {
		told := make([]table.Row, len(s.Notified))
		for i, n := range s.Notified {
			told[i] = table.Row{callstate.Hidden(n.WorkflowID, numbers), n.Revision, n.Result, clock(&n.At)}
		}
		c.table("Told", table.Row{"Workflow", "Revision", "Result", "At"}, told)
	}
	c.attention(s.Attention)
}

func legHeader() table.Row {
	return table.Row{"Leg", "Direction", "From", "To", "Status", "Lasted", "Began", "Ended", "Why"}
}

func legRow(c *cli, l calls.Leg) table.Row {
	status := c.status(string(l.Status))
	if l.Status == calls.StatusUnknown {
		status += " (" + words(l.RawStatus) + ")"
	}
	return table.Row{
		l.CallSID, words(strings.ToLower(l.Direction)), mask(l.From), mask(l.To), status, seconds(l.DurationSeconds), clock(l.InitiatedAt),
		clock(l.CompletedAt), join(words(l.FailureReason), wordIf(l.Conflict, "conflict"), wordIf(l.Provisional, "may still fail over")),
	}
}

func (c *cli) recordings(list []calls.Recording) {
	rows := make([]table.Row, len(list))
	for i, r := range list {
		size := ""
		if r.SizeBytes > 0 {
			size = strconv.FormatInt((r.SizeBytes+1023)/1024, 10) + " KiB"
		}
		leg := r.Leg
		if leg == "" || phone.Telling(leg) {
			leg = r.LegHash // --leg accepts it too
		}
		dies := ""
		if r.Status == calls.RecordingPending {
			dies = clock(&r.Deadline)
		}
		rows[i] = table.Row{
			leg, c.status(string(r.Status)), size, r.ContentType, clock(r.StoredAt), dies,
			join(wordIf(r.Alarm, "ALARM"), words(r.Reason), words(r.Advice)),
		}
	}
	c.table("Recordings", table.Row{"Leg", "Status", "Size", "Type", "Stored", "URL expires", "Note"}, rows)
}

func details(o calls.Outcome) string {
	lasted := ""
	if o.DurationSeconds > 0 {
		lasted = strconv.Itoa(o.DurationSeconds) + " s"
	}
	rest := join(lasted, words(o.FailureReason), known(o.Source), wordIf(o.Conflict, "conflict"), wordIf(o.Partial, "partial"),
		fmt.Sprintf("revision %d", o.Revision))
	return " · " + rest
}

func known(s calls.Source) string {
	if s == "" {
		return ""
	}
	return "known by " + string(s)
}

func (c *cli) attention(list []string) {
	if len(list) > 0 {
		c.println("Attention: " + strings.Join(list, ", "))
	}
}
