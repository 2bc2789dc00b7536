package dev

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/aftercall/aftercall/internal/config"
	"github.com/aftercall/aftercall/internal/simulator"
	"github.com/aftercall/aftercall/internal/telemetry"
)

// run starts everything, reports that, and ends everything when the context ends.
func (p Program) run(ctx context.Context, f *Flags, began time.Time) (err error) {
	program, err := findExample(f.example, f.RealProvider)
	if err != nil {
		return err
	}
	kept, err := p.data(ctx, f)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kept.close()) }()

	env := plan(os.Environ(), f, kept.dir, kept.credentials)
	if err := env.apply(); err != nil {
		return err
	}
	options, err := p.options(ctx, f)
	if err != nil {
		return err
	}
	screen := &live{out: os.Stdout}
	if !f.quiet {
		screen.hear(&options)
	}
	dir := ""
	if kept.kept {
		dir = kept.dir
	}
	running, stop, err := p.Temporal.Start(ctx, options, dir)
	if err != nil {
		if ctx.Err() != nil {
			return nil // it was ended during the start: Start has cleaned up
		}
		return err
	}
	b := banner{stack: running, data: kept, ignored: env.ignored, real: f.RealProvider, uiNote: p.UINote, took: since(began)}
	fmt.Print(b.text(isTerminal(os.Stdout)))
	if !f.quiet {
		go screen.watch(ctx, running, began)
	}
	if program != nil {
		go program.run(ctx, running)
	}

	select {
	case <-ctx.Done():
		fmt.Println("\nStopping.")
	case err = <-running.Failed():
	}
	return errors.Join(err, stop())
}

// data opens the folder of the flags, or the default of Temporal's source.
func (p Program) data(ctx context.Context, f *Flags) (*data, error) {
	if f.data == "" {
		dir, err := p.Temporal.Data(ctx)
		if err != nil {
			return nil, err
		}
		f.data = dir
	}
	return openData(f.data)
}

// options makes the options of the stack from flags and environment. It fails before anything has started.
func (p Program) options(ctx context.Context, f *Flags) (Options, error) {
	cfg, err := config.Load("")
	if err != nil {
		return Options{}, err
	}
	if !f.given["codec-port"] {
		cfg.CodecAddr = freeWhereTaken(ctx, cfg.CodecAddr)
	}
	if err := checkPorts(ctx, f, cfg, p.Temporal.Ports(f)); err != nil {
		return Options{}, err
	}
	return Options{
		Config: cfg,
		Simulator: simulator.Options{
			Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(f.simulatorPort)), Speed: f.speed,
		},
		RealProvider: f.RealProvider,
		Log:          telemetry.NewLogger(os.Stderr, cfg.LogLevel, cfg.LogFormat),
	}, nil
}

// since returns how long the start took. That includes the compilation if the Makefile says when it began
// (AFTERCALL_DEV_SINCE, in Unix seconds).
func since(began time.Time) time.Duration {
	if seconds, err := strconv.ParseInt(os.Getenv("AFTERCALL_DEV_SINCE"), 10, 64); err == nil {
		began = time.Unix(seconds, 0)
	}
	return time.Since(began)
}
