package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/aftercall/aftercall/internal/temporalclient"
)

func (c *cli) deployCommand() *cobra.Command {
	return group("deploy", "Roll out versioned workers, and roll back", c.deployStatusCommand(), c.deployPromoteCommand())
}

func (c *cli) deployStatusCommand() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use: "status", Short: "Show the versions of the workers, and how many workflows are stuck", Args: cobra.NoArgs,
		Example: "  aftercall deploy status --name aftercall",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withRollout(cmd.Context(), name, 0, func(ctx context.Context, r temporalclient.Rollout) error { return c.showRollout(ctx, r, "") })
		},
	}
	deploymentFlag(cmd, &name)
	return cmd
}

// promotion is a request of deploy promote.
type promotion struct {
	build  string
	ramped bool // to a share of the workflows
	ramp   float32
	wait   time.Duration
	force  bool
}

func (c *cli) deployPromoteCommand() *cobra.Command {
	var name string
	var p promotion
	cmd := &cobra.Command{
		Use: "promote BUILD-ID", Short: "Give a version of the workers all workflows, or a share of them", Args: cobra.ExactArgs(1),
		Long: "Give a version of the workers all workflows, those that run included, or a share of them by --ramp. Without a current\n" +
			"version, versioned workers get nothing. To roll back, end the ramp with --ramp 0, or promote the version before: workflows\n" +
			"go on with it. promote refuses while workflows are stuck, because the version may be the cause; --force overrides that.",
		Example: "  aftercall deploy promote v2 --ramp 10\n  aftercall deploy status\n  aftercall deploy promote v2 --ramp 0\n  aftercall deploy promote v2 --wait 5m",
		RunE: func(cmd *cobra.Command, args []string) error {
			p.build, p.ramped = args[0], cmd.Flags().Changed("ramp")
			if p.ramped && (p.ramp < 0 || p.ramp > 100) {
				return usageError{errors.New("--ramp must be from 0 to 100 percent")}
			}
			if p.wait < 0 {
				return usageError{errors.New("--wait must not be negative")}
			}
			return c.withRollout(cmd.Context(), name, p.wait, func(ctx context.Context, r temporalclient.Rollout) error { return c.promote(ctx, r, p) })
		},
	}
	deploymentFlag(cmd, &name)
	cmd.Flags().Float32Var(&p.ramp, "ramp", 0, "percent of the workflows that the version gets; 0 ends a ramp")
	cmd.Flags().DurationVar(&p.wait, "wait", 0, "how long to wait for workers of the version")
	cmd.Flags().BoolVar(&p.force, "force", false, "promote although workflows are stuck")
	c.dryRunFlag(cmd)
	return cmd
}

func (c *cli) promote(ctx context.Context, r temporalclient.Rollout, p promotion) error {
	now, err := r.Status(ctx)
	if err != nil {
		return err
	}
	if now.Stuck > 0 && p.givesMore(now) && !p.force {
		return fmt.Errorf("%d workflows are stuck, maybe because of version %s: look at them in the Temporal UI (TemporalReportedProblems is not null), "+
			"roll back with --ramp 0, or use --force", now.Stuck, p.build)
	}
	if c.dryRun {
		return c.showRollout(ctx, r, p.String())
	}
	if p.ramped {
		err = r.Ramp(ctx, p.build, p.ramp, p.wait)
	} else {
		err = r.Promote(ctx, p.build, p.wait)
	}
	if err != nil {
		return fmt.Errorf("version %s of %s: %w", p.build, r.Name, err)
	}
	return c.showRollout(ctx, r, p.String())
}

// givesMore reports whether a ramped version gets more workflows than now.
func (p promotion) givesMore(now temporalclient.Deployment) bool {
	if p.ramped {
		return p.ramp > now.Percent
	}
	return p.build == now.Ramping
}

// String describes what the promotion does.
func (p promotion) String() string {
	if p.ramped {
		return fmt.Sprintf("Version %s gets %g %% of the workflows.", p.build, p.ramp)
	}
	return "Version " + p.build + " gets all workflows."
}

func deploymentFlag(cmd *cobra.Command, name *string) {
	cmd.Flags().StringVar(name, "name", os.Getenv("TEMPORAL_DEPLOYMENT_NAME"), "name of the worker deployment (TEMPORAL_DEPLOYMENT_NAME)")
}

func (c *cli) withRollout(ctx context.Context, name string, wait time.Duration, do func(context.Context, temporalclient.Rollout) error) error {
	if name == "" {
		return usageError{errors.New("--name or TEMPORAL_DEPLOYMENT_NAME must be set: the name that the workers have")}
	}
	target, err := temporalclient.FromEnvironment()
	if err != nil {
		return err
	}
	t, err := temporalclient.New(target, nil, nil, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		return err
	}
	defer t.Close()
	ctx, cancel := context.WithTimeout(ctx, wait+4*dialTimeout)
	defer cancel()
	return do(ctx, temporalclient.Rollout{Client: t, Namespace: target.Namespace, Name: name})
}

// showRollout prints what was done, if anything, and the current deployment.
func (c *cli) showRollout(ctx context.Context, r temporalclient.Rollout, done string) error {
	d, err := r.Status(ctx)
	if err != nil {
		return err
	}
	if c.output == "json" {
		if c.dryRun {
			return c.printJSON(map[string]any{"dryRun": true, "would": done, "now": d})
		}
		return c.printJSON(d)
	}
	switch {
	case c.dryRun:
		c.println("Nothing was changed. The change would be: " + done)
	case done != "":
		c.println(done)
	}
	rows := make([]table.Row, len(d.Versions))
	for i, v := range d.Versions {
		state := v.State
		if state == "ramping" {
			state += fmt.Sprintf(" (%g %%)", d.Percent)
		}
		rows[i] = table.Row{v.BuildID, state, v.Since.Format(time.RFC3339)}
	}
	c.table("Deployment "+d.Name, table.Row{"Build id", "State", "Since"}, rows)
	if d.Current == "" {
		c.println("No version is current: only workers without a version get workflows.")
	}
	c.println("Stuck workflows:", strconv.FormatInt(d.Stuck, 10))
	return nil
}
