package dev

import (
	"errors"
	"flag"
	"fmt"
	"io"
)

// Flags holds the flags of the command line, except those about Temporal.
type Flags struct {
	RealProvider bool // no simulator: this rings real phones

	httpPort, adminPort, simulatorPort, codecPort int

	speed float64
	data  string

	example string // a program of the folder examples
	quiet   bool

	given map[string]bool // the flags on the command line, by name
}

// errUsage means that the flag package has already reported the error.
var errUsage = errors.New("wrong usage")

func (p Program) parse(args []string, out io.Writer) (*Flags, error) {
	f := &Flags{given: map[string]bool{}}
	set := flag.NewFlagSet(p.Name, flag.ContinueOnError)
	set.SetOutput(out)
	set.IntVar(&f.httpPort, "http-port", 8080, "webhook and API; 0 takes a free port, as for all ports")
	set.IntVar(&f.adminPort, "admin-port", 9090, "health, metrics, and the inbox for operators")
	set.IntVar(&f.simulatorPort, "simulator-port", 8081, "the simulator of the provider")
	set.IntVar(&f.codecPort, "codec-port", 8234, "decrypts payloads for Temporal's web UI and CLI; a free port where the default is taken")
	set.Float64Var(&f.speed, "simulator-speed", 1, "how much faster than real the simulated calls are")
	set.StringVar(&f.data, "data", "", "folder in which everything is kept; without it "+p.WithoutData)
	set.BoolVar(&f.quiet, "quiet", false, "print no line for each notification, dial, outcome and recording")
	set.StringVar(&f.example, "example", "", "run a program of the folder examples once everything serves: `NAME`")
	p.Temporal.Flags(set, f)
	set.Usage = func() {
		_, _ = fmt.Fprint(out, p.Usage)
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
