package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/dialqueue"
	"github.com/aftercall/aftercall/internal/temporalclient"
)

// dialTimeout bounds each request to Temporal.
const dialTimeout = 10 * time.Second

func (c *cli) dialCommand() *cobra.Command {
	return group("dial", "Stop all dialling, resume it, or show its state", c.dialStopCommand(), c.dialStartCommand(), c.dialStatusCommand())
}

func (c *cli) dialStopCommand() *cobra.Command {
	var reason, by string
	cmd := &cobra.Command{
		Use: "stop", Short: "Stop all dialling until dial start; setup and restarts do not resume it", Args: cobra.NoArgs,
		Long: "Stops all dialling at once: no worker places a call until aftercall dial start. Requests wait until their deadline;\n" +
			"a call that is being posted continues. The command talks to Temporal (TEMPORAL_ADDRESS) and needs only the right to\nconfigure a task queue.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if reason == "" {
				return usageError{errors.New("--reason is required: it is shown to anyone who asks why nobody is called")}
			}
			return c.withDialQueue(cmd.Context(), func(ctx context.Context, q dialqueue.Queue) error {
				if c.dryRun {
					return c.showDialling(ctx, q, "Would stop all dialling.")
				}
				if err := q.Stop(ctx, by, reason); err != nil {
					return notConfigured(err, "set AFTERCALL_DIAL_RATE=0 for every worker and restart them")
				}
				c.tellRequests(ctx, q)
				return c.showDialling(ctx, q, "Dialling is stopped. Resume it with aftercall dial start.")
			})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "the reason; shown on every waiting request")
	cmd.Flags().StringVar(&by, "by", operator(), "name of the operator")
	c.dryRunFlag(cmd)
	return cmd
}

func (c *cli) dialStartCommand() *cobra.Command {
	var by string
	var rate float64
	cmd := &cobra.Command{
		Use: "start", Short: "Resume dialling, at AFTERCALL_DIAL_RATE or --rate", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("rate") {
				cfg, err := c.settings()
				if err != nil {
					return err
				}
				rate = cfg.DialRate
			}
			if rate <= 0 {
				return usageError{fmt.Errorf("the rate is %g, which dials nothing: set AFTERCALL_DIAL_RATE, or --rate to calls per second", rate)}
			}
			if err := dialqueue.CheckRate(rate); err != nil {
				return usageError{err}
			}
			return c.withDialQueue(cmd.Context(), func(ctx context.Context, q dialqueue.Queue) error {
				if c.dryRun {
					return c.showDialling(ctx, q, fmt.Sprintf("Would dial %g per second.", rate))
				}
				if err := q.Start(ctx, by, rate); err != nil {
					return notConfigured(err, "set AFTERCALL_DIAL_RATE for every worker and restart them")
				}
				c.tellRequests(ctx, q)
				return c.showDialling(ctx, q, fmt.Sprintf("The fleet dials %g per second.", rate))
			})
		},
	}
	cmd.Flags().Float64Var(&rate, "rate", 0, "calls placed per second by the whole fleet; default: AFTERCALL_DIAL_RATE")
	cmd.Flags().StringVar(&by, "by", operator(), "name of the operator")
	c.dryRunFlag(cmd)
	return cmd
}

func (c *cli) dialStatusCommand() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show the current rate, who stopped dialling and why, and how many calls wait", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withDialQueue(cmd.Context(), func(ctx context.Context, q dialqueue.Queue) error { return c.showDialling(ctx, q, "") })
		},
	}
}

func (c *cli) withDialQueue(ctx context.Context, do func(context.Context, dialqueue.Queue) error) error {
	target, err := temporalclient.FromEnvironment()
	if err != nil {
		return err
	}
	t, err := temporalclient.New(target, nil, nil, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		return err
	}
	defer t.Close()
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	return do(ctx, dialqueue.Queue{Client: t, Namespace: target.Namespace})
}

// tellRequests has each waiting request show the change. Dialling stops and starts without it, and a worker does it where
// this command cannot.
func (c *cli) tellRequests(ctx context.Context, q dialqueue.Queue) {
	s, err := q.Status(ctx)
	if err == nil && s.Said() {
		err = q.Tell(ctx, s)
	}
	if err != nil {
		_, _ = fmt.Fprintln(c.errOut, "Waiting requests do not show this change yet; a running worker tries again:", err)
	}
}

// showDialling prints what was done and, if Temporal tells it, the state of dialling.
func (c *cli) showDialling(ctx context.Context, q dialqueue.Queue, done string) error {
	s, err := q.Status(ctx)
	if done != "" && c.output == "table" {
		c.println(done)
	}
	if err != nil {
		if done != "" { // the change itself has succeeded
			_, _ = fmt.Fprintln(c.errOut, "The state of dialling is unknown:", err)
			return nil
		}
		return err
	}
	if c.output == "json" && c.dryRun {
		return c.printJSON(map[string]any{"dryRun": true, "would": done, "now": s})
	}
	if c.output == "json" {
		return c.printJSON(s)
	}
	queued := fmt.Sprintf("%d (Temporal counts them every 5 s)", s.Waiting)
	c.fields("Dialling", "Rate", s.String(), "Calls in the queue", queued, "Workers that poll it", strconv.Itoa(s.Workers))
	if s.Workers == 0 && s.Stop == nil {
		c.println("Nobody polls the dial queue: start aftercall worker. One that runs with AFTERCALL_DIAL_RATE=0 polls within\n" +
			"seconds of aftercall dial start.")
	}
	return nil
}

func notConfigured(err error, instead string) error {
	if desk.Means(err, desk.ErrNotServed) || desk.Means(err, desk.ErrRefused) {
		return fmt.Errorf("this Temporal does not let us configure the dial queue: %w; %s", err, instead)
	}
	return err
}

// operator names the user who runs this command, as this machine knows it.
func operator() string {
	name := "operator"
	if u, err := user.Current(); err == nil && u.Username != "" {
		name = u.Username
	}
	if host, err := os.Hostname(); err == nil {
		name += "@" + host
	}
	return name
}
