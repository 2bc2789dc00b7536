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
		Long: "Make no further attempts for an outbound call request; may be repeated. An attempt that waits in the\n" +
			"dial queue is withdrawn; a call that was already dialled continues, and its outcome is still reported.",
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
		Long: "Make one more attempt for an outbound call request, now. N is the number of the last attempt (see call show), so that the command\n" +
			"does nothing if another attempt has been made since. If that attempt may have reached the person, --force is required.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if retry.Attempt < 1 {
				return usageError{errors.New("--attempt must be the number of the last attempt, 1 or more")}
			}
			return change(cmd.Context(), c, http.MethodPost, outboundPath(args[0])+"/retry", retry, c.story)
		},
	}
	cmd.Flags().IntVar(&retry.Attempt, "attempt", 0, "number of the last attempt; the new attempt follows it")
	cmd.Flags().StringVar(&retry.Reason, "reason", "", "the reason; the workflow records it")
	cmd.Flags().BoolVar(&retry.Force, "force", false, "retry even if the last attempt may have reached the person")
	c.dryRunFlag(cmd)
	for _, flag := range []string{"attempt", "reason"} {
		_ = cmd.MarkFlagRequired(flag) // fails for an unknown flag only
	}
	return cmd
}
