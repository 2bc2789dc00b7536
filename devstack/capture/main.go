// Command capture plays scenarios on a whole aftercall and writes the resulting histories for the replay tests of
// package workflows. A history is like those in flight in production. So capture from the commit that is released, never
// from one under test, and never overwrite a history only because it no longer replays.
//
//	go run -C devstack ./capture [-run Call/] [-overwrite] [-dir DIR]
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"time"

	"github.com/aftercall/aftercall/devstack/capture/history"
)

const scenarioTimeout = time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	c := capture{}
	pattern := flag.String("run", "", "play only scenarios whose type/path matches this regular expression")
	flag.StringVar(&c.dir, "dir", filepath.FromSlash("../workflows/testdata/histories"), "where histories of aftercall's workflows are kept")
	flag.BoolVar(&c.overwrite, "overwrite", false, "replace histories that are there")
	flag.BoolVar(&c.verbose, "v", false, "show what aftercall logs")
	flag.Parse()
	only, err := regexp.Compile(*pattern)
	if err == nil {
		err = c.playAll(ctx, scenarios(), only)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "capture:", err)
		os.Exit(1)
	}
}

// capture holds the destination of histories.
type capture struct {
	dir                string
	overwrite, verbose bool
}

// folder returns where the history of a scenario is kept.
func (c capture) folder(s Scenario) string { return filepath.FromSlash(cmp.Or(s.Dir, c.dir)) }

// playAll plays the scenarios one after the other. A failing scenario does not stop the others.
func (c capture) playAll(ctx context.Context, all []Scenario, only *regexp.Regexp) error {
	var errs []error
	for _, scenario := range all {
		if !only.MatchString(scenario.Name()) || ctx.Err() != nil {
			continue
		}
		if history.Exists(c.folder(scenario), scenario.Type, scenario.file()) && !c.overwrite {
			fmt.Printf("%-60s kept; -overwrite replaces it\n", scenario.Name())
			continue
		}
		files, err := c.play(ctx, scenario)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", scenario.Name(), err))
			fmt.Printf("%-60s failed\n", scenario.Name())
			continue
		}
		fmt.Printf("%-60s %d runs\n", scenario.Name(), len(files))
	}
	return errors.Join(errs...)
}

func (c capture) play(ctx context.Context, scenario Scenario) (files []string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, scenarioTimeout, errors.New("took longer than "+scenarioTimeout.String()))
	defer cancel()
	log := slog.New(slog.DiscardHandler)
	if c.verbose {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	env, err := newEnv(ctx, scenario, log)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, env.close()) }()

	workflowID, err := scenario.Play(ctx, env)
	if err != nil {
		return nil, err
	}
	runs, err := history.Fetch(ctx, env.Temporal(), workflowID)
	if err != nil {
		return nil, err
	}
	return history.Write(c.folder(scenario), scenario.Type, scenario.file(), runs, c.overwrite)
}
