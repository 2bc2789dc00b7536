package main

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/simulator"
)

// maskingScenarios are paths of the two workflows of masking sessions.
func maskingScenarios() []Scenario {
	return slices.Concat([]Scenario{
		opening("opened", simulator.Options{}),
		opening("unknown-then-found", simulator.Options{OnMaskPost: first(simulator.FaultAccept500)}),
		opening("unknown-and-not-found", simulator.Options{OnMaskPost: first(simulator.FaultRefuse500)}),
		opening("put-off-then-opened", simulator.Options{OnMaskPost: first(simulator.FaultRefuse429)}),
		opening("refused", simulator.Options{MaskPaths: "openapi"}), // this path requires both parties
		masking("two-legs-then-closed", ""),
		masking("no-outbound-leg-then-closed", "no-outbound-leg"),
		masking("shuffled-then-closed", "shuffled"),
	}, sessionScenarios())
}

// first returns a fault for the first request for a mask.
func first(fault simulator.Fault) func(simulator.Post) simulator.Fault {
	return func(p simulator.Post) simulator.Fault {
		if p.Try > 1 {
			return simulator.FaultNone
		}
		return fault
	}
}

// opening returns a scenario about the opening of a one-way session, whatever its end.
func opening(path string, provider simulator.Options) Scenario {
	return Scenario{
		Type: contract.WorkflowOpenMaskingSession.Name, Path: path,
		Workflows: func(s *desk.Settings) { s.Masking.LookupWindow = time.Second },
		Simulator: func(o *simulator.Options) { o.OnMaskPost, o.MaskPaths = provider.OnMaskPost, provider.MaskPaths },
		Play: func(ctx context.Context, e *Env) (string, error) {
			request := calls.MaskingSessionRequest{ReferenceID: maskReference, To: otherCallee}
			if _, err := e.Ask(ctx, http.MethodPost, "/v1/masking-sessions", request); err != nil {
				return "", err
			}
			id := calls.OpenMaskingSessionWorkflowID(maskReference)
			return id, e.UntilClosed(ctx, id)
		},
	}
}

const maskReference = "delivery-1"

// openMask opens a session between callee and otherCallee.
func (e *Env) openMask(ctx context.Context) (maskID string, err error) {
	request := calls.MaskingSessionRequest{ReferenceID: maskReference, From: callee, To: otherCallee}
	var session calls.MaskingSessionState
	err = e.API(ctx, http.MethodPost, "/v1/masking-sessions", request, &session)
	return session.MaskID, err
}

// masking returns a scenario about one call through a mask, which is closed afterwards. It ends once every call has
// arrived: the session itself stays open for a day.
func masking(path, how string) Scenario {
	return Scenario{Type: contract.WorkflowMaskingSession.Name, Path: path, Play: func(ctx context.Context, e *Env) (string, error) {
		maskID, err := e.openMask(ctx)
		if err != nil {
			return "", err
		}
		if _, err := e.Simulator().PlaceMaskedCall(simulator.MaskedCall{MaskID: maskID, From: callee, Scenario: how}); err != nil {
			return "", err
		}
		session := calls.MaskingSessionWorkflowID(maskID)
		err = e.Until(ctx, "the masked call is known and over", func() (bool, error) {
			var state calls.MaskingSessionState
			err := e.API(ctx, http.MethodGet, "/v1/masking-sessions/"+maskID, nil, &state)
			return e.Simulator().Idle() && len(state.Calls) > 0 && state.Calls[0].Outcome != nil, err
		})
		if err != nil {
			return "", err
		}
		return session, e.API(ctx, http.MethodDelete, "/v1/masking-sessions/"+maskID, nil, nil)
	}}
}
