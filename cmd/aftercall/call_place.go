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
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/intake"
)

// placing holds the flags of call place.
type placing struct {
	req     calls.OutboundCallRequest
	text    string
	over    calls.Failover
	on      []string
	retry   calls.Retry
	again   map[string]string // status to delay
	due     string
	notify  notifying
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
			// They are not the flags' defaults, because help would show the numbers.
			if !cmd.Flags().Changed("caller-id") {
				p.req.CallerID = os.Getenv("AFTERCALL_CALLER_ID")
			}
			if !cmd.Flags().Changed("secondary-caller-id") {
				p.req.SecondaryCallerID = os.Getenv("AFTERCALL_SECONDARY_CALLER_ID")
			}
			if err := errors.Join(onlyWith(cmd, "wait", "timeout"), without(cmd, "request", placeOnly...), positive(cmd, "timeout", p.timeout),
				atLeastOne(cmd, "max-attempts", p.over.MaxAttempts)); err != nil {
				return err
			}
			return c.place(cmd.Context(), p)
		},
	}
	f := cmd.Flags()
	f.StringVar(&p.req.To, "to", "", "the number to call, in E.164")
	f.StringVar(&p.req.CallerID, "caller-id", "", "the caller ID (AFTERCALL_CALLER_ID)")
	f.StringVar(&p.req.SecondaryCallerID, "secondary-caller-id", "",
		"the caller ID to use when the first one fails (AFTERCALL_SECONDARY_CALLER_ID)")
	f.StringVar(&p.text, "text", "This is a call from aftercall.", "the text to speak")
	f.StringVar(&p.req.ReferenceID, "reference-id", "", "your id of the request, which makes it safe to repeat; default: a new id")
	f.StringVar(&p.req.Deadline, "deadline", "", "when to give up: a duration or an RFC 3339 time; default 1h for each attempt")
	f.StringVar(&p.due, "not-before", "", "when to begin: an RFC 3339 time; default now")
	f.StringVar(&p.req.Class, "class", "", "purpose of the call: service, advertising, awareness or warning; default service")
	f.StringVar(&p.req.ConsentRef, "consent-ref", "", "reference to the record of the person's consent")
	f.StringToStringVar(&p.again, "retry-on", nil, "endings to retry after, each with its delay: NO_ANSWER=30m,BUSY=5m")
	f.StringVar(&p.retry.CallerID, "retry-caller-id", "", "the caller ID of a retry: same or alternate; default alternate if there is a secondary caller ID")
	f.BoolVar(&p.req.CallRecording, "record", false, "record the call")
	f.StringSliceVar(&p.on, "failover-on", nil, "endings that fail over to the secondary caller ID; default FAILED")
	f.IntVar(&p.over.MaxAttempts, "max-attempts", 0, "attempts in total; default 2 if there is a secondary caller ID")
	f.StringVar(&p.over.Delay, "delay", "", "delay before the next attempt; default 5s")
	p.notify.flags(cmd, "the outcome")
	f.StringVar(&p.file, "request", "", "file with the whole request as JSON, - for standard input; required for ivr, audio and otp calls")
	f.BoolVar(&p.wait, "wait", false, "wait for the outcome and show all attempts")
	f.DurationVar(&p.timeout, "timeout", 15*time.Minute, "timeout of --wait")
	c.dryRunFlag(cmd)
	cmd.MarkFlagsMutuallyExclusive("retry-on", "failover-on")
	cmd.MarkFlagsMutuallyExclusive("retry-on", "delay")
	cmd.MarkFlagsOneRequired("request", "to")
	return cmd
}

func (c *cli) place(ctx context.Context, p placing) error {
	body, err := p.body()
	if err != nil {
		return err
	}
	if c.dryRun {
		return c.rehearse(http.MethodPost, "/v1/outbound-calls", body)
	}
	api, err := c.api()
	if err != nil {
		return err
	}
	raw, err := api.Do(ctx, http.MethodPost, "/v1/outbound-calls", body)
	if err != nil {
		return err
	}
	var placed accepted
	if err := json.Unmarshal(raw, &placed); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if p.wait {
		fmt.Fprintf(c.errOut, "Accepted as %s. %sWaiting for the outcome…\n", placed.ReferenceID, placed.prospects())
		return await(ctx, c, api, outboundPath(placed.ReferenceID), p.timeout, c.story)
	}
	return show(c, raw, func(struct{}) {
		c.fields("Accepted", "Reference id", placed.ReferenceID, "Workflow", placed.WorkflowID, "Expected start", clock(placed.ExpectedStart),
			"Warning", placed.warning(), "Follow it", "aftercall call wait "+placed.ReferenceID)
	})
}

