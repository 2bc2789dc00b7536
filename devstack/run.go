package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/aftercall/aftercall/devstack/stack"
	"github.com/aftercall/aftercall/devstack/temporalserver"
	"github.com/aftercall/aftercall/internal/config"
	"github.com/aftercall/aftercall/internal/simulator"
	"github.com/aftercall/aftercall/internal/telemetry"
	"github.com/aftercall/aftercall/internal/temporalclient"
)

// run starts everything, says so, and ends everything when the context ends.
func run(ctx context.Context, f flags, began time.Time) (err error) {
	kept, err := openData(f.data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kept.close()) }()

	env := plan(os.Environ(), f, kept.dir, kept.credentials)
	if err := env.apply(); err != nil {
		return err
	}
	options, err := stackOptions(f, kept)
	if err != nil {
		return err
	}
	screen := &live{out: os.Stdout}
	if !f.quiet {
		screen.hear(&options)
	}
	running, err := stack.Start(ctx, options)
	if ctx.Err() != nil {
		return nil // ended while it started: Start has cleaned up
	}
	if err != nil {
		return err
	}
	fmt.Print(banner{stack: running, data: kept, ignored: env.ignored, real: f.realProvider, took: since(began)}.text(isTerminal(os.Stdout)))
	if !f.quiet {
		go screen.watch(ctx, running, began)
	}

	select {
	case <-ctx.Done():
		fmt.Println("\nStopping.")
	case err = <-running.Failed():
	}
	return errors.Join(err, running.Stop())
}

// stackOptions turns flags and environment into what to start. It fails before anything has started.
func stackOptions(f flags, kept *data) (stack.Options, error) {
	cfg, err := config.Load("")
	if err != nil {
		return stack.Options{}, err
	}
	outside, err := outsideTemporal(f)
	if err != nil {
		return stack.Options{}, err
	}
	if !f.given["codec-port"] {
		cfg.CodecAddr = freeWhereTaken(cfg.CodecAddr)
	}
	if err := checkPorts(f, cfg, outside == nil); err != nil {
		return stack.Options{}, err
	}
	return stack.Options{
		Config: cfg,
		Temporal: temporalserver.Options{
			GRPCPort: f.temporalPort, UI: true, UIPort: f.uiPort, DataFile: kept.temporalFile(),
		},
		OutsideTemporal: outside,
		Simulator: simulator.Options{
			Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(f.simulatorPort)), Speed: f.speed,
		},
		RealProvider: f.realProvider,
		Log:          telemetry.NewLogger(os.Stderr, cfg.LogLevel, cfg.LogFormat),
	}, nil
}

// outsideTemporal is the Temporal that TEMPORAL_ADDRESS names; nil where none is named. Without --real-provider the
// variable was ignored.
func outsideTemporal(f flags) (*client.Options, error) {
	if !f.realProvider || os.Getenv("TEMPORAL_ADDRESS") == "" {
		return nil, nil
	}
	options, err := temporalclient.FromEnvironment()
	if err != nil {
		return nil, err
	}
	return &options, nil
}

// since is how long the start took, with the compilation where the Makefile says when that began (AFTERCALL_DEV_SINCE,
// in Unix seconds).
func since(began time.Time) time.Duration {
	if seconds, err := strconv.ParseInt(os.Getenv("AFTERCALL_DEV_SINCE"), 10, 64); err == nil {
		began = time.Unix(seconds, 0)
	}
	return time.Since(began)
}
