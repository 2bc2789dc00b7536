package main

import (
	"context"
	"net/http"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// outboundScenarios are the paths of the OutboundCall workflow that the simulator's numbers produce.
func outboundScenarios() []Scenario {
	return []Scenario{
		outbound("completed", "+966500000100", ""),
		outbound("no-answer", "+966500000102", ""),
		outbound("failed-then-completed-from-the-secondary", "+966500000104", secondaryCaller),
		outbound("failed-from-both", "+966500000103", secondaryCaller),
		outbound("refused-twice-then-completed", "+966500000110", ""),
		outbound("answer-is-lost", "+966500000116", ""),
		outbound("notified-before-the-answer", "+966500000115", ""),
	}
}

// outbound returns a scenario about one request, which is played until its workflow is closed.
func outbound(path, to, secondary string) Scenario {
	return requested(Scenario{Path: path}, to, func(r *calls.OutboundCallRequest) {
		if r.SecondaryCallerID = secondary; secondary != "" {
			r.Failover = &calls.Failover{Delay: "100ms"}
		}
	}, nil)
}

// order is the referenceId of every request, and orderID the id of its workflow.
const order = "order-1"

var orderID = calls.OutboundCallWorkflowID(order)

// requested completes a scenario about one request to a number. edit may be nil, and so may meanwhile, which is played after
// the request.
func requested(s Scenario, to string, edit func(*calls.OutboundCallRequest), meanwhile func(context.Context, *Env) error) Scenario {
	s.Type = contract.WorkflowOutboundCall.Name
	s.Play = func(ctx context.Context, e *Env) (string, error) {
		request := calls.OutboundCallRequest{
			ReferenceID: order, To: to, CallerID: callerID, Type: calls.CallTypeTTS, TTS: &calls.TTS{Text: "Hello"},
		}
		if edit != nil {
			edit(&request)
		}
		if err := e.API(ctx, http.MethodPost, "/v1/outbound-calls", request, nil); err != nil {
			return "", err
		}
		if meanwhile != nil {
			if err := meanwhile(ctx, e); err != nil {
				return "", err
			}
		}
		return orderID, e.UntilClosed(ctx, orderID)
	}
	return s
}

// untilOrder waits until the state of the request is as wanted.
func (e *Env) untilOrder(ctx context.Context, what string, wanted func(calls.OutboundCallState) bool) error {
	return e.Until(ctx, what, func() (bool, error) {
		answer, err := e.Temporal().QueryWorkflow(ctx, orderID, "", calls.QueryState)
		if err != nil {
			return false, err
		}
		var state calls.OutboundCallState
		err = answer.Get(&state)
		return wanted(state), err
	})
}

func stopOrder(ctx context.Context, e *Env) error {
	return e.API(ctx, http.MethodDelete, "/v1/outbound-calls/"+order, nil, nil)
}
