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
	Usage       string // what it is, before the flags
	WithoutData string // what becomes of the data where no folder is named
	UINote      string // what the banner says of Temporal's web UI
	Temporal    Temporal
}

// Temporal is where a program's Temporal comes from.
type Temporal interface {
	// Flags adds what the command line can say of it.
	Flags(set *flag.FlagSet, f *Flags)
	// Data is the folder that belongs to it where none is asked for; empty: one of our own that is gone at the end.
	Data(ctx context.Context) (string, error)
	// Ports are those that it will listen on.
	Ports(f *Flags) []Port
	// Start starts everything and returns when everything serves. dir is where it may keep what it has; empty: in memory.
	// stop ends everything. On an error nothing is left running.
	Start(ctx context.Context, o Options, dir string) (running *Stack, stop func() error, err error)
}

// Main is the program's main. It returns what to exit with.
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
