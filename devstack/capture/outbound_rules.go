package main

import (
	"context"
	"net/http"
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/config"
	"github.com/aftercall/aftercall/internal/rules"
)

// ruledScenarios are the paths of the OutboundCall workflow on which a policy or a rule decides when, and whether, to dial.
func ruledScenarios() []Scenario {
	return []Scenario{
		requested(Scenario{Path: "retried-from-the-same-number"}, "+966500000118", retryOn("100ms", 3), nil),
		requested(Scenario{Path: "retries-used-up"}, "+966500000101", retryOn("100ms", 2), nil),
		requested(Scenario{Path: "stopped-between-two-retries"}, "+966500000101", retryOn("20s", 3), stopPending),
		requested(Scenario{Path: "not-before-its-time"}, callee, func(r *calls.OutboundCallRequest) {
			at := time.Now().Add(2 * time.Second)
			r.NotBefore = &at
		}, nil),
		requested(Scenario{Path: "of-a-class-with-hours", Settings: func(c *config.Config) { c.Rules = rules.SaudiArabia }}, callee,
			func(r *calls.OutboundCallRequest) {
				r.Class, r.ConsentRef, r.Deadline = calls.ClassAdvertising, "crm:1", "5s"
			}, nil),
		after(suppressCallee, requested(Scenario{Path: "refused-because-suppressed", Persons: true}, callee, nil, nil)),
		after(callBefore, requested(Scenario{Path: "delayed-by-the-gap-of-a-person", Persons: true, Settings: func(c *config.Config) {
			c.PersonGap = 3 * time.Second
		}}, callee, nil, nil)),
		after(callBefore, requested(Scenario{Path: "refused-by-the-daily-number-of-a-person", Persons: true, Settings: func(c *config.Config) {
			c.PersonDaily = 1
		}}, callee, within("5s"), nil)),
	}
}

func retryOn(delay string, attempts int) func(*calls.OutboundCallRequest) {
	return func(r *calls.OutboundCallRequest) {
		r.Retry = &calls.Retry{MaxAttempts: attempts, On: map[calls.Status]string{calls.StatusBusy: delay}}
	}
}

// after runs a function before a scenario is played.
func after(before func(context.Context, *Env) error, s Scenario) Scenario {
	play := s.Play
	s.Play = func(ctx context.Context, e *Env) (string, error) {
		if err := before(ctx, e); err != nil {
			return "", err
		}
		return play(ctx, e)
	}
	return s
}

func suppressCallee(ctx context.Context, e *Env) error {
	return e.API(ctx, http.MethodPut, "/v1/suppressions/%2B"+callee[1:], map[string]string{"scope": rules.ScopeAll}, nil)
}

// callBefore calls the same person for another request.
func callBefore(ctx context.Context, e *Env) error {
	request := calls.OutboundCallRequest{
		ReferenceID: "order-0", To: callee, CallerID: callerID, Type: calls.CallTypeTTS, TTS: &calls.TTS{Text: "Hello"},
	}
	if err := e.API(ctx, http.MethodPost, "/v1/outbound-calls", request, nil); err != nil {
		return err
	}
	return e.Until(ctx, "the person is called", func() (bool, error) { return len(e.Simulator().Calls()) > 0, nil })
}
