package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/aftercall/aftercall/handlers"
	"github.com/aftercall/aftercall/internal/apiclient"
	"github.com/aftercall/aftercall/internal/config"
	"github.com/aftercall/aftercall/internal/inbox"
)

func (c *cli) inboxCommand() *cobra.Command {
	return group("inbox", "Dead letters: list, show, requeue and drop them; copy an inbox", c.inboxListCommand(), c.inboxShowCommand(),
		c.inboxRequeueCommand(), c.inboxDropCommand(), c.inboxCopyCommand())
}

// admin returns a client of the admin listener of a running serve.
func (c *cli) admin() (*apiclient.Client, error) {
	cfg, err := c.settings()
	if err != nil {
		return nil, err
	}
	base, own := c.adminURL, c.adminURL == ""
	if own {
		base = cfg.Reach(cfg.AdminAddr)
	}
	admin, err := apiclient.New(base, cfg.AdminToken)
	if err == nil {
		admin.OnUnauthorized("Set AFTERCALL_ADMIN_TOKEN to the token of that serve.")
	}
	if err != nil || !own || cfg.TLSCertFile == "" {
		return admin, err
	}
	return admin, admin.TrustOnly(cfg.TLSCertFile)
}

func (c *cli) inboxListCommand() *cobra.Command {
	var reason, call string
	cmd := &cobra.Command{
		Use: "list", Short: "List the dead letters", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if reason != "" {
				if err := oneOf("reason", reason, inbox.Reasons()); err != nil {
					return err
				}
			}
			admin, err := c.admin()
			if err != nil {
				return err
			}
			list, err := deadLetters(cmd.Context(), admin, reason, call)
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
			c.table(counted(len(list), "dead letter"), table.Row{"Id", "Reason", "Received", "Call", "Detail", "Bytes"}, rows)
			return nil
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "only dead letters with this reason: "+strings.Join(inbox.Reasons(), ", "))
	cmd.Flags().StringVar(&call, "call", "", "only the dead letters of this call")
	return cmd
}

// deadLetters reads all pages.
func deadLetters(ctx context.Context, admin *apiclient.Client, reason, call string) ([]handlers.DeadLetter, error) {
	all := []handlers.DeadLetter{}
	for after := ""; ; {
		query := url.Values{}
		set(query, "reason", reason)
		set(query, "call", call)
		set(query, "after", after)
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
					"Received", clock(&d.ReceivedAt), "Dead since", clock(&d.DiedAt), "Bytes", strconv.Itoa(d.SizeBytes), "Encoding", d.Encoding)
				switch {
				case d.Encoding != "" && d.Body == "" && len(d.Raw) == 0:
					c.println("The body is not text; --reveal prints its bytes in base64.")
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

// inboxRequeueCommand returns dead letters to the queue: the named ones, all, or one with a corrected body.
func (c *cli) inboxRequeueCommand() *cobra.Command {
	var all bool
	var reason, file string
	cmd := &cobra.Command{
		Use: "requeue ID...|--all", Short: "Deliver dead letters again, now",
		Long: "Deliver dead letters again, now. With --body a corrected body replaces the original, which is kept\n" +
			"beside it. A notification that still cannot be delivered becomes a dead letter again.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := errors.Join(onlyWith(cmd, "all", "reason"), without(cmd, "all", "body"), c.checkRequeue(args, all, file, reason)); err != nil {
				return err
			}
			admin, err := c.admin()
			if err != nil {
				return err
			}
			var body any
			if file != "" {
				raw, err := readFile(file)
				if err != nil {
					return err
				}
				if !json.Valid(raw) {
					return fmt.Errorf("%s is not JSON: correct it first", file)
				}
				body = json.RawMessage(raw)
			}
			if all {
				letters, err := deadLetters(cmd.Context(), admin, reason, "")
				if err != nil {
					return err
				}
				for _, d := range letters {
					args = append(args, d.ID)
				}
				c.note(counted(len(args), "dead letter"))
			}
			return c.each(cmd.Context(), admin, args, http.MethodPost, "/requeue", body)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "all dead letters, or with --reason all with that reason")
	cmd.Flags().StringVar(&reason, "reason", "", "with --all: only dead letters with this reason")
	cmd.Flags().StringVar(&file, "body", "", "file with the corrected body, - for standard input; for one dead letter")
	c.dryRunFlag(cmd)
	return cmd
}

func (c *cli) checkRequeue(args []string, all bool, file, reason string) error {
	switch {
	case all && len(args) > 0:
		return usageError{errors.New("name dead letters or give --all, not both")}
	case !all && len(args) == 0:
		return usageError{errors.New("name the dead letters (see aftercall inbox list), or give --all")}
	case file != "" && len(args) != 1:
		return usageError{errors.New("--body needs exactly one dead letter")}
	case reason != "":
		return oneOf("reason", reason, inbox.Reasons())
	}
	return nil
}

func (c *cli) inboxDropCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "drop ID...", Short: "Delete dead letters", Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			admin, err := c.admin()
			if err != nil {
				return err
			}
			return c.each(cmd.Context(), admin, args, http.MethodDelete, "", nil)
		},
	}
	c.dryRunFlag(cmd)
	return cmd
}

