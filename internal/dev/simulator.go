package dev

import (
	"context"
	"fmt"

	"github.com/aftercall/aftercall/internal/simulator"
)

// appsID is the credential for the simulator, which accepts any.
const appsID = "simulated"

// StartSimulator starts the provider's stand-in and makes it the provider of the configuration.
func (s *Stack) StartSimulator(context.Context) error {
	if s.options.RealProvider {
		return nil
	}
	options, cfg := s.options.Simulator, &s.options.Config
	if options.Log == nil {
		options.Log = s.options.Log
	}
	sim, err := simulator.New(options)
	if err != nil {
		return err
	}
	if err := sim.Start(); err != nil { //nolint:contextcheck // it lives until it is closed
		return err
	}
	s.simulator = sim
	cfg.UnifonicBaseURL, cfg.UnifonicAppsID, cfg.UnifonicMaskingAppsID = sim.BaseURL(), appsID, appsID
	cfg.RecordingAllowHTTP = true
	if len(cfg.RecordingHosts) == 0 {
		cfg.RecordingHosts = []string{sim.Addr()}
	}
	return nil
}

// registerWebhook tells the simulator where to post, as `aftercall webhook register` tells the provider.
func (s *Stack) registerWebhook() error {
	if s.simulator == nil {
		return nil
	}
	c := s.Credentials()
	hook := simulator.Webhook{URL: s.WebhookURL(), Username: c.WebhookUser, Password: c.WebhookPassword}
	if err := s.simulator.SetWebhook(hook); err != nil {
		return fmt.Errorf("register webhook: %w", err)
	}
	return nil
}

// Simulator returns the provider's stand-in, nil with the real provider.
func (s *Stack) Simulator() *simulator.Simulator { return s.simulator }
