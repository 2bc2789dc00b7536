package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/aftercall/aftercall/handlers"
)

// narrowing holds the flags that filter a list.
type narrowing struct {
	status, attention    []string
	reference            string
	since, until, cursor string
	limit                int
}

func (n *narrowing) flags(cmd *cobra.Command, statuses []string) {
	f := cmd.Flags()
	f.StringSliceVar(&n.status, "status", nil, "only these statuses, separated by commas: "+strings.ToLower(strings.Join(statuses, ", ")))
	f.StringSliceVar(&n.attention, "attention", nil, "only those with this attention, separated by commas: "+strings.Join(handlers.Attentions(), ", "))
	f.StringVar(&n.reference, "reference-id", "", "only those of the request with this referenceId")
	f.StringVar(&n.since, "since", "", "only those that started at or after this: an RFC 3339 time, or a duration before now like 24h")
	f.StringVar(&n.until, "until", "", "only those that started at or before this: an RFC 3339 time, or a duration before now")
	f.StringVar(&n.cursor, "cursor", "", "the cursor that the previous page printed")
	f.IntVar(&n.limit, "limit", 50, "page size, 1 to 200")
}

// query returns the query parameters of the list request.
func (n *narrowing) query(statuses []string, now time.Time) (url.Values, error) {
	q := url.Values{"limit": {strconv.Itoa(n.limit)}}
	var errs []error
	for i, s := range n.status {
		n.status[i] = strings.ToUpper(s)
		errs = append(errs, oneOf("status", n.status[i], statuses))
	}
	for _, a := range n.attention {
		errs = append(errs, oneOf("attention", a, handlers.Attentions()))
	}
	if n.limit < 1 || n.limit > 200 {
		errs = append(errs, usageError{errors.New("--limit must be 1 to 200")})
	}
	for name, value := range map[string]string{"since": n.since, "until": n.until} {
		at, err := moment(name, value, now)
		errs = append(errs, err)
		set(q, name, at)
	}
	set(q, "status", strings.Join(n.status, ","))
	set(q, "attention", strings.Join(n.attention, ","))
	set(q, "referenceId", n.reference)
	set(q, "cursor", n.cursor)
	return q, errors.Join(errs...)
}

func set(q url.Values, name, value string) {
	if value != "" {
		q.Set(name, value)
	}
}

// moment reads a time, or a duration before now.
func moment(flag, text string, now time.Time) (string, error) {
	if text == "" {
		return "", nil
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d).UTC().Format(time.RFC3339), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return "", usageError{fmt.Errorf("--%s must be an RFC 3339 time like 2026-01-31T09:00:00Z, or a duration before now like 24h", flag)}
	}
	return at.UTC().Format(time.RFC3339Nano), nil
}

// listing requests one page of a list and prints it.
func listing[T any](ctx context.Context, c *cli, path string, statuses []string, n *narrowing, what string, header table.Row, row func(T) table.Row, hints ...string) error {
	q, err := n.query(statuses, time.Now())
	if err != nil {
		return err
	}
	return ask(ctx, c, http.MethodGet, path+"?"+q.Encode(), nil, func(page handlers.List[T]) {
		rows := make([]table.Row, len(page.Items))
		for i, item := range page.Items {
			rows[i] = row(item)
		}
		c.table(counted(len(rows), what), header, rows)
		if page.NextCursor != "" {
			c.println("More: --cursor " + page.NextCursor)
		}
		for _, hint := range hints {
			c.println(hint)
		}
	})
}

func (c *cli) callListCommand() *cobra.Command {
	var n narrowing
	var requests bool
	cmd := &cobra.Command{
		Use: "list", Short: "List calls, or with --requests outbound call requests, newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !requests {
				return listing(cmd.Context(), c, "/v1/calls", handlers.CallStatuses(), &n, "call",
					table.Row{"Call", "Status", "Reference id", "Began", "Attention"}, func(l handlers.ListedCall) table.Row {
						status := cmp.Or(string(l.Status), "no news yet")
						return table.Row{l.CallKey, c.status(status), words(l.ReferenceID), clock(&l.StartedAt), strings.Join(l.Attention, ", ")}
					}, "Requests, also those that wait for their turn to be dialled: aftercall call list --requests")
			}
			return listing(cmd.Context(), c, "/v1/outbound-calls", handlers.OutboundStatuses(), &n, "outbound call request",
				table.Row{"Reference id", "Status", "Attempts", "Asked", "Attention"}, func(l handlers.ListedOutboundCall) table.Row {
					return table.Row{l.ReferenceID, c.status(requestStatus(l)), l.Attempts, clock(&l.StartedAt), strings.Join(l.Attention, ", ")}
				})
		},
	}
	n.flags(cmd, handlers.OutboundStatuses())
	cmd.Flags().BoolVar(&requests, "requests", false, "outbound call requests, over all their attempts")
	return cmd
}

// requestStatus returns a request's status, or in words how far it is. What a list knows of a request changes when a call was
// placed, and when something is heard of it.
func requestStatus(l handlers.ListedOutboundCall) string {
	switch {
	case l.Status != "":
		return string(l.Status)
	case !l.Running:
		return "no outcome"
	case l.Attempts > 1:
		return fmt.Sprintf("attempt %d under way", l.Attempts)
	case l.CallKey == "":
		return "waits for its turn"
	default:
		return "dialled, no news yet"
	}
}

func (c *cli) maskListCommand() *cobra.Command {
	var n narrowing
	cmd := &cobra.Command{
		Use: "list", Short: "List masking sessions, newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return listing(cmd.Context(), c, "/v1/masking-sessions", handlers.SessionStates(), &n, "masking session",
				table.Row{"Mask", "State", "Reference id", "Opened", "Attention"}, func(l handlers.ListedMaskingSession) table.Row {
					return table.Row{l.MaskID, c.status(string(l.State)), l.ReferenceID, clock(&l.StartedAt), strings.Join(l.Attention, ", ")}
				})
		},
	}
	n.flags(cmd, handlers.SessionStates())
	return cmd
}
