package desk_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aftercall/aftercall/internal/desk"
)

// visibility holds workflows, and lists them only in its own order. Of a query it reads the times.
type visibility struct {
	client.Client
	infos   []*workflowpb.WorkflowExecutionInfo
	queries []string
	read    int
}

var startTimes = regexp.MustCompile(`StartTime ([<>])= '([^']+)'`)

func (v *visibility) matching(query string) (found []*workflowpb.WorkflowExecutionInfo) {
	v.queries = append(v.queries, query)
	lo, hi := time.Time{}, time.Time{}
	for _, m := range startTimes.FindAllStringSubmatch(query, -1) {
		at, _ := time.Parse(time.RFC3339Nano, m[2])
		if m[1] == "<" {
			hi = at
		} else {
			lo = at
		}
	}
	for _, info := range v.infos {
		if at := info.StartTime.AsTime(); !at.After(hi) && !at.Before(lo) {
			found = append(found, info)
		}
	}
	return found
}

func (v *visibility) CountWorkflow(_ context.Context, r *workflowservice.CountWorkflowExecutionsRequest) (*workflowservice.CountWorkflowExecutionsResponse, error) {
	return &workflowservice.CountWorkflowExecutionsResponse{Count: int64(len(v.matching(r.Query)))}, nil
}

func (v *visibility) ListWorkflow(_ context.Context, r *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	found := v.matching(r.Query)
	from := len(r.NextPageToken) * 300
	page := found[from:min(from+300, len(found))]
	v.read += len(page)
	res := &workflowservice.ListWorkflowExecutionsResponse{Executions: page}
	if from+300 < len(found) {
		res.NextPageToken = append(slices.Clone(r.NextPageToken), 'x')
	}
	return res, nil
}

func (v *visibility) add(at time.Time, attributes map[string]string) {
	fields := map[string]*commonpb.Payload{}
	for name, value := range attributes {
		fields[name] = &commonpb.Payload{Data: []byte(value)}
	}
	v.infos = append(v.infos, &workflowpb.WorkflowExecutionInfo{
		Execution: &commonpb.WorkflowExecution{WorkflowId: fmt.Sprintf("call:%d", len(v.infos)), RunId: fmt.Sprintf("run-%05d", len(v.infos))},
		StartTime: timestamppb.New(at), Status: enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING,
		SearchAttributes: &commonpb.SearchAttributes{IndexedFields: fields},
	})
}

// pages reads a whole list, and requires its order.
func pages(t *testing.T, v *visibility, f desk.Filter) (ids []string) {
	t.Helper()
	d := desk.New(v, desk.Settings{})
	var before *desk.Listed
	for {
		page, err := d.List(t.Context(), "Call", f)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page.Items), f.Limit)
		for _, item := range page.Items {
			if before != nil {
				require.False(t, item.StartedAt.After(before.StartedAt), "the youngest first")
			}
			before = &item
			ids = append(ids, item.WorkflowID)
		}
		if f.Cursor = page.Next; f.Cursor == "" {
			return ids
		}
		require.Len(t, page.Items, f.Limit, "only the last page is short")
	}
}

func TestListHasEverythingOnceAndTheYoungestFirst(t *testing.T) {
	t.Parallel()
	now := time.Now().Truncate(time.Microsecond)
	for name, age := range map[string]func(i int) time.Duration{
		"evenly":         func(i int) time.Duration { return time.Duration(i) * time.Minute },
		"in a burst":     func(i int) time.Duration { return 40*24*time.Hour + time.Duration(i)*time.Microsecond },
		"two bursts":     func(i int) time.Duration { return time.Duration(i%2)*700*time.Hour + time.Duration(i)*time.Millisecond },
		"many at a time": func(i int) time.Duration { return time.Duration(i/40) * time.Second },
		"all at once":    func(int) time.Duration { return time.Hour },
	} {
		v := &visibility{}
		const n = 2600
		for i := range n {
			v.add(now.Add(-age((i*1009)%n)), nil)
		}
		ids := pages(t, v, desk.Filter{Limit: 50})
		require.Len(t, ids, n, name)
		slices.Sort(ids)
		require.Len(t, slices.Compact(ids), n, name)
		require.Less(t, len(pages(t, v, desk.Filter{Limit: 50, Since: now.Add(-10 * time.Minute)})), n+1, name)
	}
}

func TestListReadsLittleOfMany(t *testing.T) {
	t.Parallel()
	v := &visibility{}
	for i := range 20000 {
		v.add(time.Now().Add(-time.Duration(i)*time.Second), nil)
	}
	_, err := desk.New(v, desk.Settings{}).List(t.Context(), "Call", desk.Filter{Limit: 50})
	require.NoError(t, err)
	require.LessOrEqual(t, v.read, 1000)
	require.Less(t, len(v.queries), 15)
}

func TestListSaysWhatVisibilityKnows(t *testing.T) {
	t.Parallel()
	v := &visibility{}
	at := time.Now().UTC().Truncate(time.Microsecond)
	v.add(at, map[string]string{"CallId": `"abc"`, "ReferenceId": `"order-1"`, "CallStatus": `"FAILED"`, "CallAttention": `"conflict"`, "CallAttempt": `2`, "MaskId": `"7"`})
	page, err := desk.New(v, desk.Settings{}).List(t.Context(), "Call", desk.Filter{
		Limit: 1, Statuses: []string{"FAILED", "BUSY"}, Attention: []string{"conflict"}, References: []string{"it's"}, Running: new(false),
	})
	require.NoError(t, err)
	require.Contains(t, v.queries[0], "WorkflowType = 'Call' AND CallStatus IN ('FAILED', 'BUSY') AND CallAttention IN ('conflict') "+
		"AND ReferenceId IN ('it''s') AND ExecutionStatus != 'Running' AND StartTime <= ")
	_, err = desk.New(v, desk.Settings{}).List(t.Context(), "Call", desk.Filter{Limit: 1, Also: "Recording"})
	require.NoError(t, err)
	require.Contains(t, v.queries[len(v.queries)-1], "WorkflowType IN ('Call', 'Recording') AND StartTime <= ")
	got := page.Items[0]
	require.Equal(t, "call:0 abc order-1 FAILED conflict 2 7 true", fmt.Sprint(got.WorkflowID, " ", got.CallKey, " ", got.ReferenceID, " ", got.Status, " ",
		got.Attention, " ", got.Attempt, " ", got.MaskID, " ", got.Running))
	require.Equal(t, at, got.StartedAt)
	require.Empty(t, page.Next)
}

func TestListRefusesAForeignCursor(t *testing.T) {
	t.Parallel()
	for _, cursor := range []string{"x", "!", "MTIz", "YSBi"} {
		_, err := desk.New(&visibility{}, desk.Settings{}).List(t.Context(), "Call", desk.Filter{Limit: 1, Cursor: cursor})
		require.ErrorIs(t, err, desk.ErrCursor, cursor)
	}
}
