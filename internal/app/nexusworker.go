package app

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/worker"

	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/operations"
	"github.com/aftercall/aftercall/workflows"
)

// nexusWorker answers the operations of the Nexus service. It is a member that never ends the others: where Temporal has no
// Nexus, or refuses it, that is said once, and everything else works. What runs already goes on all the same.
type nexusWorker struct {
	worker.Worker
	app  *App
	said sync.Once
}

var errNoNexus = errors.New("it does not serve Nexus")

func (a *App) newNexusWorker() member {
	n := &nexusWorker{app: a}
	n.Worker = worker.New(a.temporal, contract.TaskQueueNexus, worker.Options{
		LocalActivityWorkerOnly:          true, // an activity that has to wait is on a queue of its own
		MaxConcurrentWorkflowTaskPollers: taskPollers, MaxConcurrentNexusTaskPollers: taskPollers,
		WorkerStopTimeout: workerStop, OnFatalError: n.without,
	})
	workflows.RegisterNexus(n.Worker)
	a.registerCalls(n.Worker)
	a.registerTell(n.Worker)
	if a.servesNexus() {
		operations.Register(n.Worker, a.forBusiness(), a.desk)
	} else {
		n.without(errNoNexus)
	}
	return n
}

// Start starts the worker.
func (n *nexusWorker) Start() error {
	if err := n.Worker.Start(); err != nil {
		n.without(err)
	}
	return nil
}

func (n *nexusWorker) without(err error) {
	n.said.Do(func() {
		n.app.Log.Warn("no operations are answered here: Temporal has no Nexus, or refuses it; nothing else needs it", "error", err)
	})
}

// servesNexus asks Temporal whether it knows Nexus. One that does not say is believed to.
func (a *App) servesNexus() bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	r, err := a.temporal.WorkflowService().GetSystemInfo(ctx, &workflowservice.GetSystemInfoRequest{})
	return err != nil || r.GetCapabilities().GetNexus()
}
