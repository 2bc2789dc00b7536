package handlers

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/intake"
)

// Page sizes.
const (
	defaultItems = 50
	mostItems    = 200
)

// List is a page of a list. NextCursor is the parameter cursor of the next page, absent on the last one.
type List[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"nextCursor,omitempty"`
}

// ListedCall is a call in a list.
type ListedCall struct {
	CallKey     string       `json:"callKey"`
	WorkflowID  string       `json:"workflowId"`
	Status      calls.Status `json:"status,omitempty"` // of the outcome, else the latest of all legs; absent while nothing is heard of it
	ReferenceID string       `json:"referenceId,omitempty"`
	MaskID      string       `json:"maskId,omitempty"`
	Attention   []string     `json:"attention,omitempty"`
	Running     bool         `json:"running"`
	StartedAt   time.Time    `json:"startedAt"`
	ClosedAt    *time.Time   `json:"closedAt,omitempty"`
}

// ListedOutboundCall is an outbound call request in a list.
type ListedOutboundCall struct {
	ReferenceID string       `json:"referenceId"`
	WorkflowID  string       `json:"workflowId"`
	Status      calls.Status `json:"status,omitempty"` // of the outcome, else of the last attempt
	Attempts    int          `json:"attempts"`
	CallKey     string       `json:"callKey,omitempty"` // of the last attempt
	Attention   []string     `json:"attention,omitempty"`
	Running     bool         `json:"running"`
	StartedAt   time.Time    `json:"startedAt"`
	ClosedAt    *time.Time   `json:"closedAt,omitempty"`
}

// ListedMaskingSession is a masking session in a list.
type ListedMaskingSession struct {
	MaskID      string             `json:"maskId"`
	WorkflowID  string             `json:"workflowId"`
	State       calls.MaskingState `json:"state"`
	ReferenceID string             `json:"referenceId,omitempty"`
	Attention   []string           `json:"attention,omitempty"`
	StartedAt   time.Time          `json:"startedAt"`
	ClosedAt    *time.Time         `json:"closedAt,omitempty"`
}

var (
	legStatuses = []string{
		string(calls.StatusQueued), string(calls.StatusInitiated), string(calls.StatusRinging), string(calls.StatusAnswered),
		string(calls.StatusCompleted), string(calls.StatusCompletedWithFailure), string(calls.StatusBusy), string(calls.StatusNoAnswer),
		string(calls.StatusRejected), string(calls.StatusCancelled), string(calls.StatusFailed), string(calls.StatusUnknown),
	}
	requestStatuses = append(slices.Clone(legStatuses), string(calls.StatusNotPlaced), string(calls.StatusStopped), string(calls.StatusDeadline), "REFUSED")
	sessionStates   = []string{string(calls.MaskingOpen), string(calls.MaskingClosed)}
	attentions      = []string{
		calls.AttentionUnknownPlacement, calls.AttentionRecordingAlarm, calls.AttentionConflict, calls.AttentionGaveUp,
		calls.AttentionRecordingMissing, calls.AttentionUnknownStatus, calls.AttentionNumberMismatch, calls.AttentionClockSkew,
		calls.AttentionProviderRefuses, calls.AttentionCallback,
	}
)

// CallStatuses are the values of the filter status of calls.
func CallStatuses() []string { return slices.Clone(legStatuses) }

// OutboundStatuses are the values of the filter status of outbound call requests.
func OutboundStatuses() []string { return slices.Clone(requestStatuses) }

// SessionStates are the values of the filter status of masking sessions.
func SessionStates() []string { return slices.Clone(sessionStates) }

// Attentions are the values of the filter attention.
func Attentions() []string { return slices.Clone(attentions) }

// listCalls answers with a page of calls. A recording's danger or loss is an attention of its own workflow, often after the
// call's has closed. A filter by such an attention returns the calls of those recordings.
func (a *api) listCalls(c *gin.Context) {
	list(c, a, contract.WorkflowCall.Name, legStatuses, func(l desk.Listed) ListedCall {
		if l.Recording != "" {
			l.WorkflowID = calls.CallWorkflowID(l.CallKey)
		}
		if l.Running && l.Status == string(calls.StatusUnknown) && l.Attention == "" { // of an outcome it has an attention
			l.Status = "" // nothing is heard of it yet
		}
		return ListedCall{
			CallKey: calls.CallKeyOf(l.WorkflowID), WorkflowID: l.WorkflowID, Status: calls.Status(l.Status), ReferenceID: l.ReferenceID,
			MaskID: l.MaskID, Attention: one(l.Attention), Running: l.Running, StartedAt: l.StartedAt, ClosedAt: l.ClosedAt,
		}
	})
}

func (a *api) listOutboundCalls(c *gin.Context) {
	list(c, a, contract.WorkflowOutboundCall.Name, requestStatuses, func(l desk.Listed) ListedOutboundCall {
		return ListedOutboundCall{
			ReferenceID: l.ReferenceID, WorkflowID: l.WorkflowID, Status: calls.Status(l.Status), Attempts: l.Attempt, CallKey: l.CallKey,
			Attention: one(l.Attention), Running: l.Running, StartedAt: l.StartedAt, ClosedAt: l.ClosedAt,
		}
	})
}

func (a *api) listMaskingSessions(c *gin.Context) {
	list(c, a, contract.WorkflowMaskingSession.Name, sessionStates, func(l desk.Listed) ListedMaskingSession {
		state := calls.MaskingOpen
		if !l.Running {
			state = calls.MaskingClosed
		}
		return ListedMaskingSession{
			MaskID: l.MaskID, WorkflowID: l.WorkflowID, State: state, ReferenceID: l.ReferenceID, Attention: one(l.Attention),
			StartedAt: l.StartedAt, ClosedAt: l.ClosedAt,
		}
	})
}

// ofRecordings reports whether an attention is one that a recording raises.
func ofRecordings(attention string) bool {
	return attention == calls.AttentionRecordingAlarm || attention == calls.AttentionRecordingMissing
}

func one(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// list answers with a page of workflows of a type.
func list[T any](c *gin.Context, a *api, workflowType string, statuses []string, item func(desk.Listed) T) {
	f, err := filter(c, statuses)
	if err == nil {
		extend(c.Writer, listTimeout)
		if workflowType == contract.WorkflowCall.Name && slices.ContainsFunc(f.Attention, ofRecordings) {
			f.Also = contract.WorkflowRecording.Name
		}
		var page desk.Page
		if page, err = a.Desk.List(c.Request.Context(), workflowType, f); err == nil {
			answer := List[T]{Items: make([]T, len(page.Items)), NextCursor: page.Next}
			for i, l := range page.Items {
				answer.Items[i] = item(l)
			}
			c.JSON(http.StatusOK, answer)
			return
		}
	}
	if errors.Is(err, desk.ErrCursor) {
		err = &intake.Errors{Fields: []intake.FieldError{{Field: "cursor", Message: "must be the nextCursor of the previous page"}}}
	}
	a.failed(c, err)
}

// listTimeout extends the usual write timeout: an answer may have to count many pages of visibility.
const listTimeout = 20 * time.Second

// filter reads the query parameters of a list. It returns all invalid ones.
func filter(c *gin.Context, statuses []string) (desk.Filter, error) {
	p := parameters{values: c.Request.URL.Query()}
	p.only("status", "attention", "referenceId", "since", "until", "limit", "cursor")
	f := desk.Filter{
		Attention: p.oneOf("attention", attentions), Since: p.time("since"), Until: p.time("until"),
		Limit: p.number("limit", defaultItems, mostItems), Cursor: p.text("cursor"),
	}
	if slices.Contains(statuses, string(calls.MaskingOpen)) { // a session has no status but running
		if states := p.oneOf("status", statuses); len(states) == 1 {
			f.Running = new(states[0] == string(calls.MaskingOpen))
		}
	} else {
		f.Statuses = p.oneOf("status", statuses)
	}
	if ref := p.text("referenceId"); ref != "" {
		f.References = references(ref)
	}
	return f, p.err()
}

// references returns the values of the search attribute ReferenceId that stand for a referenceId: the id itself, its hash
// if it may hold a phone number, and the ids of its attempts for older calls, which did not have the request's own.
func references(ref string) []string {
	found := []string{calls.Key(ref)}
	if calls.Key(ref) == ref {
		found = append(found, calls.HashedKey(ref))
	}
	for n := 1; n <= mostAttempts; n++ {
		found = append(found, calls.Key(calls.AttemptReferenceID(ref, n)))
	}
	return found
}

// mostAttempts is the most attempts of a request.
const mostAttempts = 10

// parameters holds the parameters of a query, and the errors found in them.
type parameters struct {
	values map[string][]string
	errs   []intake.FieldError
}

func (p *parameters) wrong(name, message string) {
	p.errs = append(p.errs, intake.FieldError{Field: name, Message: message})
}

func (p *parameters) err() error {
	if len(p.errs) == 0 {
		return nil
	}
	slices.SortStableFunc(p.errs, func(a, b intake.FieldError) int { return strings.Compare(a.Field, b.Field) })
	return &intake.Errors{Fields: p.errs}
}

// only notes an error for each parameter that the route does not know.
func (p *parameters) only(names ...string) {
	for name := range p.values {
		if !slices.Contains(names, name) {
			p.wrong(name[:min(len(name), 40)], "is no filter of this list; its filters are "+strings.Join(names, ", "))
		}
	}
}

func (p *parameters) text(name string) string {
	switch given := p.values[name]; {
	case len(given) > 1:
		p.wrong(name, "must be given once")
	case len(given) == 1 && given[0] == "":
		p.wrong(name, "must not be empty; omit it instead")
	case len(given) == 1:
		return given[0]
	}
	return ""
}

// oneOf reads values that are separated by commas.
func (p *parameters) oneOf(name string, known []string) (values []string) {
	text := p.text(name)
	if text == "" {
		return nil
	}
	for value := range strings.SplitSeq(text, ",") {
		if !slices.Contains(known, value) {
			p.wrong(name, "must be one of "+strings.Join(known, ", ")+", or several of them by comma")
			return nil
		}
		values = append(values, value)
	}
	return values
}

func (p *parameters) time(name string) time.Time {
	text := p.text(name)
	if text == "" {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		p.wrong(name, `must be an RFC 3339 time like "2026-01-31T09:00:00Z"`)
	}
	return at
}

func (p *parameters) number(name string, def, most int) int {
	text := p.text(name)
	if text == "" {
		return def
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		p.wrong(name, "must be a whole number from 1 to "+strconv.Itoa(most))
	}
	return n
}