// accepted is the API's answer to a request.
type accepted struct {
	ReferenceID, WorkflowID string
	ExpectedStart           *time.Time
	Warnings                []string
}

func (a accepted) warning() string {
	if slices.Contains(a.Warnings, "deadline") {
		return "as things stand, it will not be dialled before its deadline"
	}
	return strings.Join(a.Warnings, ", ")
}

// prospects returns the expected start and the warnings as sentences.
func (a accepted) prospects() string {
	text := ""
	if a.ExpectedStart != nil {
		text = "It is expected to be dialled at " + clock(a.ExpectedStart) + ". "
	}
	if w := a.warning(); w != "" {
		text += "Warning: " + w + ". "
	}
	return text
}

// body returns the request, from the file or from the flags.
func (p placing) body() (any, error) {
	if p.file != "" {
		raw, err := readFile(p.file)
		if err != nil {
			return nil, err
		}
		return withReference(raw)
	}
	req := p.req
	req.Type, req.TTS = calls.CallTypeTTS, &calls.TTS{Text: p.text}
	req.ReferenceID = cmp.Or(req.ReferenceID, newReference())
	req.Notify = p.notify.named()
	if p.due != "" {
		at, err := time.Parse(time.RFC3339, p.due)
		if err != nil {
			return nil, usageError{errors.New("--not-before must be an RFC 3339 time, like 2026-01-31T09:00:00Z")}
		}
		req.NotBefore = &at
	}
	if err := p.further(&req); err != nil {
		return nil, err
	}
	raw, err := json.Marshal(req)
	if err == nil {
		_, err = intake.OutboundJSON(raw, intake.IdempotencyKey{}, time.Now())
	}
	if err = flagged(err, placeFlags); err != nil {
		return nil, err
	}
	return json.RawMessage(raw), nil
}

// further returns the part of the request that governs retries.
func (p placing) further(req *calls.OutboundCallRequest) error {
	switch {
	case len(p.again) > 0:
		retry := p.retry
		retry.MaxAttempts, retry.On = p.over.MaxAttempts, map[calls.Status]string{}
		for status, pause := range p.again {
			retry.On[calls.Status(strings.ToUpper(status))] = pause
		}
		req.Retry = &retry
	case p.retry.CallerID != "":
		return usageError{errors.New("--retry-caller-id needs --retry-on")}
	case len(p.on) > 0 || p.over.MaxAttempts != 0 || p.over.Delay != "":
		over := p.over
		for _, s := range p.on {
			over.On = append(over.On, calls.Status(strings.ToUpper(s)))
		}
		req.Failover = &over
	}
	return nil
}

// placeOnly lists the flags that build a request; --request excludes them.
var placeOnly = []string{
	"to", "caller-id", "secondary-caller-id", "text", "reference-id", "deadline", "record", "failover-on", "max-attempts", "delay", "notify", "notify-url",
	"not-before", "class", "consent-ref", "retry-on", "retry-caller-id",
}

// withReference returns the request of a file. It adds a referenceId if there is none, so that the request is safe to
// repeat.
func withReference(raw []byte) (json.RawMessage, error) {
	var request map[string]json.RawMessage
	if err := json.Unmarshal(raw, &request); err != nil || request == nil {
		return nil, errors.New("--request must be one JSON object, the body of POST /v1/outbound-calls")
	}
	if _, given := request["referenceId"]; given {
		return raw, nil
	}
	request["referenceId"], _ = json.Marshal(newReference())
	return json.Marshal(request)
}

// positive refuses a duration that is zero or negative.
func positive(cmd *cobra.Command, flag string, d time.Duration) error {
	if cmd.Flags().Changed(flag) && d <= 0 {
		return usageError{fmt.Errorf("--%s must be longer than nothing", flag)}
	}
	return nil
}

func atLeastOne(cmd *cobra.Command, flag string, n int) error {
	if cmd.Flags().Changed(flag) && n < 1 {
		return usageError{fmt.Errorf("--%s must be at least 1", flag)}
	}
	return nil
}

// newReference returns a random referenceId, for a request that is made by hand.
func newReference() string { return "cli-" + strings.ToLower(rand.Text()) }

func readFile(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(os.Stdin)
	}
	return os.ReadFile(name)
}
