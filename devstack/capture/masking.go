package main

import (
	"context"
	"net/http"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/simulator"
)

// maskingScenarios are paths of the two workflows of masking sessions.
func maskingScenarios() []Scenario {
	opened := Scenario{Type: calls.TypeOpenMaskingSession, Path: "opened", Play: func(ctx context.Context, e *Env) (string, error) {
		if _, err := e.openMask(ctx); err != nil {
			return "", err
		}
		id := calls.OpenMaskingSessionWorkflowID(maskReference)
		return id, e.UntilClosed(ctx, id)
	}}
	return []Scenario{
		opened,
		masking("two-legs-then-closed", ""),
		masking("no-outbound-leg-then-closed", "no-outbound-leg"),
		masking("shuffled-then-closed", "shuffled"),
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

// masking is a scenario about one call through a mask, which is closed afterwards. It ends when every call has arrived:
// the session itself stays open for a day.
func masking(path, how string) Scenario {
	return Scenario{Type: calls.TypeMaskingSession, Path: path, Play: func(ctx context.Context, e *Env) (string, error) {
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
