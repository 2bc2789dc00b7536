package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aftercall/aftercall/internal/phone"
)

// suppression is the API's answer about a suppressed number.
type suppression struct {
	Number string     `json:"number"`
	Scope  string     `json:"scope"`
	Reason string     `json:"reason,omitempty"`
	Until  *time.Time `json:"until,omitempty"`
	Since  time.Time  `json:"since"`
}

// scopes are the kinds of calls that a suppression can block.
var scopes = []string{"all", "service", "advertising", "awareness", "warning"}

func (c *cli) suppressCommand() *cobra.Command {
	return group("suppress", "Manage the numbers that are not to be called", c.suppressAddCommand(),
		c.suppressionCommand("remove", "Call a number again", http.MethodDelete, "Suppressed no more"),
		c.suppressionCommand("show", "Show whether a number is suppressed", http.MethodGet, "Suppressed"))
}

func (c *cli) suppressAddCommand() *cobra.Command {
	var (
		asked struct {
			Scope  string     `json:"scope"`
			Reason string     `json:"reason,omitempty"`
			Until  *time.Time `json:"until,omitempty"`
		}
		until string
	)
	cmd := &cobra.Command{
		Use: "add NUMBER", Short: "Stop calling a number", Args: cobra.ExactArgs(1),
		Example: "  aftercall suppress add +966500000005 --scope advertising --reason 'asked on the phone'",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf("scope", asked.Scope, scopes); err != nil {
				return err
			}
			if until != "" {
				at, err := time.Parse(time.RFC3339, until)
				if err != nil {
					return usageError{errors.New("--until must be an RFC 3339 time, like 2026-01-31T09:00:00Z")}
				}
				asked.Until = &at
			}
			return c.suppression(cmd.Context(), http.MethodPut, args[0], asked, "Suppressed")
		},
	}
	c.dryRunFlag(cmd)
	f := cmd.Flags()
	f.StringVar(&asked.Scope, "scope", "all", "the calls to suppress: "+strings.Join(scopes, ", "))
	f.StringVar(&asked.Reason, "reason", "", "why, for people")
	f.StringVar(&until, "until", "", "end of the suppression, an RFC 3339 time; default for ever")
	return cmd
}

func (c *cli) suppressionCommand(name, short, method, title string) *cobra.Command {
	cmd := &cobra.Command{
		Use: name + " NUMBER", Short: short, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.suppression(cmd.Context(), method, args[0], nil, title)
		},
	}
	if method != http.MethodGet {
		c.dryRunFlag(cmd)
	}
	return cmd
}

// suppression sends a request about a number to the API and prints the answer.
func (c *cli) suppression(ctx context.Context, method, number string, body any, title string) error {
	number, ok := phone.Normalize(number)
	if !ok {
		return usageError{errors.New("NUMBER must be a phone number in E.164: +, country code and number, without a 0 between")}
	}
	return change(ctx, c, method, "/v1/suppressions/"+url.QueryEscape(number), body, func(s suppression) {
		until := "for ever"
		if s.Until != nil {
			until = clock(s.Until)
		}
		c.fields(title, "Number", mask(s.Number), "Calls", s.Scope, "Until", until, "Since", clock(&s.Since), "Reason", words(s.Reason))
	})
}
