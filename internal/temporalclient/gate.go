package temporalclient

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"

	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/aftercall/aftercall/internal/contract"
)

// What the identity of a worker ends with: whether it has keys. One of a release before there was encryption says neither.
// Before that stands, since there are keyed hashes of idempotency keys, that it claims dials by contract's Former too.
const (
	canDecrypt    = "+keys"
	cannotDecrypt = "+no-keys"
	mindsFormer   = "+former"
)

// Gate keeps a Codec from encrypting for as long as workers run that could not decrypt: those of a release before there
// was encryption, which would drop an encrypted signal without a word, and those without keys. It starts closed; once
// open it stays open. A nil Gate is open.
type Gate struct{ open, current, minded atomic.Bool }

// Open reports whether the codec may encrypt.
func (g *Gate) Open() bool { return g == nil || g.open.Load() }

// Current reports whether every worker knows the edition of a workflow (contract.Edition). Those of a release before
// there were editions would begin a run in a way that no later worker could tell from its history.
func (g *Gate) Current() bool { return g == nil || g.current.Load() }

// Minded reports whether every worker claims a dial by the referenceId of an earlier release, where it is told one.
func (g *Gate) Minded() bool { return g == nil || g.minded.Load() }

// Try opens the gate unless Temporal knows a worker without keys, which is one that polled within the last 5 minutes.
// It returns the identities of those. The error says that Temporal could not be asked.
func (g *Gate) Try(ctx context.Context, c client.Client, namespace string) (without []string, err error) {
	r, err := c.WorkflowService().DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
		Namespace: namespace, TaskQueue: &taskqueuepb.TaskQueue{Name: contract.TaskQueue}, TaskQueueType: enumspb.TASK_QUEUE_TYPE_WORKFLOW,
	})
	if err != nil {
		return nil, err
	}
	old, minded := false, true
	for _, p := range r.GetPollers() {
		id := p.GetIdentity()
		minded = minded && strings.Contains(id, mindsFormer+"+")
		if !strings.HasSuffix(id, canDecrypt) {
			without = append(without, id)
			old = old || !strings.HasSuffix(id, cannotDecrypt)
		}
	}
	if len(without) == 0 {
		g.open.Store(true)
	}
	if !old {
		g.current.Store(true)
	}
	if minded {
		g.minded.Store(true)
	}
	return without, nil
}

// identity names this process to Temporal, and says whether it has keys.
func identity(hasKeys bool) string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	can := cannotDecrypt
	if hasKeys {
		can = canDecrypt
	}
	return fmt.Sprintf("%d@%s@%s%s", os.Getpid(), host, mindsFormer, can)
}
