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

// The suffixes of a worker's identity. The last one says whether the worker has keys; a release from before encryption has
// neither. mindsFormer, which came with the keyed hashes of idempotency keys, stands before it: this worker claims a dial
// also by contract's Former.
const (
	canDecrypt    = "+keys"
	cannotDecrypt = "+no-keys"
	mindsFormer   = "+former"
)

// Gate keeps a Codec from encrypting while workers run that could not decrypt: workers of a release from before encryption,
// which would drop an encrypted signal silently, and workers without keys. It starts closed. Once open it stays open. A nil
// Gate is open.
type Gate struct{ open, current, minded atomic.Bool }

// Open reports whether the codec may encrypt.
func (g *Gate) Open() bool { return g == nil || g.open.Load() }

// Current reports whether every worker knows the edition of a workflow (contract.Edition). A release from before editions
// would start a run in a way that no later worker could recognise from its history.
func (g *Gate) Current() bool { return g == nil || g.current.Load() }

// Minded reports whether every worker also claims a dial by the referenceId of an earlier release, if it is given one.
func (g *Gate) Minded() bool { return g == nil || g.minded.Load() }

// Try opens the gate unless Temporal knows a worker without keys, that is, one that polled within the last 5 minutes. It
// returns the identities of such workers, and an error if Temporal could not be asked.
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

// identity returns this process's name for Temporal, which says whether it has keys.
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
