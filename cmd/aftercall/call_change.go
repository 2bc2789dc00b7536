package main

import (
	"errors"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/aftercall/aftercall/internal/contract"
)

func (c *cli) callStopCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "stop REFERENCE", Short: "Make no further attempts for an outbound call request; may be repeated", Args: cobra.ExactArgs(1),
		Long: "Make no further attempts for an outbound call request; may be repeated. What waits in the dial queue is taken back;\na call that was dialled goes on, and its outcome is still told.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return change(cmd.Context(), c, http.MethodDelete, outboundPath(args[0]), nil, c.story)
		},
	}
	c.dryRunFlag(cmd)
	return cmd
}

func (c *cli) callRetryCommand() *cobra.Command {
	var retry contract.RetryNow
	cmd := &cobra.Command{
		Use: "retry REFERENCE --attempt N --reason TEXT", Short: "Make one more attempt for an outbound call request, now", Args: cobra.ExactArgs(1),
		Long: "Make one more attempt for an outbound call request, now. N is the last attempt, which call show tells, so that the command\n" +
			"does nothing when something has happened since. Where that attempt may have reached the person, --force is needed.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if retry.Attempt < 1 {
				return usageError{errors.New("--attempt must be the number of the last attempt, from 1 on")}
			}
			return change(cmd.Context(), c, http.MethodPost, outboundPath(args[0])+"/retry", retry, c.story)
		},
	}
	cmd.Flags().IntVar(&retry.Attempt, "attempt", 0, "the last attempt, the one that another is to follow")
	cmd.Flags().StringVar(&retry.Reason, "reason", "", "why; it stands in the workflow")
	cmd.Flags().BoolVar(&retry.Force, "force", false, "also where the last attempt may have reached the person")
	c.dryRunFlag(cmd)
	for _, flag := range []string{"attempt", "reason"} {
		_ = cmd.MarkFlagRequired(flag) // fails for an unknown flag only
	}
	return cmd
}
