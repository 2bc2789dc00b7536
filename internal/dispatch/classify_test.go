package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/aftercall/aftercall/internal/dispatch"
	"github.com/aftercall/aftercall/internal/inbox"
)

func TestClassify(t *testing.T) {
	const (
		none      = dispatch.None
		transient = dispatch.Transient
		config    = dispatch.Configuration
		permanent = dispatch.Permanent
	)
	for name, row := range map[string]struct {
		err  error
		want dispatch.Class
	}{
		"no error": {nil, none},

		"unavailable":          {serviceerror.NewUnavailable("connection refused"), transient},
		"deadline":             {serviceerror.NewDeadlineExceeded("context deadline exceeded"), transient},
		"canceled":             {serviceerror.NewCanceled("shutting down"), transient},
		"rate limit":           {serviceerror.NewResourceExhausted(enumspb.RESOURCE_EXHAUSTED_CAUSE_RPS_LIMIT, "namespace rate limit exceeded"), transient},
		"busy workflow":        {serviceerror.NewResourceExhausted(enumspb.RESOURCE_EXHAUSTED_CAUSE_BUSY_WORKFLOW, "workflow is closing"), transient},
		"aborted":              {serviceerror.NewAborted("again"), transient},
		"internal":             {serviceerror.NewInternal("oops"), transient},
		"data loss":            {serviceerror.NewDataLoss("oops"), transient},
		"failed precondition":  {serviceerror.NewFailedPrecondition("not now"), transient},
		"namespace fails over": {serviceerror.NewNamespaceNotActive("default", "a", "b"), transient},
		"workflow not ready":   {serviceerror.NewWorkflowNotReady("not yet"), transient},
		"own deadline":         {fmt.Errorf("signal call: %w", context.DeadlineExceeded), transient},
		"own cancel":           {context.Canceled, transient},
		"raw unavailable":      {status.Error(codes.Unavailable, "x"), transient},
		"raw deadline":         {status.Error(codes.DeadlineExceeded, "x"), transient},
		"raw unknown":          {status.Error(codes.Unknown, "x"), transient},
		"raw rate limit":       {status.Error(codes.ResourceExhausted, "x"), transient},
		"anything else":        {errors.New("what is this?"), transient},

		"no namespace":             {serviceerror.NewNamespaceNotFound("prod"), config},
		"namespace deleted":        {serviceerror.NewNamespaceInvalidState("prod", enumspb.NAMESPACE_STATE_DELETED, nil), config},
		"permission denied":        {serviceerror.NewPermissionDenied("no", ""), config},
		"unauthenticated":          {serviceerror.FromStatus(status.New(codes.Unauthenticated, "bad API key")), config},
		"raw permission denied":    {status.Error(codes.PermissionDenied, "no"), config},
		"not a Temporal server":    {serviceerror.NewUnimplemented("unknown service"), config},
		"client too old":           {serviceerror.NewClientVersionNotSupported("1", "go", "2"), config},
		"search attribute unknown": {serviceerror.NewInvalidArgument("Namespace default has no mapping defined for search attribute CallId"), config},

		"payload too large":     {serviceerror.NewInvalidArgument("Blob data size exceeds limit."), permanent},
		"too many signals":      {serviceerror.NewInvalidArgument("exceeded workflow execution limit for signal events"), permanent},
		"message too large":     {status.Error(codes.ResourceExhausted, "grpc: received message larger than max (5000000 vs. 4194304)"), permanent},
		"message not sent":      {status.Error(codes.ResourceExhausted, "trying to send message larger than max (5000000 vs. 4194304)"), permanent},
		"payload refused by us": {errors.New("[TMPRL1103] Attempted to upload payloads with size that exceeded the error limit"), permanent},
		"not found":             {serviceerror.NewNotFound("workflow not found"), permanent},
		"already started":       {serviceerror.NewWorkflowExecutionAlreadyStarted("closed", "", ""), permanent},
		"rejected":              {fmt.Errorf("deliver: %w", dispatch.Reject(inbox.ReasonLate, context.DeadlineExceeded)), permanent},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, row.want, dispatch.Classify(row.err))
			if row.err != nil {
				require.Equal(t, row.want, dispatch.Classify(fmt.Errorf("signal call: %w", row.err)), "wrapped")
			}
		})
	}
}
