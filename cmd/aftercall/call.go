package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/apiclient"
	"github.com/aftercall/aftercall/internal/intake"
)

func (c *cli) callCommand() *cobra.Command {
	return group("call", "Place, track, show and await calls", c.callPlaceCommand(), c.callTrackCommand(), c.callShowCommand(), c.callWaitCommand(),
		c.callListCommand(), c.callEventsCommand(), c.callStopCommand(), c.callRetryCommand())
}

func (c *cli) callTrackCommand() *cobra.Command {
	var req intake.TrackRequest
	var notify notifying
	cmd := &cobra.Command{
		Use: "track CALL", Short: "Follow a call that another system placed", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			req.Notify = notify.named()
			if err := flagged(intakeTrack(req), trackFlags); err != nil {
				return err
			}
			return change(cmd.Context(), c, http.MethodPut, callPath(args[0]), req, func(v struct{ CallKey, WorkflowID string }) {
				c.fields("Followed", "Call key", v.CallKey, "Workflow", v.WorkflowID, "Await it", "aftercall call wait "+v.CallKey)
			})
		},
	}
	c.dryRunFlag(cmd)
	cmd.Flags().StringVar(&req.To, "to", "", "the called number; its leg decides the outcome")
	cmd.Flags().StringVar(&req.ReferenceID, "reference-id", "", "the referenceId that it was placed with")
	notify.flags(cmd, "the outcome")
	return cmd
}

func (c *cli) callShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show CALL|REFERENCE", Short: "Show a call, or an outbound call request by its reference id", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.api()
			if err != nil {
				return err
			}
			raw, err := api.Do(cmd.Context(), http.MethodGet, callPath(args[0]), nil)
			if err == nil {
				return show(c, raw, c.call)
			}
			if !apiclient.NotFound(err) {
				return err
			}
			raw, err = api.Do(cmd.Context(), http.MethodGet, outboundPath(args[0]), nil)
			if apiclient.NotFound(err) {
				return fmt.Errorf("no call and no request has the id %s; list them with aftercall call list: %w", words(args[0]), err)
			}
			if err != nil {
				return err
			}
			return show(c, raw, c.story)
		},
	}
}

// ask sends one request to the API and prints the answer.
func ask[T any](ctx context.Context, c *cli, method, path string, body any, human func(T)) error {
	api, err := c.api()
	if err != nil {
		return err
	}
	raw, err := api.Do(ctx, method, path, body)
	if err != nil {
		return err
	}
	return show(c, raw, human)
}

func callPath(id string) string      { return "/v1/calls/" + url.PathEscape(id) }
func outboundPath(ref string) string { return "/v1/outbound-calls/" + url.PathEscape(ref) }

// change is ask for requests that change something. With --dry-run it sends nothing and prints the request.
func change[T any](ctx context.Context, c *cli, method, path string, body any, human func(T)) error {
	if c.dryRun {
		return c.rehearse(method, path, body)
	}
	return ask(ctx, c, method, path, body, human)
}

// rehearse prints the request that would be sent.
func (c *cli) rehearse(method, path string, body any) error {
	if c.output == "json" {
		return c.printJSON(map[string]any{"dryRun": true, "method": method, "path": path, "body": body})
	}
	c.println("Nothing was sent. The request would be: " + method + " " + words(path))
	if body == nil {
		return nil
	}
	raw, err := json.MarshalIndent(body, "", "  ")
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	c.println(words(string(raw)))
	return nil
}

func (c *cli) dryRunFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&c.dryRun, "dry-run", false, "print what would be done, and do nothing")
}

// trackFlags and placeFlags map the fields of a request to flags.
var (
	trackFlags = map[string]string{"to": "to", "referenceId": "reference-id", "notify": "notify", "notify.workflowId": "notify", "notify.url": "notify-url"}
	placeFlags = map[string]string{
		"to": "to", "callerId": "caller-id", "secondaryCallerId": "secondary-caller-id", "tts.text": "text", "referenceId": "reference-id",
		"deadline": "deadline", "failover.on": "failover-on", "failover.maxAttempts": "max-attempts", "failover.delay": "delay",
		"notify": "notify", "notify.workflowId": "notify", "notify.url": "notify-url", "failover": "failover-on",
	}
	maskFlags = map[string]string{"to": "to", "from": "from", "referenceId": "reference-id", "notify": "notify", "notify.workflowId": "notify", "notify.url": "notify-url"}
)

// notifying holds the flags that name the receivers of news.
type notifying struct{ workflowID, url string }

func (n *notifying) flags(cmd *cobra.Command, what string) {
	cmd.Flags().StringVar(&n.workflowID, "notify", "", "id of the workflow that is told "+what)
	cmd.Flags().StringVar(&n.url, "notify-url", "", "URL that is posted "+what+", signed")
}

// named returns the named receivers, or nil.
func (n *notifying) named() *calls.Notify {
	if *n == (notifying{}) {
		return nil
	}
	return &calls.Notify{WorkflowID: n.workflowID, URL: n.url}
}

func intakeTrack(req intake.TrackRequest) error {
	body, err := json.Marshal(req)
	if err == nil {
		_, _, err = intake.TrackingJSON(body, nil)
	}
	return err
}

// flagged turns the invalid fields of a request into a usage error that names their flags.
func flagged(err error, flags map[string]string) error {
	faults, ok := errors.AsType[*intake.Errors](err)
	if !ok {
		return err
	}
	lines := make([]string, len(faults.Fields))
	for i, f := range faults.Fields {
		field, _, _ := strings.Cut(f.Field, "[")
		name := f.Field
		if flag := flags[field]; flag != "" {
			name = "--" + flag
		}
		lines[i] = strings.TrimSpace(name + " " + f.Message)
	}
	return usageError{errors.New(strings.Join(lines, "\n  "))}
}
