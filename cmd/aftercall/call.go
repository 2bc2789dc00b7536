package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/apiclient"
	"github.com/aftercall/aftercall/internal/intake"
)

func (c *cli) callCommand() *cobra.Command {
	return group("call", "Place, track, show and await calls",
		c.callPlaceCommand(), c.callTrackCommand(), c.callShowCommand(), c.callWaitCommand())
}

// placing is what the flags of call place say.
type placing struct {
	req     calls.OutboundCallRequest
	text    string
	over    calls.Failover
	on      []string
	notify  string
	file    string
	wait    bool
	timeout time.Duration
}

func (c *cli) callPlaceCommand() *cobra.Command {
	p := placing{}
	cmd := &cobra.Command{
		Use:   "place --to NUMBER",
		Short: "Place an outbound call, and wait for its outcome with --wait",
		Example: "  aftercall call place --to +966500000005 --text 'Your order is on its way.' --wait\n" +
			"  aftercall call place --request order.json",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// Not the flags' defaults: help would show the numbers.
			for flag, variable := range map[string]string{"caller-id": "AFTERCALL_CALLER_ID", "secondary-caller-id": "AFTERCALL_SECONDARY_CALLER_ID"} {
				if v := os.Getenv(variable); v != "" && !cmd.Flags().Changed(flag) {
					if err := cmd.Flags().Set(flag, v); err != nil {
						return fmt.Errorf("%s: %w", variable, err)
					}
				}
			}
			return c.place(cmd.Context(), p)
		},
	}
	f := cmd.Flags()
	f.StringVar(&p.req.To, "to", "", "who is called, in E.164")
	f.StringVar(&p.req.CallerID, "caller-id", "", "the number shown (AFTERCALL_CALLER_ID)")
	f.StringVar(&p.req.SecondaryCallerID, "secondary-caller-id", "",
		"the number shown when the first one fails (AFTERCALL_SECONDARY_CALLER_ID)")
	f.StringVar(&p.text, "text", "This is a call from aftercall.", "what is said")
	f.StringVar(&p.req.ReferenceID, "reference-id", "", "your own id of the request, which makes it safe to repeat; default: a new one")
	f.StringVar(&p.req.Deadline, "deadline", "", "when to give up: a duration or an RFC 3339 time; default 1h")
	f.BoolVar(&p.req.CallRecording, "record", false, "record the call")
	f.StringSliceVar(&p.on, "failover-on", nil, "endings after which the second number is tried; default FAILED")
	f.IntVar(&p.over.MaxAttempts, "max-attempts", 0, "attempts in all; default 2 with a second number")
	f.StringVar(&p.over.Delay, "delay", "", "pause before the next attempt; default 5s")
	f.StringVar(&p.notify, "notify", "", "id of the workflow that is told the outcome")
	f.StringVar(&p.file, "request", "", "file with the whole request as JSON, - for standard input; for ivr, audio and otp calls")
	f.BoolVar(&p.wait, "wait", false, "wait for the outcome and tell the story of all attempts")
	f.DurationVar(&p.timeout, "timeout", 15*time.Minute, "how long --wait waits at most")
	cmd.MarkFlagsMutuallyExclusive("request", "to")
	cmd.MarkFlagsOneRequired("request", "to")
	return cmd
}

func (c *cli) place(ctx context.Context, p placing) error {
	body, err := p.body()
	if err != nil {
		return err
	}
	api, err := c.api()
	if err != nil {
		return err
	}
	raw, err := api.Do(ctx, http.MethodPost, "/v1/outbound-calls", body)
	if err != nil {
		return err
	}
	var placed struct{ ReferenceID, WorkflowID string }
	if err := json.Unmarshal(raw, &placed); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if p.wait {
		fmt.Fprintf(c.errOut, "Accepted as %s. Waiting for the outcome…\n", placed.ReferenceID)
		return await(ctx, c, api, outboundPath(placed.ReferenceID), p.timeout, c.story)
	}
	return show(c, raw, func(struct{}) {
		c.fields("Accepted", "Reference id", placed.ReferenceID, "Workflow", placed.WorkflowID,
			"Follow it", "aftercall call wait "+placed.ReferenceID)
	})
}

