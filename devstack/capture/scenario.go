package main

import (
	"cmp"
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

	Dir  string // where the history is kept, if not with those of aftercall's workflows
	File string // its name there, if it is not Path with the edition of aftercall's workflows

	// Settings changes the configuration, which has short durations already, see newEnv. May be nil.
	Settings func(*config.Config)
	// Workflows changes the settings of workflows beyond the configuration. May be nil.
	Workflows func(*desk.Settings)
	// Simulator changes the provider. May be nil.
	Simulator func(*simulator.Options)
	// Persons identifies people by the hash of their number, as rules about them need.
	Persons bool
	// Play plays the scenario and returns the id of the workflow. Histories of closed workflows tell most, but that of an
	// open one is kept as well.
	Play func(context.Context, *Env) (workflowID string, err error)
}

// Name identifies the scenario.
func (s Scenario) Name() string { return s.Type + "/" + s.Path }

// file returns the name of its history. Each edition of the workflows has one beside those of earlier editions.
func (s Scenario) file() string {
	return cmp.Or(s.File, fmt.Sprintf("%s-edition-%d", s.Path, contract.Edition))
}

// scenarios returns all scenarios. A new type of workflow adds a file with its own list.
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
		waitScenarios(),
	)
}

// quick sets the durations of every scenario: long enough to tell the paths apart, short enough to wait for.
func quick(cfg *config.Config) {
	cfg.CallGrace = 2 * time.Second
	cfg.FailoverGrace = time.Second
	cfg.CallMaxAge = 10 * time.Minute
	cfg.ReconcileAfter = 5 * time.Minute
	cfg.DialRate, cfg.LookupRate = 50, 50
}
