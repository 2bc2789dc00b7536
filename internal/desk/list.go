package desk

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/temporal"

	"github.com/aftercall/aftercall/calls"
)

// ErrCursor means that List did not give out this cursor.
var ErrCursor = errors.New("no cursor of a list")

// Filter narrows a list of workflows. A zero field does not narrow it.
type Filter struct {
	Statuses   []string // any of them
	Attention  []string // any of them
	Also       string   // a further type of workflows
	References []string // any of these values of the search attribute ReferenceId
	Running    *bool
	Since      time.Time // started then or later
	Until      time.Time // started then or earlier
	Limit      int
	Cursor     string // Next of the previous page; the rest of the filter must be the same
}

// Listed is a workflow according to Temporal's visibility, which lags a moment behind.
type Listed struct {
	WorkflowID  string
	Running     bool
	CallKey     string
	ReferenceID string
	MaskID      string
	Status      string
	Recording   string // status of a Recording
	Attention   string
	Attempt     int
	StartedAt   time.Time
	ClosedAt    *time.Time

	runID string
}

// Page is a part of a list, latest start first. Next is the cursor of the next page, empty on the last one.
type Page struct {
	Items []Listed
	Next  string
}

// List lists the workflows of a type. It returns ErrCursor, ErrAway or ErrMisconfigured.
//
// Visibility orders by closing time, and not every store supports another order. So a page is found by time: List reads the
// latest range that holds enough as a whole and sorts it here.
func (d *Desk) List(ctx context.Context, workflowType string, f Filter) (Page, error) {
	last, err := parseCursor(f.Cursor)
	if err != nil {
		return Page{}, err
	}
	s := stretch{floor: f.Since, hi: time.Now().Add(futureStarts)}
	for _, bound := range []time.Time{f.Until, last.at} {
		if !bound.IsZero() && bound.Before(s.hi) {
			s.hi = bound
		}
	}
	where := f.query(workflowType)
	found, err := s.find(f.Limit, func(lo time.Time) (int64, error) { return d.count(ctx, where+between(lo, s.hi)) },
		func(lo time.Time) ([]Listed, error) { return d.read(ctx, where+between(lo, s.hi), last) })
	if err != nil || len(found) <= f.Limit {
		return Page{Items: found}, err
	}
	found = found[:f.Limit]
	return Page{Items: found, Next: found[f.Limit-1].cursor().String()}, nil
}

// futureStarts bounds how far Temporal's clock may be ahead of ours.
const futureStarts = time.Hour

// query returns the query for everything in the filter but the times.
func (f Filter) query(workflowType string) string {
	all := []string{"WorkflowType = '" + workflowType + "'"}
	if f.Also != "" {
		all[0] = "WorkflowType IN (" + quoted([]string{workflowType, f.Also}) + ")"
	}
	for _, in := range []struct {
		attribute string
		values    []string
	}{
		{calls.AttributeCallStatus.GetName(), f.Statuses}, {calls.AttributeCallAttention.GetName(), f.Attention},
		{calls.AttributeReferenceID.GetName(), f.References},
	} {
		if len(in.values) > 0 {
			all = append(all, in.attribute+" IN ("+quoted(in.values)+")")
		}
	}
	switch {
	case f.Running != nil && *f.Running:
		all = append(all, "ExecutionStatus = 'Running'")
	case f.Running != nil:
		all = append(all, "ExecutionStatus != 'Running'")
	}
	return strings.Join(all, " AND ")
}

func quoted(values []string) string {
	var list []string
	for _, v := range values {
		list = append(list, "'"+strings.ReplaceAll(v, "'", "''")+"'")
	}
	return strings.Join(list, ", ")
}

func between(lo, hi time.Time) string {
	q := " AND StartTime <= '" + hi.UTC().Format(time.RFC3339Nano) + "'"
	if !lo.IsZero() {
		q += " AND StartTime >= '" + lo.UTC().Format(time.RFC3339Nano) + "'"
	}
	return q
}

func (d *Desk) count(ctx context.Context, query string) (int64, error) {
	res, err := d.client.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: query})
	return res.GetCount(), Classify("count workflows", err)
}

// read reads all workflows that match a query and come after the cursor, in order.
func (d *Desk) read(ctx context.Context, query string, after cursor) ([]Listed, error) {
	var found []Listed
	for token := []byte(nil); ; {
		res, err := d.client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query, PageSize: mostRead, NextPageToken: token})
		if err != nil {
			return nil, Classify("list workflows", err)
		}
		for _, info := range res.GetExecutions() {
			if l := listed(info); after.at.IsZero() || order(l.cursor(), after) > 0 {
				found = append(found, l)
			}
		}
		if token = res.GetNextPageToken(); len(token) == 0 {
			slices.SortFunc(found, func(a, b Listed) int { return order(a.cursor(), b.cursor()) })
			return found, nil
		}
	}
}

func listed(info *workflowpb.WorkflowExecutionInfo) Listed {
	l := Listed{
		WorkflowID: info.GetExecution().GetWorkflowId(), runID: info.GetExecution().GetRunId(), StartedAt: info.GetStartTime().AsTime(),
		Running: info.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING,
	}
	if at := info.GetCloseTime(); at != nil {
		l.ClosedAt = new(at.AsTime())
	}
	for key, into := range map[temporal.SearchAttributeKey]any{
		calls.AttributeCallID: &l.CallKey, calls.AttributeReferenceID: &l.ReferenceID, calls.AttributeMaskID: &l.MaskID,
		calls.AttributeCallStatus: &l.Status, calls.AttributeCallAttention: &l.Attention, calls.AttributeCallAttempt: &l.Attempt,
		calls.AttributeRecordingStatus: &l.Recording,
	} {
		// A missing or malformed attribute is left out.
		_ = json.Unmarshal(info.GetSearchAttributes().GetIndexedFields()[key.GetName()].GetData(), into)
	}
	return l
}

// cursor is a position in a list: latest start first, then by run.
type cursor struct {
	at    time.Time
	runID string
}

func (l Listed) cursor() cursor { return cursor{l.StartedAt, l.runID} }

func order(a, b cursor) int { return cmp.Or(b.at.Compare(a.at), strings.Compare(a.runID, b.runID)) }

func (c cursor) String() string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d %s", c.at.UnixNano(), c.runID))
}

func parseCursor(text string) (cursor, error) {
	if text == "" {
		return cursor{}, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	at, runID, ok := strings.Cut(string(raw), " ")
	nanos, numberErr := strconv.ParseInt(at, 10, 64)
	if err != nil || numberErr != nil || !ok {
		return cursor{}, ErrCursor
	}
	return cursor{time.Unix(0, nanos).UTC(), runID}, nil
}