// body is the request: from a file, or from the flags.
func (p placing) body() (any, error) {
	if p.file != "" {
		raw, err := readFile(p.file)
		if err != nil {
			return nil, err
		}
		if !json.Valid(raw) {
			return nil, errors.New("--request is not JSON")
		}
		return json.RawMessage(raw), nil
	}
	req := p.req
	req.Type, req.TTS = calls.CallTypeTTS, &calls.TTS{Text: p.text}
	req.ReferenceID = cmp.Or(req.ReferenceID, newReference())
	if len(p.on) > 0 || p.over.MaxAttempts != 0 || p.over.Delay != "" {
		over := p.over
		for _, s := range p.on {
			over.On = append(over.On, calls.Status(strings.ToUpper(s)))
		}
		req.Failover = &over
	}
	if p.notify != "" {
		req.Notify = &calls.Notify{WorkflowID: p.notify}
	}
	return req, nil
}

// newReference is the referenceId of a request that is made once, by hand.
func newReference() string { return "cli-" + strings.ToLower(rand.Text()) }

func readFile(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(os.Stdin)
	}
	return os.ReadFile(name)
}

func (c *cli) callTrackCommand() *cobra.Command {
	var req intake.TrackRequest
	var notify string
	cmd := &cobra.Command{
		Use: "track CALL", Short: "Follow a call that was placed elsewhere", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if notify != "" {
				req.Notify = &calls.Notify{WorkflowID: notify}
			}
			return ask(cmd.Context(), c, http.MethodPut, callPath(args[0]), req, func(v struct{ CallKey, WorkflowID string }) {
				c.fields("Followed", "Call key", v.CallKey, "Workflow", v.WorkflowID, "Await it", "aftercall call wait "+v.CallKey)
			})
		},
	}
	cmd.Flags().StringVar(&req.To, "to", "", "the recipient whose outcome counts")
	cmd.Flags().StringVar(&req.ReferenceID, "reference-id", "", "the referenceId it was placed under")
	cmd.Flags().StringVar(&notify, "notify", "", "id of the workflow that is told the outcome")
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
			if err != nil {
				return err
			}
			return show(c, raw, c.story)
		},
	}
}

func (c *cli) callWaitCommand() *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use: "wait CALL|REFERENCE", Short: "Wait for the outcome of a call, or of an outbound call request", Args: cobra.ExactArgs(1),
		Long: "Waits for the outcome. A call that nobody has heard of yet is waited for too.",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.api()
			if err != nil {
				return err
			}
			_, err = api.Do(cmd.Context(), http.MethodGet, outboundPath(args[0]), nil)
			switch {
			case err == nil:
				return await(cmd.Context(), c, api, outboundPath(args[0]), timeout, c.story)
			case apiclient.NotFound(err):
				return await(cmd.Context(), c, api, callPath(args[0]), timeout, c.call)
			default:
				return err
			}
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 15*time.Minute, "how long to wait at most")
	return cmd
}

// How long one question waits, as the API lets it, and how long to pause after an answer that brought nothing.
const (
	waitOnce   = 45 * time.Second
	waitAgain  = time.Second
	waitAnswer = waitOnce + 15*time.Second
)

// await asks again and again until there is an outcome. A server or proxy that is away for a while does not end it.
func await[T any](ctx context.Context, c *cli, api *apiclient.Client, path string, timeout time.Duration, human func(T)) error {
	for deadline := time.Now().Add(timeout); ; {
		left := min(time.Until(deadline), waitOnce)
		raw, err := askOnce(ctx, api, path+"?wait="+max(left, 0).Round(time.Millisecond).String())
		if err != nil && (left <= 0 || ctx.Err() != nil || !apiclient.NotFound(err) && !apiclient.Passing(err)) {
			return err
		}
		if err != nil {
			select {
			case <-ctx.Done():
			case <-time.After(min(left, waitAgain)):
			}
			continue
		}
		var known struct{ Outcome json.RawMessage }
		if err := json.Unmarshal(raw, &known); err != nil {
			return fmt.Errorf("read answer: %w", err)
		}
		switch {
		case known.Outcome != nil:
			return show(c, raw, human)
		case left <= 0:
			if err := show(c, raw, human); err != nil {
				return err
			}
			return errors.New("no outcome yet; wait longer with --timeout")
		}
	}
}

// askOnce asks with a time limit of its own: a server that vanishes without a word must not hold up the wait.
func askOnce(ctx context.Context, api *apiclient.Client, path string) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, waitAnswer)
	defer cancel()
	return api.Do(ctx, http.MethodGet, path, nil)
}

// ask sends one request to the API and shows the answer.
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
