package temporalclient

import (
	"context"
	"fmt"
	"sync"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/proxy"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	"github.com/aftercall/aftercall/internal/desk"
)

// KeyUse counts the workflows that hold data encrypted with a key.
type KeyUse struct {
	Running int `json:"running"`
	Closed  int `json:"closed"`
}

// historiesAtOnce is how many histories CountKeys reads at a time.
const historiesAtOnce = 8

// CountKeys reads the histories of all our workflows, live and closed. It returns, by key id, how many hold data encrypted
// with that key. It takes some milliseconds for each workflow.
func CountKeys(ctx context.Context, c client.Client, namespace string) (map[string]KeyUse, error) {
	uses, mu := map[string]KeyUse{}, sync.Mutex{}
	for token := []byte(nil); ; {
		page, err := c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: namespace, Query: desk.OwnQuery(), NextPageToken: token,
		})
		if err != nil {
			return nil, fmt.Errorf("list workflows: %w", err)
		}
		var g errgroup.Group
		g.SetLimit(historiesAtOnce)
		for _, info := range page.GetExecutions() {
			g.Go(func() error {
				ids, err := keysIn(ctx, c, info)
				mu.Lock()
				defer mu.Unlock()
				for id := range ids {
					use := uses[id]
					if info.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
						use.Running++
					} else {
						use.Closed++
					}
					uses[id] = use
				}
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return nil, err
		}
		if token = page.GetNextPageToken(); len(token) == 0 {
			return uses, nil
		}
	}
}

// keysIn returns the ids of the keys that encrypted data of a workflow. It returns none for a workflow that is gone by now.
func keysIn(ctx context.Context, c client.Client, info *workflowpb.WorkflowExecutionInfo) (map[string]struct{}, error) {
	ids := map[string]struct{}{}
	note := func(m proto.Message) error {
		return proxy.VisitPayloads(ctx, m, proxy.VisitPayloadsOptions{
			SkipSearchAttributes: true,
			Visitor: func(_ *proxy.VisitPayloadsContext, payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
				for _, p := range payloads {
					if Encrypted(p) {
						ids[string(p.GetMetadata()[metadataKey])] = struct{}{}
					}
				}
				return payloads, nil
			},
		})
	}
	if err := note(info); err != nil {
		return nil, err
	}
	e := info.GetExecution()
	for events := c.GetWorkflowHistory(ctx, e.GetWorkflowId(), e.GetRunId(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); events.HasNext(); {
		event, err := events.Next()
		if desk.Means(err, desk.ErrUnknown) {
			return ids, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read a history: %w", err)
		}
		if err := note(event); err != nil {
			return nil, err
		}
	}
	return ids, nil
}
