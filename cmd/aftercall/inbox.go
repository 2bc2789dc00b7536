package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/aftercall/aftercall/handlers"
	"github.com/aftercall/aftercall/internal/apiclient"
)

func (c *cli) inboxCommand() *cobra.Command {
	return group("inbox", "Dead letters: list, show, requeue and drop them", c.inboxListCommand(), c.inboxShowCommand(),
		c.inboxEachCommand("requeue", "Put dead letters back, to be delivered now", http.MethodPost, "/requeue"),
		c.inboxEachCommand("drop", "Forget dead letters", http.MethodDelete, ""))
}

// admin is a client of the admin listener of a running serve.
func (c *cli) admin() (*apiclient.Client, error) {
	cfg, err := c.settings()
	if err != nil {
		return nil, err
	}
	base, own := c.adminURL, c.adminURL == ""
	if own {
		base = cfg.Scheme() + "://" + reachable(cfg.AdminAddr)
	}
	admin, err := apiclient.New(base, cfg.AdminToken)
	if err != nil || !own || cfg.TLSCertFile == "" {
		return admin, err
	}
	return admin, admin.TrustOnly(cfg.TLSCertFile)
}

// reachable turns the address of a listener into one to connect to.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

func (c *cli) inboxListCommand() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "list", Short: "List the dead letters", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			admin, err := c.admin()
			if err != nil {
				return err
			}
			list, err := deadLetters(cmd.Context(), admin, reason)
			if err != nil {
				return err
			}
			if c.output == "json" {
				return c.printJSON(handlers.DeadLetterList{DeadLetters: list})
			}
			rows := make([]table.Row, len(list))
			for i, d := range list {
				rows[i] = table.Row{d.ID, string(d.Reason), clock(&d.ReceivedAt), d.CallKey, words(d.Detail), d.SizeBytes}
			}
			c.table(strconv.Itoa(len(list))+" dead letters", table.Row{"Id", "Reason", "Received", "Call", "Detail", "Bytes"}, rows)
			return nil
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "only those with this reason: not-json, no-key, late, application or permanent")
	return cmd
}

// deadLetters reads all pages.
func deadLetters(ctx context.Context, admin *apiclient.Client, reason string) ([]handlers.DeadLetter, error) {
	all := []handlers.DeadLetter{}
	for after := ""; ; {
		query := url.Values{"reason": {reason}, "after": {after}}
		raw, err := admin.Do(ctx, http.MethodGet, "/inbox/dead-letters?"+query.Encode(), nil)
		if err != nil {
			return nil, err
		}
		var page handlers.DeadLetterList
		if err := json.Unmarshal(raw, &page); err != nil {
			return nil, fmt.Errorf("read answer: %w", err)
		}
		all = append(all, page.DeadLetters...)
		if after = page.Next; after == "" {
			return all, nil
		}
	}
}

func (c *cli) inboxShowCommand() *cobra.Command {
	var reveal bool
	cmd := &cobra.Command{
		Use: "show ID", Short: "Show a dead letter with its body", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			admin, err := c.admin()
			if err != nil {
				return err
			}
			raw, err := admin.Do(cmd.Context(), http.MethodGet, deadLetterPath(args[0])+"?reveal="+strconv.FormatBool(reveal), nil)
			if err != nil {
				return err
			}
			return show(c, raw, func(d handlers.DeadLetter) {
				c.fields("Dead letter "+d.ID, "Reason", string(d.Reason), "Detail", words(d.Detail), "Call", d.CallKey, "Event", d.EventKey,
					"Received", clock(&d.ReceivedAt), "Given up", clock(&d.DiedAt), "Bytes", strconv.Itoa(d.SizeBytes), "Came as", d.Encoding)
				switch {
				case d.Encoding != "" && d.Body == "" && len(d.Raw) == 0:
					c.println("The body is no text; --reveal prints its bytes in base64.")
				case d.Encoding != "" && d.Body == "":
					c.println(base64.StdEncoding.EncodeToString(d.Raw))
				default:
					c.println(d.Body)
				}
				if len(d.Variants) > 0 {
					c.println("\nOther bodies of the same event:\n" + strings.Join(d.Variants, "\n"))
				}
			})
		},
	}
	cmd.Flags().BoolVar(&reveal, "reveal", false, "do not mask phone numbers")
	return cmd
}

// inboxEachCommand does the same to each dead letter named; one that fails does not keep the others from it.
func (c *cli) inboxEachCommand(verb, short, method, suffix string) *cobra.Command {
	return &cobra.Command{
		Use: verb + " ID...", Short: short, Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			admin, err := c.admin()
			if err != nil {
				return err
			}
			var errs []error
			for _, id := range args {
				raw, err := admin.Do(cmd.Context(), method, deadLetterPath(id)+suffix, nil)
				if err == nil {
					err = show(c, raw, func(a struct{ ID, Status string }) { c.println(a.ID + " " + a.Status) })
				}
				if err != nil {
					errs = append(errs, fmt.Errorf("%s: %w", id, err))
				}
			}
			return errors.Join(errs...)
		},
	}
}

func deadLetterPath(id string) string { return "/inbox/dead-letters/" + url.PathEscape(id) }
