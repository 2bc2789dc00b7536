package main

import (
	"context"
	"net/http"

	"github.com/aftercall/aftercall/calls"
)

// outboundScenarios are the paths of the OutboundCall workflow that the numbers of the simulator give.
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

// outbound is a scenario about one request, which is played until its workflow is closed.
func outbound(path, to, secondary string) Scenario {
	return Scenario{Type: calls.TypeOutboundCall, Path: path, Play: func(ctx context.Context, e *Env) (string, error) {
		request := calls.OutboundCallRequest{
			ReferenceID: "order-1", To: to, CallerID: callerID, SecondaryCallerID: secondary,
			Type: calls.CallTypeTTS, TTS: &calls.TTS{Text: "Hello"},
		}
		if secondary != "" {
			request.Failover = &calls.Failover{Delay: "100ms"}
		}
		if err := e.API(ctx, http.MethodPost, "/v1/outbound-calls", request, nil); err != nil {
			return "", err
		}
		id := calls.OutboundCallWorkflowID(request.ReferenceID)
		return id, e.UntilClosed(ctx, id)
	}}
}
