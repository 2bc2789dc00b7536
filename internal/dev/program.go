package dev

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Program is a command that runs everything on this machine.
type Program struct {
	Name        string
	Usage       string // what the program is, before the flags
	WithoutData string // what happens to the data if no folder is named
	UINote      string // the banner's note about Temporal's web UI
	Temporal    Temporal
}

// Temporal is the source of a program's Temporal.
type Temporal interface {
	// Flags adds the command line's flags about it.
	Flags(set *flag.FlagSet, f *Flags)
	// Data returns its default folder. Empty: one of our own that is removed at the end.
	Data(ctx context.Context) (string, error)
	// Ports returns the ports that it will listen on.
	Ports(f *Flags) []Port
	// Start starts everything and returns once everything is ready. It may keep its data in dir; empty: in memory.
	// stop ends everything. On an error nothing is left running.
	Start(ctx context.Context, o Options, dir string) (running *Stack, stop func() error, err error)
}

// Main is the program's main. It returns the exit code.
func (p Program) Main(args []string) int {
	began := time.Now()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends us at once
	f, err := p.parse(args, os.Stderr)
	if err == nil {
		err = p.run(ctx, f, began)
	}
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		return 2
	default:
		fmt.Fprintln(os.Stderr, p.Name+":", err)
		return 1
	}
}
