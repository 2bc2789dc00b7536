package main

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/aftercall/aftercall/internal/app"
	"github.com/aftercall/aftercall/internal/keys"
	"github.com/aftercall/aftercall/internal/temporalclient"
)

func (c *cli) keysCommand() *cobra.Command {
	return group("keys", "Manage the keys that encrypt and hash stored data", c.keysNewCommand(), c.keysStatusCommand())
}

func (c *cli) keysNewCommand() *cobra.Command {
	return &cobra.Command{
		Use: "new", Short: "Generate an encryption key and a hash key, and print them; nothing is changed", Args: cobra.NoArgs,
		Long: "Generate an encryption key and a hash key, and print them as settings. To rotate, add the new encryption key second everywhere,\n" +
			"then move it first (a process reloads its keys on SIGHUP); keep the old key while Temporal or the inbox holds data\n" +
			"that it encrypted. Never change the hash key once it is in use.",
		RunE: func(*cobra.Command, []string) error {
			made := keys.New(time.Now())
			if c.output == "json" {
				return c.printJSON(made)
			}
			c.println(strings.TrimSpace(made.String()))
			return nil
		},
	}
}

func (c *cli) keysStatusCommand() *cobra.Command {
	var count bool
	cmd := &cobra.Command{
		Use: "status", Short: "Show the keys that this process would use, and how much each has encrypted", Args: cobra.NoArgs,
		Long: "Show the keys that this process would use, and count what each has encrypted: workflows, by reading their histories\n" +
			"(some milliseconds each), and bodies in the inbox of the serve whose admin listener this machine reaches.\n" +
			"An old key that holds nothing may be removed. --count=false skips the counting.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.settings()
			if err != nil {
				return err
			}
			status, err := app.KeysOf(cfg)
			if err != nil {
				return err
			}
			if count {
				target, err := temporalclient.FromEnvironment()
				if err != nil {
					return err
				}
				status.CountHeld(cmd.Context(), target, c.sealedWith)
			}
			if c.output == "json" {
				return c.printJSON(status)
			}
			c.println("Encrypts: " + orNone(status.Encrypts))
			c.println("Decrypt too: " + orNone(strings.Join(status.Decrypt, ", ")))
			c.println("Hash key: " + orNone(status.HashKey))
			if count {
				c.showHeld(status)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&count, "count", true, "count what each key has encrypted")
	return cmd
}

// sealedWith asks the admin listener how many of the inbox's bodies each key has sealed.
func (c *cli) sealedWith(ctx context.Context) (map[string]int, error) {
	admin, err := c.admin()
	if err != nil {
		return nil, err
	}
	raw, err := admin.Do(ctx, http.MethodGet, "/inbox/keys", nil)
	if err != nil {
		return nil, err
	}
	var counts map[string]int
	return counts, json.Unmarshal(raw, &counts)
}

// showHeld prints how much each key has encrypted, and which keys may be removed.
func (c *cli) showHeld(s app.KeysStatus) {
	var rows []table.Row
	known := append([]string{s.Encrypts}, s.Decrypt...)
	for _, id := range append(slices.Clone(s.Decrypt), slices.Sorted(maps.Keys(s.Held))...) {
		if slices.ContainsFunc(rows, func(r table.Row) bool { return r[0] == cmp.Or(id, "in clear") }) {
			continue
		}
		h, remark := s.Held[id], ""
		switch {
		case s.Unneeded(id):
			remark = "holds nothing: may be removed"
		case id != "" && !slices.Contains(known, id):
			remark = "is not among AFTERCALL_ENCRYPTION_KEYS: unreadable"
		}
		rows = append(rows, table.Row{cmp.Or(id, "in clear"), h.Running, h.Closed, h.Bodies, remark})
	}
	c.table("Holds", table.Row{"Key", "Running", "Closed", "Inbox", ""}, rows)
	for _, why := range s.Uncounted {
		c.println("Not counted: " + why)
	}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
