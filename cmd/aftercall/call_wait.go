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
		Long: "Waits for the outcome. The call may be unknown so far: it is waited for too.",
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
	cmd.Flags().DurationVar(&timeout, "timeout", 15*time.Minute, "how long to wait")
	return cmd
}

// waitFor waits for the outcome of the request with this referenceId, or else of the call with this id. It must first learn
// which of the two it is, so it waits until the API answers.
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

// goesOn reports, once, that the API does not answer and that the command waits for it.
func (c *cli) goesOn(err error) {
	if !c.noted && apiclient.Passing(err) {
		c.noted = true
		_, _ = fmt.Fprintf(c.errOut, "%v\nRetrying until it answers…\n", err)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(max(d, 0)):
	}
}

// waitOnce is the longest wait that the API accepts, waitAgain the pause after an answer without an outcome, and waitAnswer
// the timeout of one request.
const (
	waitOnce   = 45 * time.Second
	waitAgain  = time.Second
	waitAnswer = waitOnce + 15*time.Second
)

// await asks until there is an outcome. It survives a server or proxy that is unavailable for a while.
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

// askOnce asks with its own timeout: a server that vanishes silently must not block the wait.
func askOnce(ctx context.Context, api *apiclient.Client, path string) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, waitAnswer)
	defer cancel()
	return api.Do(ctx, http.MethodGet, path, nil)
}

// gaveUp returns the error of a wait that timed out.
func gaveUp(err error, timeout time.Duration) error {
	timeout = timeout.Round(time.Millisecond)
	switch {
	case apiclient.NotFound(err):
		return fmt.Errorf("waited %s: this id is still unknown. Check it, or wait longer with --timeout", timeout)
	case apiclient.Passing(err):
		return fmt.Errorf("waited %s: %w", timeout, err)
	}
	return err
}
