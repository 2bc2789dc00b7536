package main

import (
	"context"
	"flag"
	"os"
	"path/filepath"

	"github.com/aftercall/aftercall/devstack/stack"
	"github.com/aftercall/aftercall/devstack/temporalserver"
	"github.com/aftercall/aftercall/internal/dev"
	"github.com/aftercall/aftercall/internal/temporalclient"
)

// embedded is a Temporal with its UI in this process.
type embedded struct{ port, uiPort int }

// Flags adds the ports, and the flag for the real provider.
func (e *embedded) Flags(set *flag.FlagSet, f *dev.Flags) {
	set.IntVar(&e.port, "temporal-port", 7233, "Temporal")
	set.IntVar(&e.uiPort, "ui-port", 8233, "Temporal's web UI")
	set.BoolVar(&f.RealProvider, "real-provider", false,
		"use AFTERCALL_UNIFONIC_… and TEMPORAL_… from the environment, and no simulator: this rings real phones")
}

// Data returns none: without --data nothing is kept.
func (*embedded) Data(context.Context) (string, error) { return "", nil }

// Ports returns those of the server and of its UI, if they are started.
func (e *embedded) Ports(f *dev.Flags) []dev.Port {
	if outside(f.RealProvider) {
		return nil
	}
	return []dev.Port{{Number: e.port, Flag: "temporal-port"}, {Number: e.uiPort, Flag: "ui-port"}}
}

// Start starts the server and everything on top of it.
func (e *embedded) Start(ctx context.Context, o dev.Options, dir string) (*dev.Stack, func() error, error) {
	options := stack.Options{Options: o, Temporal: temporalserver.Options{GRPCPort: e.port, UI: true, UIPort: e.uiPort, SpareHeap: true}}
	if dir != "" {
		options.Temporal.DataFile = filepath.Join(dir, "temporal.db")
	}
	if outside(o.RealProvider) {
		target, err := temporalclient.FromEnvironment()
		if err != nil {
			return nil, nil, err
		}
		options.OutsideTemporal = &target

	}
	running, err := stack.Start(ctx, options)
	if err != nil {
		return nil, nil, err
	}
	return running.Stack, running.Stop, nil
}

// outside reports whether TEMPORAL_ADDRESS names the Temporal to use. Without --real-provider it is ignored.
func outside(realProvider bool) bool { return realProvider && os.Getenv("TEMPORAL_ADDRESS") != "" }
