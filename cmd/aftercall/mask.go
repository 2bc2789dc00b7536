package main

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/intake"
)

func (c *cli) maskCommand() *cobra.Command {
	return group("mask", "Open, list, show and close masking sessions", c.maskOpenCommand(), c.maskListCommand(),
		c.maskOneCommand("show", "Show a masking session and its calls", http.MethodGet),
		c.maskOneCommand("close", "Deactivate a masking session; may be repeated", http.MethodDelete))
}

func (c *cli) maskOpenCommand() *cobra.Command {
	var req calls.MaskingSessionRequest
	var notify notifying
	cmd := &cobra.Command{
		Use: "open --to NUMBER [--from NUMBER]", Short: "Open a masking session; without --from anyone may call", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			req.Notify = notify.named()
			req.ReferenceID = cmp.Or(req.ReferenceID, newReference())
			_, err := intake.MaskingSession(req)
			if err = flagged(err, maskFlags); err != nil {
				return err
			}
			return change(cmd.Context(), c, http.MethodPost, "/v1/masking-sessions", req, func(s calls.MaskingSessionState) {
				c.session(s)
				c.println("Number to call: " + s.MaskingNumber) // unmasked: people need it to call
			})
		},
	}
	cmd.Flags().StringVar(&req.ReferenceID, "reference-id", "", "your id of the request, which makes it safe to repeat; default: a new id")
	cmd.Flags().StringVar(&req.From, "from", "", "one party, in E.164")
	cmd.Flags().StringVar(&req.To, "to", "", "the other party, in E.164")
	notify.flags(cmd, "each call's outcome, and the end")
	c.dryRunFlag(cmd)
	_ = cmd.MarkFlagRequired("to") // fails for an unknown flag only
	return cmd
}

func (c *cli) maskOneCommand(verb, short, method string) *cobra.Command {
	cmd := &cobra.Command{
		Use: verb + " MASK", Short: short, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return change(cmd.Context(), c, method, "/v1/masking-sessions/"+url.PathEscape(args[0]), nil, c.session)
		},
	}
	if method != http.MethodGet {
		c.dryRunFlag(cmd)
	}
	return cmd
}

// session prints a masking session like a call log.
func (c *cli) session(s calls.MaskingSessionState) {
	c.fields("Masking session · "+c.status(string(s.State)),
		"Mask", calls.MaskKeyOf(s.WorkflowID), "Number to call", mask(s.MaskingNumber), "Between", strings.Trim(mask(s.From)+" and "+mask(s.To), " and"),
		"Reference id", s.ReferenceID, "Expires", clock(s.ExpiresAt), "Workflow", s.WorkflowID)
	rows := make([]table.Row, len(s.Calls))
	for i, call := range s.Calls {
		rows[i] = maskedRow(c, i+1, call)
	}
	title := "Calls"
	if len(rows) == 0 {
		title = "No calls yet."
	}
	c.table(title, table.Row{"#", "Began", "From", "To", "Pairing", "Ending", "Lasted", "Recordings"}, rows)
	if s.Earlier.Calls > 0 {
		c.println("Earlier calls:", s.Earlier.Calls, "of which completed:", s.Earlier.Completed)
	}
	if len(s.Recordings) > 0 {
		c.recordings(s.Recordings)
	}
	c.attention(s.Attention)
}

func maskedRow(c *cli, n int, call calls.MaskedCall) table.Row {
	var began, from, to, ending, lasted string
	for _, leg := range []*calls.Leg{call.Outbound, call.Inbound} {
		if leg != nil {
			began, lasted, ending = clock(leg.InitiatedAt), seconds(leg.DurationSeconds), c.status(string(leg.Status))
		}
	}
	if call.Inbound != nil {
		from = mask(call.Inbound.From)
	}
	if call.Outbound != nil {
		to = mask(call.Outbound.To)
		lasted = seconds(call.Outbound.DurationSeconds)
	}
	if call.Outcome != nil {
		ending = c.status(string(call.Outcome.Status))
	}
	stored := make([]string, len(call.Recordings))
	for i, r := range call.Recordings {
		stored[i] = c.status(string(r.Status))
	}
	return table.Row{n, began, from, to, string(call.Pairing), ending, lasted, strings.Join(stored, ", ")}
}
