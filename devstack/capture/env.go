package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/devstack/stack"
	"github.com/aftercall/aftercall/internal/dev"
	"github.com/aftercall/aftercall/internal/keys"
	"github.com/aftercall/aftercall/internal/waitstest"
)

// Env is the environment of a scenario: a whole aftercall of its own.
type Env struct {
	*stack.Stack
	dir      string
	business worker.Worker
}

const businessQueue = "business"

func newEnv(ctx context.Context, scenario Scenario, log *slog.Logger) (*Env, error) {
	dir, err := os.MkdirTemp("", "aftercall-capture-")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	ring := &keys.Ring{} // histories are kept in clear
	if scenario.Persons {
		if ring, err = keys.Parse(nil, keys.New(time.Now()).Hash); err != nil {
			return nil, err
		}
	}
	options := stack.Options{Options: dev.Options{
		Config: stack.Config(dir, stack.NewCredentials()), Settings: scenario.Workflows, Log: log, Keys: ring,
	}}
	options.Simulator.Speed = 10
	quick(&options.Config)
	if scenario.Settings != nil {
		scenario.Settings(&options.Config)
	}
	if scenario.Simulator != nil {
		scenario.Simulator(&options.Simulator)
	}
	running, err := stack.Start(ctx, options)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	e := &Env{Stack: running, dir: dir, business: worker.New(running.Temporal(), businessQueue, worker.Options{})}
	e.business.RegisterWorkflow(awaitCall)
	e.business.RegisterWorkflow(operate)
	waitstest.Register(e.business)
	if err := e.business.Start(); err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

func (e *Env) close() error {
	e.business.Stop()
	return errors.Join(e.Stop(), os.RemoveAll(e.dir))
}

// awaitCall is a business workflow that waits for the outcome of a call.
func awaitCall(ctx workflow.Context, callID string) (calls.Outcome, error) {
	return calls.Await(ctx, callID)
}

// StartAwait starts a business workflow that waits for a call.
func (e *Env) StartAwait(ctx context.Context, id, callID string) (client.WorkflowRun, error) {
	options := client.StartWorkflowOptions{ID: id, TaskQueue: businessQueue}
	return e.Temporal().ExecuteWorkflow(ctx, options, awaitCall, callID)
}

// Tell posts a notification, which must be accepted.
func (e *Env) Tell(ctx context.Context, n Notification) error {
	body, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("encode notification: %w", err)
	}
	answer, err := e.Notify(ctx, body)
	if err == nil && answer.Status != http.StatusOK {
		err = fmt.Errorf("webhook answers %d: %s", answer.Status, answer.Body)
	}
	return err
}

// API sends a request that must succeed, and decodes the response if into is not nil.
func (e *Env) API(ctx context.Context, method, path string, body, into any) error {
	answer, err := e.Ask(ctx, method, path, body)
	if err != nil {
		return err
	}
	if answer.Status >= http.StatusMultipleChoices {
		return fmt.Errorf("%s %s answers %d: %s", method, path, answer.Status, answer.Body)
	}
	if into == nil {
		return nil
	}
	return answer.Decode(into)
}

// PlaceElsewhere places a call with the simulator, as another client would, and returns its callId. The last two digits of
// the number choose the course of the call.
func (e *Env) PlaceElsewhere(ctx context.Context, to string) (string, error) {
	body := fmt.Sprintf(`{"recipient":[%q],"callerId":"+966112000000","type":"tts","tts":{"text":"Hello"}}`, to)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.Simulator().BaseURL()+"/calls", strings.NewReader(body))
	if err != nil {
		return "", err
	}
	request.Header.Set("AppsId", "elsewhere")
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	var placed struct {
		CallID string `json:"callId"`
	}
	if err := json.NewDecoder(response.Body).Decode(&placed); err != nil || placed.CallID == "" {
		return "", errors.Join(fmt.Errorf("simulator answers %s without a callId", response.Status), err)
	}
	return placed.CallID, nil
}

// Until waits until ok returns true, and fails when the scenario's time is up.
func (e *Env) Until(ctx context.Context, what string, ok func() (bool, error)) error {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		done, err := ok()
		if done && err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("wait until %s: %w", what, context.Cause(ctx)), err)
		case <-ticker.C:
		}
	}
}

// UntilCall waits until the state of a call is as wanted.
func (e *Env) UntilCall(ctx context.Context, callID, what string, wanted func(calls.CallState) bool) error {
	return e.Until(ctx, what, func() (bool, error) {
		answer, err := e.Temporal().QueryWorkflow(ctx, calls.CallWorkflowID(callID), "", calls.QueryState)
		if err != nil {
			return false, err
		}
		var state calls.CallState
		err = answer.Get(&state)
		return wanted(state), err
	})
}

// UntilSignalled waits until a workflow has received a signal n times.
func (e *Env) UntilSignalled(ctx context.Context, workflowID, signal string, n int) error {
	return e.Until(ctx, workflowID+" has got "+signal, func() (bool, error) {
		got := 0
		events := e.Temporal().GetWorkflowHistory(ctx, workflowID, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for events.HasNext() {
			event, err := events.Next()
			if err != nil {
				return false, err
			}
			if event.GetWorkflowExecutionSignaledEventAttributes().GetSignalName() == signal {
				got++
			}
		}
		return got >= n, nil
	})
}

// UntilClosed waits for the end of a workflow, whatever its status, in any run.
func (e *Env) UntilClosed(ctx context.Context, workflowID string) error {
	return e.Until(ctx, workflowID+" is closed", func() (bool, error) {
		description, err := e.Temporal().DescribeWorkflowExecution(ctx, workflowID, "")
		return err == nil && description.WorkflowExecutionInfo.Status != enums.WORKFLOW_EXECUTION_STATUS_RUNNING, err
	})
}
