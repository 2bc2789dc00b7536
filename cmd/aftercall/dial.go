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

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/dialqueue"
	"github.com/aftercall/aftercall/internal/temporalclient"
)

// dialTimeout bounds each question to Temporal.
const dialTimeout = 10 * time.Second

func (c *cli) dialCommand() *cobra.Command {
	return group("dial", "Stop all dialling, start it again, show how it goes", c.dialStopCommand(), c.dialStartCommand(), c.dialStatusCommand())
}

func (c *cli) dialStopCommand() *cobra.Command {
	var reason, by string
	cmd := &cobra.Command{
		Use: "stop", Short: "Stop all dialling until dial start, whatever setup or a restart says", Args: cobra.NoArgs,
		Long: "Stops all dialling at once: no worker places a call until aftercall dial start. Requests wait until their deadline, and\n" +
			"what is being posted goes on. It talks to Temporal (TEMPORAL_ADDRESS) and needs no right but to configure a task queue.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if reason == "" {
				return usageError{errors.New("--reason is needed: why, for whoever wonders that nobody is called")}
			}
			return c.withDialQueue(cmd.Context(), func(ctx context.Context, q dialqueue.Queue) error {
				if c.dryRun {
					return c.showDialling(ctx, q, "Would stop all dialling.")
				}
				if err := q.Stop(ctx, by, reason); err != nil {
					return notConfigured(err, "set AFTERCALL_DIAL_RATE=0 for every worker and restart them")
				}
				none := 0.0
				c.tellRequests(ctx, q, calls.Dialling{Rate: &none, Stop: &calls.DialStop{By: by, Reason: reason, At: time.Now()}})
				return c.showDialling(ctx, q, "Dialling is stopped. aftercall dial start goes on.")
			})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why; shown to whoever looks at a waiting request")
	cmd.Flags().StringVar(&by, "by", operator(), "who stops it")
	c.dryRunFlag(cmd)
	return cmd
}

func (c *cli) dialStartCommand() *cobra.Command {
	var by string
	var rate float64
	cmd := &cobra.Command{
		Use: "start", Short: "Dial again, at AFTERCALL_DIAL_RATE or --rate", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("rate") {
				cfg, err := c.settings()
				if err != nil {
					return err
				}
				rate = cfg.DialRate
			}
			if rate <= 0 {
				return usageError{errors.New("the rate is 0, which dials nothing: set AFTERCALL_DIAL_RATE, or --rate to calls per second")}
			}
			return c.withDialQueue(cmd.Context(), func(ctx context.Context, q dialqueue.Queue) error {
				if c.dryRun {
					return c.showDialling(ctx, q, fmt.Sprintf("Would dial %g per second.", rate))
				}
				if err := q.Start(ctx, by, rate); err != nil {
					return notConfigured(err, "set AFTERCALL_DIAL_RATE for every worker and restart them")
				}
				c.tellRequests(ctx, q, calls.Dialling{Rate: &rate})
				return c.showDialling(ctx, q, fmt.Sprintf("The fleet dials %g per second.", rate))
			})
		},
	}
	cmd.Flags().Float64Var(&rate, "rate", 0, "calls placed per second by the whole fleet; default: AFTERCALL_DIAL_RATE")
	cmd.Flags().StringVar(&by, "by", operator(), "who starts it")
	c.dryRunFlag(cmd)
	return cmd
}

func (c *cli) dialStatusCommand() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show the rate that holds, who stopped dialling and why, and how many calls wait", Args: cobra.NoArgs,
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

// tellRequests is for those who look at a waiting request; dialling stops and starts without it.
func (c *cli) tellRequests(ctx context.Context, q dialqueue.Queue, d calls.Dialling) {
	if err := q.Tell(ctx, d); err != nil {
		_, _ = fmt.Fprintln(c.errOut, "Waiting requests were not told, so that their details say nothing of it:", err)
	}
}

// showDialling says what was done, and how dialling goes, where Temporal shows it.
func (c *cli) showDialling(ctx context.Context, q dialqueue.Queue, done string) error {
	s, err := q.Status(ctx)
	if done != "" && c.output == "table" {
		c.println(done)
	}
	if err != nil {
		if done != "" { // what was asked for is done
			_, _ = fmt.Fprintln(c.errOut, "How dialling goes was not shown:", err)
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
	c.fields("Dialling", "Rate", s.String(), "Calls in the queue", strconv.FormatInt(s.Waiting, 10), "Workers that poll it", strconv.Itoa(s.Workers))
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

// operator is who runs this command, as far as this machine knows.
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
