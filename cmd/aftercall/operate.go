package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/aftercall/aftercall/internal/apiclient"
	"github.com/aftercall/aftercall/internal/app"
	"github.com/aftercall/aftercall/internal/config"
)

func (c *cli) configCommand() *cobra.Command {
	return &cobra.Command{
		Use: "config", Short: "Show every setting with its value, default and meaning", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			cfg, err := c.settings()
			if err != nil {
				return err
			}
			for _, line := range config.Unknown(c.configPath) {
				fmt.Fprintln(c.errOut, "aftercall: "+line)
			}
			list := cfg.Settings()
			if c.output == "json" {
				return c.printJSON(list)
			}
			rows := make([]table.Row, len(list))
			for i, s := range list {
				name := s.Name
				if s.Secret {
					name += " (or _FILE)"
				}
				rows[i] = table.Row{name, s.Value, s.Default, s.Meaning}
			}
			c.table("Settings", table.Row{"Variable", "Value", "Default", "Meaning"}, rows)
			c.println("Temporal has its own variables:  TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TEMPORAL_TLS_…")
			return nil
		},
	}
}

func (c *cli) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Check every connection and say what to do", Args: cobra.NoArgs,
		Long: "Check every connection and say what to do; exit 1 if something is wrong. The API is checked if --api-url or\n" +
			"AFTERCALL_API_URL is set, with AFTERCALL_API_KEY; the inbox is checked through --admin-url, if given.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, target, err := c.deployment()
			if err != nil {
				return err
			}
			at := app.At{AdminURL: c.adminURL}
			if cmd.Flags().Changed("api-url") || os.Getenv("AFTERCALL_API_URL") != "" {
				at.APIURL = c.apiURL
				if at.APIKey, err = apiKey(); err != nil {
					return err
				}
			}
			return c.findings(app.DoctorAt(cmd.Context(), cfg, target, at))
		},
	}
}

// findings prints the findings of doctor. It returns an error if a check failed.
func (c *cli) findings(list []app.Finding) error {
	var failed error
	for _, f := range list {
		if !f.OK {
			failed = errReported
		}
	}
	if c.output == "json" {
		return cmp.Or(c.printJSON(list), failed)
	}
	for _, f := range list {
		sign := c.paint("✓", text.FgGreen)
		if !f.OK {
			sign = c.paint("✗", text.FgRed)
		}
		c.println(sign + " " + strings.Join(c.finding(f), "\n"))
	}
	return failed
}

// checkWidth is the length of the longest name of a check.
const checkWidth = 18

// finding prints one check: its name, beside it the detail, below that the advice.
func (c *cli) finding(f app.Finding) []string {
	room := max(c.width()-checkWidth-2, 20)
	lines := wrap(f.Detail, room)
	if f.Advice != "" {
		lines = append(lines, wrap("→ "+f.Advice, room)...)
	}
	for i, line := range lines {
		name := ""
		if i == 0 {
			name = f.Check
		} else {
			line = "  " + line
		}
		lines[i] = fmt.Sprintf("%-*s%s", checkWidth, name, line)
	}
	return lines
}

func (c *cli) healthCommand() *cobra.Command {
	return &cobra.Command{
		Use: "health", Short: "Fail unless the aftercall on this machine is ready; for containers", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			admin, err := c.admin()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), 5*time.Second)
			defer cancel()
			raw, err := admin.Do(ctx, http.MethodGet, "/readyz", nil)
			if err != nil {
				return notReady(err)
			}
			return show(c, raw, func(a struct{ Status string }) { c.println(a.Status) })
		},
	}
}

// notReady returns an error that names the checks that failed, if the answer lists them.
func notReady(err error) error {
	var answer *apiclient.Error
	var ready struct {
		Checks map[string]struct {
			OK, Required bool
			Detail       string
		}
	}
	if !errors.As(err, &answer) || json.Unmarshal(answer.Body, &ready) != nil || len(ready.Checks) == 0 {
		return err
	}
	reasons := []error{errors.New("not ready")}
	for name, check := range ready.Checks {
		if check.Required && !check.OK {
			reasons = append(reasons, fmt.Errorf("  %s: %s", name, check.Detail))
		}
	}
	return errors.Join(reasons...)
}

func (c *cli) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Show what was built: the commit, when it was made, and with which Go", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			info, _ := debug.ReadBuildInfo()
			v := built(info)
			if c.output == "json" {
				return c.printJSON(v)
			}
			c.println("aftercall", v["version"])
			c.println(strings.TrimSpace("commit " + v["revision"] + " " + v["date"]))
			c.println("built with", v["go"])
			return nil
		},
	}
}

// The linker sets commit and commitDate in a build without a checkout, like the image's (see Dockerfile).
var commit, commitDate string

// built returns the known facts of the build: from the linker, and from the Go toolchain, whose info overrides them. info is
// nil if the toolchain recorded nothing.
func built(info *debug.BuildInfo) map[string]string {
	v := map[string]string{"version": "unknown", "revision": "unknown", "go": runtime.Version()}
	if clean, dirty := strings.CutSuffix(commit, "-dirty"); commit != "" {
		v["revision"], v["date"] = clean, commitDate
		if dirty {
			v["modified"] = "true"
		}
	}
	if info == nil {
		return v
	}
	if info.Main.Version != "" {
		v["version"] = info.Main.Version
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			v["revision"] = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.time":
			v["date"] = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			v["modified"] = "true"
		}
	}
	return v
}
