package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aftercall/aftercall/internal/config"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/simulator"
)

// Scenario is one path through one type of workflow.
type Scenario struct {
	Type string // of the workflow whose history is kept
	Path string // what happens, in words with dashes

	// Settings changes the configuration; it has short durations already, see newEnv. May be nil.
	Settings func(*config.Config)
	// Workflows changes what workflows live by beyond the configuration. May be nil.
	Workflows func(*desk.Settings)
	// Simulator changes the provider. May be nil.
	Simulator func(*simulator.Options)
	// Persons has people known by the hash of their number, as rules about them need.
	Persons bool
	// Play makes it happen and returns the id of the workflow. Histories of closed workflows tell most, but one that
	// is still open is kept as well.
	Play func(context.Context, *Env) (workflowID string, err error)
}

// Name identifies the scenario.
func (s Scenario) Name() string { return s.Type + "/" + s.Path }

// file is the name of its history. Each edition of the workflows has one beside those of the editions before.
func (s Scenario) file() string { return fmt.Sprintf("%s-edition-%d", s.Path, contract.Edition) }

// scenarios are all there are. A new type of workflow adds a file with its own list.
func scenarios() []Scenario {
	return slices.Concat(
		callScenarios(),
		outboundScenarios(),
		doubtfulScenarios(),
		ruledScenarios(),
		recordingScenarios(),
		maskingScenarios(),
		nexusScenarios(),
		callbackScenarios(),
	)
}

// quick are the durations of every scenario: long enough to tell one path from the other, short enough to wait for.
func quick(cfg *config.Config) {
	cfg.CallGrace = 2 * time.Second
	cfg.FailoverGrace = time.Second
	cfg.CallMaxAge = 10 * time.Minute
	cfg.ReconcileAfter = 5 * time.Minute
	cfg.DialRate, cfg.LookupRate = 50, 50
}