// inboxCopyCommand copies one store to another. It works on the stores themselves, without a serve.
func (c *cli) inboxCopyCommand() *cobra.Command {
	return &cobra.Command{
		Use: "copy FROM TO", Short: "Copy an inbox into another one", Args: cobra.ExactArgs(2),
		Long: "Copy all that an inbox holds into another one: what is pending or leased, dead letters, receipts, and the keys by which\n" +
			"repetitions are known. FROM and TO are URLs as AFTERCALL_INBOX_URL has them, or @FILE with a file that holds one, which keeps a\n" +
			"password off the command line. No serve may have FROM open, and none may be started on it again: what is pending there is\n" +
			"pending in TO as well. Bodies stay encrypted, so that TO needs the same AFTERCALL_ENCRYPTION_KEYS. It may be repeated.",
		RunE: func(cmd *cobra.Command, args []string) error {
			var urls [2]string
			for i, arg := range args {
				var err error
				if urls[i], err = inboxURL(arg); err != nil {
					return err
				}
			}
			copied, err := inbox.Copy(cmd.Context(), urls[0], urls[1], nil)
			if err != nil {
				return errors.New(config.WithoutURL(errors.New(config.WithoutURL(err, urls[0])), urls[1]))
			}
			if c.output == "json" {
				return c.printJSON(map[string]int{
					"pending": copied.Pending, "deadLetters": copied.DeadLetters, "delivered": copied.Delivered, "known": copied.Known,
				})
			}
			c.println(fmt.Sprintf("copied: %d pending, %s, %d delivered; known before: %d",
				copied.Pending, counted(copied.DeadLetters, "dead letter"), copied.Delivered, copied.Known))
			return nil
		},
	}
}

func inboxURL(arg string) (string, error) {
	path, ok := strings.CutPrefix(arg, "@")
	if !ok {
		return arg, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", usageError{err}
	}
	return strings.TrimSpace(string(text)), nil
}

// each sends a request for every named dead letter. A failure does not stop the others.
func (c *cli) each(ctx context.Context, admin *apiclient.Client, ids []string, method, suffix string, body any) error {
	var errs []error
	for _, id := range ids {
		if c.dryRun {
			errs = append(errs, c.rehearse(method, deadLetterPath(id)+suffix, body))
			continue
		}
		raw, err := admin.Do(ctx, method, deadLetterPath(id)+suffix, body)
		if err == nil {
			err = show(c, raw, func(a struct{ ID, Status string }) { c.println(a.ID + " " + a.Status) })
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", id, err))
		}
	}
	return errors.Join(errs...)
}

// note prints a line for people. It prints nothing with --output json.
func (c *cli) note(text string) {
	if c.output != "json" {
		c.println(text)
	}
}

func deadLetterPath(id string) string { return "/inbox/dead-letters/" + url.PathEscape(id) }
