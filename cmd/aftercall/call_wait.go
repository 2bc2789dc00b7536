package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/aftercall/aftercall/internal/apiclient"
)

func (c *cli) callWaitCommand() *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use: "wait CALL|REFERENCE", Short: "Wait for the outcome of a call, or of an outbound call request", Args: cobra.ExactArgs(1),
		Long: "Waits for the outcome. A call that nobody has heard of yet is waited for too.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := positive(cmd, "timeout", timeout); err != nil {
				return err
			}
			api, err := c.api()
			if err != nil {
				return err
			}
			return c.waitFor(cmd.Context(), api, args[0], timeout)
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 15*time.Minute, "how long to wait at most")
	return cmd
}

// waitFor waits for the outcome of a request of this referenceId, or else of a call. Which of them it is has to be known
// before, so that an answer is waited for first.
func (c *cli) waitFor(ctx context.Context, api *apiclient.Client, id string, timeout time.Duration) error {
	for deadline := time.Now().Add(timeout); ; {
		_, err := askOnce(ctx, api, outboundPath(id))
		left := time.Until(deadline)
		switch {
		case err == nil:
			return await(ctx, c, api, outboundPath(id), left, c.story)
		case apiclient.NotFound(err):
			return await(ctx, c, api, callPath(id), left, c.call)
		case !apiclient.Passing(err) || left <= 0 || ctx.Err() != nil:
			return gaveUp(err, timeout)
		}
		c.goesOn(err)
		pause(ctx, min(left, waitAgain))
	}
}

// goesOn says once that there is no answer, and that it is waited for.
func (c *cli) goesOn(err error) {
	if !c.noted && apiclient.Passing(err) {
		c.noted = true
		_, _ = fmt.Fprintf(c.errOut, "%v\nWaiting until it answers…\n", err)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(max(d, 0)):
	}
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
			return gaveUp(err, timeout)
		}
		if err != nil {
			c.goesOn(err)
			pause(ctx, min(left, waitAgain))
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
			return fmt.Errorf("waited %s: no outcome yet; wait longer with --timeout", timeout.Round(time.Millisecond))
		}
	}
}

// askOnce asks with a time limit of its own: a server that vanishes without a word must not hold up the wait.
func askOnce(ctx context.Context, api *apiclient.Client, path string) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, waitAnswer)
	defer cancel()
	return api.Do(ctx, http.MethodGet, path, nil)
}

// gaveUp says what was waited for in vain.
func gaveUp(err error, timeout time.Duration) error {
	timeout = timeout.Round(time.Millisecond)
	switch {
	case apiclient.NotFound(err):
		return fmt.Errorf("waited %s: nothing was heard under this id. Check it, or wait longer with --timeout", timeout)
	case apiclient.Passing(err):
		return fmt.Errorf("waited %s: %w", timeout, err)
	}
	return err
}
