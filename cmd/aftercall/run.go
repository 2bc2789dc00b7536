package main

import (
	"errors"
	"os"
	"strings"

	"github.com/spf13/cobra"

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
			return app.Run(cmd.Context(), app.Options{Config: cfg, Temporal: target, Log: log, Reload: c.settings}, roles...)
		},
	}
}

func (c *cli) setupCommand() *cobra.Command {
	var o app.SetupOptions
	cmd := &cobra.Command{
		Use: "setup", Short: "Prepare Temporal: namespace, search attributes, rates; may be repeated", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, target, err := c.deployment()
			if err != nil {
				return err
			}
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
			failed := app.Setup(cmd.Context(), cfg, target, o, report, func(line string) { left = append(left, line) })
			if c.output == "json" {
				answer := map[string]any{"done": done, "left": left}
				if c.dryRun {
					answer["dryRun"] = true
				}
				return errors.Join(c.printJSON(answer), failed)
			}
			if len(left) > 0 {
				c.println("To be done by hand, by an operator with the rights:\n- " + strings.Join(left, "\n- "))
			}
			return failed
		},
	}
	c.dryRunFlag(cmd)
	cmd.Flags().BoolVar(&o.SetRetention, "retention", false, "also set AFTERCALL_NAMESPACE_RETENTION on a namespace that exists")
	cmd.Flags().StringVar(&o.NexusEndpoint, "nexus-endpoint", "", "make a Nexus endpoint of this `NAME`, for callers in other namespaces")
	return cmd
}
