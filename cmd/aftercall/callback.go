package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/aftercall/aftercall/handlers"
)

func (c *cli) callbackCommand() *cobra.Command {
	return group("callback", "List and show callbacks, and send them again", c.callbackListCommand(), c.callbackShowCommand(), c.callbackRetryCommand())
}

func (c *cli) callbackListCommand() *cobra.Command {
	var n narrowing
	cmd := &cobra.Command{
		Use: "list", Short: "List callbacks, the youngest first; --attention callback-undelivered lists what nobody takes", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return listing(cmd.Context(), c, "/v1/callbacks", handlers.CallbackStates(), &n, "callback",
				table.Row{"Callback", "Of", "State", "Began", "Attention"}, func(l handlers.ListedCallback) table.Row {
					state := "over"
					if l.Running {
						state = "open"
					}
					return table.Row{l.CallbackID, l.Subject, state, clock(&l.StartedAt), strings.Join(l.Attention, ", ")}
				})
		},
	}
	n.flags(cmd, handlers.CallbackStates())
	return cmd
}

func (c *cli) callbackShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show CALLBACK", Short: "Show what of a callback was delivered, and what was not", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(cmd.Context(), c, http.MethodGet, callbackPath(args[0]), nil, c.callback)
		},
	}
}

func (c *cli) callbackRetryCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use: "retry CALLBACK | --all-undelivered", Short: "Send again what is not delivered, now",
		Args: func(cmd *cobra.Command, args []string) error {
			if all {
				return cobra.NoArgs(cmd, args)
			}
			return cobra.ExactArgs(1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if all {
				return c.retryAll(cmd.Context(), "/v1/callbacks", "undelivered", "callback")
			}
			return change(cmd.Context(), c, http.MethodPost, callbackPath(args[0])+"/retry", nil, func(v handlers.Callback) {
				c.callback(v)
				c.println("It is sent now; show says what came of it.")
			})
		},
	}
	c.dryRunFlag(cmd)
	cmd.Flags().BoolVar(&all, "all-undelivered", false, "every callback that is late or given up")
	return cmd
}

// callback prints a callback.
func (c *cli) callback(v handlers.Callback) {
	c.fields("Callback "+v.CallbackID, "Of", v.Subject, "To", v.Host, "Status", c.status(string(v.Status)),
		"Delivered", strconv.Itoa(v.Delivered), "Attention", strings.Join(v.Attention, ", "))
	if len(v.Undelivered) == 0 {
		return
	}
	rows := make([]table.Row, len(v.Undelivered))
	for i, u := range v.Undelivered {
		state, last := "under way", ""
		switch {
		case u.GivenUp:
			state = "given up"
		case u.Late:
			state = "late"
		}
		if u.LastTry != nil {
			last = u.LastTry.Reason
		}
		rows[i] = table.Row{u.Type, u.Revision, clock(&u.At), state, last, u.WebhookID}
	}
	c.table("Not delivered", table.Row{"Type", "Revision", "Told", "State", "Last failure", "webhook-id"}, rows)
}

// retried is the API's answer to a retry of many things.
type retried struct {
	Retried    int    `json:"retried"`
	Failed     int    `json:"failed"`
	NextCursor string `json:"nextCursor,omitempty"`
}

// retryAll retries all things with a status.
func (c *cli) retryAll(ctx context.Context, path, status, thing string) error {
	api, err := c.api()
	if err != nil {
		return err
	}
	var sum retried
	for next := (url.Values{"status": {status}}); ; {
		if c.dryRun {
			return c.rehearse(http.MethodPost, path+"?"+next.Encode(), nil)
		}
		raw, err := api.Do(ctx, http.MethodPost, path+"?"+next.Encode(), nil)
		if err != nil {
			return err
		}
		var some retried
		if err := json.Unmarshal(raw, &some); err != nil {
			return fmt.Errorf("read answer: %w", err)
		}
		sum.Retried, sum.Failed = sum.Retried+some.Retried, sum.Failed+some.Failed
		if some.NextCursor == "" {
			break
		}
		next.Set("cursor", some.NextCursor)
	}
	if c.output == "json" {
		err = c.printJSON(sum)
	} else {
		c.println(fmt.Sprintf("Retried: %s; could not be retried: %d.", counted(sum.Retried, thing), sum.Failed))
	}
	if err == nil && sum.Failed > 0 {
		err = errors.New(counted(sum.Failed, thing) + " could not be retried")
	}
	return err
}

func callbackPath(id string) string { return "/v1/callbacks/" + url.PathEscape(id) }
