package desk_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/aftercall/aftercall/internal/desk"
)

func TestClassify(t *testing.T) {
	for name, row := range map[string]struct {
		err  error
		want error // nil: none of the meanings
	}{
		"unavailable":          {serviceerror.NewUnavailable("connection refused"), desk.ErrAway},
		"deadline":             {serviceerror.NewDeadlineExceeded("context deadline exceeded"), desk.ErrAway},
		"canceled":             {serviceerror.NewCanceled("shutting down"), desk.ErrAway},
		"rate limit":           {serviceerror.NewResourceExhausted(enumspb.RESOURCE_EXHAUSTED_CAUSE_RPS_LIMIT, "namespace rate limit exceeded"), desk.ErrAway},
		"busy workflow":        {serviceerror.NewResourceExhausted(enumspb.RESOURCE_EXHAUSTED_CAUSE_BUSY_WORKFLOW, "workflow is closing"), desk.ErrAway},
		"aborted":              {serviceerror.NewAborted("again"), desk.ErrAway},
		"internal":             {serviceerror.NewInternal("oops"), desk.ErrAway},
		"data loss":            {serviceerror.NewDataLoss("oops"), desk.ErrAway},
		"failed precondition":  {serviceerror.NewFailedPrecondition("not now"), desk.ErrAway},
		"namespace fails over": {serviceerror.NewNamespaceNotActive("default", "a", "b"), desk.ErrAway},
		"workflow not ready":   {serviceerror.NewWorkflowNotReady("not yet"), desk.ErrAway},
		"own deadline":         {fmt.Errorf("signal call: %w", context.DeadlineExceeded), desk.ErrAway},
		"own cancel":           {context.Canceled, desk.ErrAway},
		"raw unavailable":      {status.Error(codes.Unavailable, "x"), desk.ErrAway},
		"raw deadline":         {status.Error(codes.DeadlineExceeded, "x"), desk.ErrAway},
		"raw unknown":          {status.Error(codes.Unknown, "x"), nil},
		"raw rate limit":       {status.Error(codes.ResourceExhausted, "x"), desk.ErrAway},
		"anything else":        {errors.New("what is this?"), nil},

		"no namespace":             {serviceerror.NewNamespaceNotFound("prod"), desk.ErrNoNamespace},
		"namespace deleted":        {serviceerror.NewNamespaceInvalidState("prod", enumspb.NAMESPACE_STATE_DELETED, nil), desk.ErrMisconfigured},
		"permission denied":        {serviceerror.NewPermissionDenied("no", ""), desk.ErrRefused},
		"unauthenticated":          {serviceerror.FromStatus(status.New(codes.Unauthenticated, "bad API key")), desk.ErrRefused},
		"raw permission denied":    {status.Error(codes.PermissionDenied, "no"), desk.ErrRefused},
		"not a Temporal server":    {serviceerror.NewUnimplemented("unknown service"), desk.ErrNotServed},
		"client too old":           {serviceerror.NewClientVersionNotSupported("1", "go", "2"), desk.ErrMisconfigured},
		"search attribute unknown": {serviceerror.NewInvalidArgument("Namespace default has no mapping defined for search attribute CallId"), desk.ErrMisconfigured},

		"no query yet":      {serviceerror.NewQueryFailed("unknown queryType state"), desk.ErrAway},
		"a failed workflow": {&temporal.WorkflowExecutionError{}, desk.ErrNoResult},
		"unreadable result": {fmt.Errorf("%w: x", converter.ErrUnableToDecode), desk.ErrNoResult},

		"payload too large":     {serviceerror.NewInvalidArgument("Blob data size exceeds limit."), desk.ErrRejected},
		"too many signals":      {serviceerror.NewInvalidArgument("exceeded workflow execution limit for signal events"), desk.ErrRejected},
		"message too large":     {status.Error(codes.ResourceExhausted, "grpc: received message larger than max (5000000 vs. 4194304)"), desk.ErrRejected},
		"message not sent":      {status.Error(codes.ResourceExhausted, "trying to send message larger than max (5000000 vs. 4194304)"), desk.ErrRejected},
		"payload refused by us": {errors.New("[TMPRL1103] Attempted to upload payloads with size that exceeded the error limit"), desk.ErrRejected},
		"not found":             {serviceerror.NewNotFound("workflow not found"), desk.ErrUnknown},
		"already started":       {serviceerror.NewWorkflowExecutionAlreadyStarted("closed", "", ""), desk.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			for _, err := range []error{row.err, fmt.Errorf("wrapped: %w", row.err)} {
				got := desk.Classify("signal Call", err)
				require.ErrorIs(t, got, row.err)
				for _, meaning := range []error{
					desk.ErrAway, desk.ErrMisconfigured, desk.ErrNoNamespace, desk.ErrRefused, desk.ErrNotServed, desk.ErrRejected, desk.ErrUnknown,
					desk.ErrClosed, desk.ErrNoResult,
				} {
					require.Equal(t, errors.Is(row.want, meaning), errors.Is(got, meaning), "%v: %v", meaning, got)
					require.Equal(t, errors.Is(row.want, meaning), desk.Means(err, meaning), "%v: %v", meaning, err)
					require.Equal(t, errors.Is(row.want, meaning), desk.Means(got, meaning), "%v: %v", meaning, got)
				}
			}
		})
	}
	require.NoError(t, desk.Classify("signal Call", nil))
	require.False(t, desk.Means(nil, desk.ErrAway))
	require.ErrorIs(t, desk.Classify("signal Call", serviceerror.NewCanceled("x")), context.Canceled)
	refused := temporal.NewApplicationError("no", "REFUSED")
	require.Equal(t, fmt.Errorf("update x: %w", refused), desk.Classify("update x", refused))
}
