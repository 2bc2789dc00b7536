package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/aftercall/aftercall/handlers"
	"github.com/aftercall/aftercall/internal/apiclient"
)

// followEvery is how often --follow polls.
const followEvery = time.Second

func (c *cli) callEventsCommand() *cobra.Command {
	var follow bool
	cmd := &cobra.Command{
		Use: "events CALL", Short: "Show what was received for a call, in order of receipt", Args: cobra.ExactArgs(1),
		Long: "Show what was received for a call, in order of receipt, and the result: accepted, duplicate (the event was known),\n" +
			"late (it would have changed a closed call) or dead-letter (aftercall inbox show gives the reason).\n" +
			"--output json prints each event with its original body; with --follow, one event per line.",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.api()
			if err != nil {
				return err
			}
			if follow {
				return c.follow(cmd.Context(), api, args[0])
			}
			list, err := allEvents(cmd.Context(), api, args[0], 0)
			if err != nil {
				return err
			}
			if c.output == "json" {
				return c.printJSON(handlers.List[handlers.Event]{Items: list})
			}
			rows := make([]table.Row, len(list))
			for i, e := range list {
				rows[i] = eventRow(c, e)
			}
			c.table(counted(len(rows), "event")+" of call "+words(args[0]), table.Row{"Received", "Status", "Result", "Leg", "Dead letter"}, rows)
			return nil
		},
	}
	cmd.Flags().BoolVar(&follow, "follow", false, "keep printing events as they arrive, until interrupted")
	return cmd
}

// allEvents reads all pages after the first n events.
func allEvents(ctx context.Context, api *apiclient.Client, call string, from int) ([]handlers.Event, error) {
	all := []handlers.Event{}
	for cursor := strconv.Itoa(from); ; {
		raw, err := api.Do(ctx, http.MethodGet, callPath(call)+"/events?cursor="+cursor, nil)
		if err != nil {
			return nil, err
		}
		var page handlers.List[handlers.Event]
		if err := json.Unmarshal(raw, &page); err != nil {
			return nil, fmt.Errorf("read answer: %w", err)
		}
		all = append(all, page.Items...)
		if cursor = page.NextCursor; cursor == "" {
			return all, nil
		}
	}
}

// follow prints events as they arrive. It waits for a call that is unknown so far, and for a server that does not answer.
func (c *cli) follow(ctx context.Context, api *apiclient.Client, call string) error {
	for seen := 0; ; pause(ctx, followEvery) {
		list, err := allEvents(ctx, api, call, seen)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !apiclient.NotFound(err) && !apiclient.Passing(err):
			return err
		case err != nil:
			c.goesOn(err)
			continue
		}
		seen += len(list)
		for _, e := range list {
			if err := c.printEvent(e); err != nil {
				return err
			}
		}
	}
}

func (c *cli) printEvent(e handlers.Event) error {
	if c.output == "json" {
		return json.NewEncoder(c.out).Encode(e)
	}
	var cells []string
	for _, cell := range eventRow(c, e) {
		if text := fmt.Sprint(cell); text != "" {
			cells = append(cells, text)
		}
	}
	c.println(strings.Join(cells, "  "))
	return nil
}

func eventRow(c *cli, e handlers.Event) table.Row {
	status, leg := "(body no longer kept)", ""
	if e.Event != nil {
		status, leg = c.status(string(e.Event.Status)), join(words(strings.ToLower(e.Event.Direction)), mask(e.Event.To), wordIf(e.Event.RecordingURL != "", "recording"))
	}
	return table.Row{clock(&e.At), status, string(e.Disposition), leg, e.DeadLetterID}
}
