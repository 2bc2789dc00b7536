package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
)

const usage = `aftercall-dev runs everything on this machine: Temporal and its UI, a simulator of the provider, and aftercall.
It needs no setting, and rings no phone.

`

// flags are what the command line can say.
type flags struct {
	httpPort, adminPort, temporalPort, uiPort, simulatorPort, codecPort int

	speed        float64
	data         string
	realProvider bool
	quiet        bool

	given map[string]bool // by name, those that were on the command line
}

// errUsage means that the flag package has already said what is wrong.
var errUsage = errors.New("wrong usage")

func parseFlags(args []string, out io.Writer) (flags, error) {
	f := flags{given: map[string]bool{}}
	set := flag.NewFlagSet("aftercall-dev", flag.ContinueOnError)
	set.SetOutput(out)
	set.IntVar(&f.httpPort, "http-port", 8080, "webhook and API; 0 takes a free port, as for all ports")
	set.IntVar(&f.adminPort, "admin-port", 9090, "health, metrics, and the inbox for operators")
	set.IntVar(&f.temporalPort, "temporal-port", 7233, "Temporal")
	set.IntVar(&f.uiPort, "ui-port", 8233, "Temporal's web UI")
	set.IntVar(&f.simulatorPort, "simulator-port", 8081, "the simulator of the provider")
	set.IntVar(&f.codecPort, "codec-port", 8234, "decrypts payloads for Temporal's web UI and CLI; a free port where the default is taken")
	set.Float64Var(&f.speed, "simulator-speed", 1, "how much faster than real the simulated calls are")
	set.StringVar(&f.data, "data", "", "folder in which everything is kept; without it all is gone at the end")
	set.BoolVar(&f.realProvider, "real-provider", false,
		"use AFTERCALL_UNIFONIC_… and TEMPORAL_… from the environment, and no simulator: this rings real phones")
	set.BoolVar(&f.quiet, "quiet", false, "print no line for each notification, dial, outcome and recording")
	set.Usage = func() {
		fmt.Fprint(out, usage)
		set.PrintDefaults()
	}
	switch err := set.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return f, err
	case err != nil:
		return f, errUsage
	case set.NArg() > 0:
		return f, fmt.Errorf("unknown argument %q; --help lists the flags", set.Arg(0))
	case f.speed <= 0:
		return f, errors.New("--simulator-speed must be greater than 0")
	}
	set.Visit(func(given *flag.Flag) { f.given[given.Name] = true })
	return f, nil
}
