package main

import (
	"context"
	"errors"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/aftercall/aftercall/internal/app"
	"github.com/aftercall/aftercall/internal/config"
	"github.com/aftercall/aftercall/internal/telemetry"
	"github.com/aftercall/aftercall/internal/temporalclient"
)

func (c *cli) serveCommand() *cobra.Command {
	return c.roleCommand("serve", "Run the webhook, the API, the inbox and the dispatcher", app.Serve)
}

func (c *cli) workerCommand() *cobra.Command {
	return c.roleCommand("worker", "Run the workflows and activities", app.Worker)
}

func (c *cli) runCommand() *cobra.Command {
	return c.roleCommand("run", "Run serve and worker in one process", app.Serve, app.Worker)
}

func (c *cli) roleCommand(use, short string, roles ...app.Role) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, target, err := c.deployment()
			if err != nil {
				return err
			}
			log := telemetry.NewLogger(os.Stderr, cfg.LogLevel, cfg.LogFormat)
			for _, line := range config.Unknown(c.configPath) {
				log.Warn("a setting is not known", "setting", line)
			}
			version, err := temporalclient.VersionFromEnvironment()
			if err != nil {
				return err
			}
			return app.Run(cmd.Context(), app.Options{Config: cfg, Temporal: target, Version: version, Log: log, Reload: c.settings}, roles...)
		},
	}
}

func (c *cli) setupCommand() *cobra.Command {
	var o app.SetupOptions
	var printed bool
	cmd := &cobra.Command{
		Use: "setup", Short: "Prepare Temporal: namespace, search attributes, rates; may be repeated", Args: cobra.NoArgs,
		Long: "Prepare Temporal: namespace, search attributes, rates. It may be repeated. setup skips what Temporal refuses and lists it at\n" +
			"the end; it fails only if aftercall cannot work without it. --print does not contact Temporal: it prints commands of\n" +
			"temporal, or of tcld if TEMPORAL_ADDRESS is on Temporal Cloud, for an operator with the rights.",
		Example: "  aftercall setup --dry-run\n  aftercall setup --print >setup.sh",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := without(cmd, "print", "dry-run", "retention"); err != nil {
				return err
			}
			cfg, target, err := c.deployment()
			if err != nil {
				return err
			}
			if printed {
				return c.printSetup(app.SetupCommands(cfg, target, o))
			}
			return c.setUp(cmd.Context(), cfg, target, o)
		},
	}
	c.dryRunFlag(cmd)
	cmd.Flags().BoolVar(&o.SetRetention, "retention", false, "also set AFTERCALL_NAMESPACE_RETENTION on a namespace that exists")
	cmd.Flags().StringVar(&o.NexusEndpoint, "nexus-endpoint", "", "make a Nexus endpoint of this `NAME`, for callers in other namespaces")
	cmd.Flags().BoolVar(&printed, "print", false, "only print commands of temporal or tcld that do the same")
	return cmd
}

func (c *cli) setUp(ctx context.Context, cfg config.Config, target client.Options, o app.SetupOptions) error {
	if c.dryRun {
		target = temporalclient.Rehearsal(target)
		c.note("Nothing was changed. The changes would be:")
	}
	done, left := []string{}, []string{}
	report := func(line string) {
		done = append(done, line)
		if c.output == "table" {
			c.println(line)
		}
	}
	failed := app.Setup(ctx, cfg, target, o, report, func(line string) { left = append(left, line) })
	if c.output == "json" {
		answer := map[string]any{"done": done, "left": left}
		if c.dryRun {
			answer["dryRun"] = true
		}
		return errors.Join(c.printJSON(answer), failed)
	}
	if len(left) > 0 {
		c.println("To be done by hand, by an operator with the rights:\n- " + strings.Join(left, "\n- "))
		c.println("aftercall setup --print prints the commands.")
	}
	return failed
}

// printSetup prints commands as a script. It comments out those that do harm unless their condition holds.
func (c *cli) printSetup(commands []temporalclient.Command) error {
	if c.output == "json" {
		return c.printJSON(map[string]any{"commands": commands})
	}
	for _, command := range commands {
		c.println("# " + command.For)
		if command.OnlyIf != "" {
			c.println("# only if " + command.OnlyIf + ":")
			command.Line = "# " + command.Line
		}
		c.println(command.Line)
	}
	return nil
}
