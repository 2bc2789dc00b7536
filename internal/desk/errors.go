package desk

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// What an error of Temporal means. Any other error is returned with the operation; a *temporal.ApplicationError comes from
// the workflow itself. An error without a known meaning may be retried.
var (
	ErrUnknown  = errors.New("no such workflow")
	ErrClosed   = errors.New("the workflow is over")
	ErrConflict = errors.New("a different request has this referenceId")
	// ErrForeign is an ErrConflict with a workflow that is not aftercall's, or was not started through it.
	ErrForeign  = fmt.Errorf("%w, by hand: this workflow was not started through aftercall's API, commands or package calls", ErrConflict)
	ErrNoResult = errors.New("the workflow is over and left no result that can be read")
	ErrRejected = errors.New("temporal will never take this")
	// ErrAway means that Temporal or our workers did not answer in time. A retry may succeed.
	ErrAway = errors.New("temporal or its workers cannot be reached")
	// ErrMisconfigured is an ErrAway that lasts until an operator acts: a search attribute is missing, the versions do not
	// match, or one of the next three.
	ErrMisconfigured = fmt.Errorf("%w: it does not serve us as it is set up", ErrAway)
	ErrNoNamespace   = fmt.Errorf("%w: the namespace is missing", ErrMisconfigured)
	ErrRefused       = fmt.Errorf("%w: it rejects our credentials, or they lack the right", ErrMisconfigured)
	ErrNotServed     = fmt.Errorf("%w: it knows no such method", ErrMisconfigured)
)

// Classify returns an error that wraps the meaning of an error of Temporal, one of the errors above, and err itself. An
// error that ended with a context is context.Canceled too. It returns nil for nil.
func Classify(op string, err error) error {
	if err == nil {
		return nil
	}
	if meaning := meaningOf(err); meaning != nil {
		return fmt.Errorf("%s: %w: %w", op, meaning, err)
	}
	return fmt.Errorf("%s: %w", op, err)
}

// Means reports whether an error of Temporal, or one from Classify, means one of the errors above.
func Means(err, meaning error) bool {
	return err != nil && (errors.Is(err, meaning) || errors.Is(meaningOf(err), meaning))
}

// errCancelled is an ErrAway of a cancelled request.
var errCancelled = fmt.Errorf("%w: %w", ErrAway, context.Canceled)

// meaningOf returns the meaning of an error, or nil.
func meaningOf(err error) error {
	switch {
	case isError[*temporal.WorkflowExecutionError](err), errors.Is(err, converter.ErrUnableToDecode),
		errors.Is(err, converter.ErrUnableToFindConverter), errors.Is(err, converter.ErrEncodingIsNotSupported):
		return ErrNoResult
	case isError[*temporal.ApplicationError](err):
		return meaningOfRefusal(err)
	case errors.Is(err, context.Canceled):
		return errCancelled
	case errors.Is(err, context.DeadlineExceeded), isError[*client.WorkflowUpdateServiceTimeoutOrCanceledError](err),
		isError[*serviceerror.QueryFailed](err): // before its first task a workflow knows no query
		return ErrAway
	case isError[*serviceerror.NamespaceNotFound](err):
		return ErrNoNamespace
	case isError[*serviceerror.NamespaceInvalidState](err), isError[*serviceerror.ClientVersionNotSupported](err),
		isError[*serviceerror.ServerVersionNotSupported](err):
		return ErrMisconfigured
	case tooLarge(err):
		return ErrRejected
	}
	return meaningOfCode(err)
}

// meaningOfRefusal distinguishes a workflow's own error from Temporal's error about a workflow that closed before it was
// asked.
func meaningOfRefusal(err error) error {
	if e, ok := errors.AsType[*temporal.ApplicationError](err); ok && e.Type() == "AcceptedUpdateCompletedWorkflow" {
		return ErrClosed
	}
	return nil
}

func meaningOfCode(err error) error {
	switch codeOf(err) {
	case codes.NotFound:
		return ErrUnknown
	case codes.AlreadyExists:
		return ErrClosed
	case codes.PermissionDenied, codes.Unauthenticated:
		return ErrRefused
	case codes.Unimplemented:
		return ErrNotServed
	case codes.InvalidArgument:
		if strings.Contains(strings.ToLower(err.Error()), "search attribute") { // not registered yet: setup was not run
			return ErrMisconfigured
		}
		return ErrRejected // too large a payload, too many signals of one run, too long an id
	case codes.Canceled:
		return errCancelled
	case codes.Unavailable, codes.DeadlineExceeded, codes.ResourceExhausted, codes.Aborted, codes.Internal, codes.DataLoss,
		codes.FailedPrecondition: // no worker polls, or the namespace is active elsewhere
		return ErrAway
	default:
		return nil
	}
}

// codeOf returns the gRPC code of an error, also of one that the SDK has converted.
func codeOf(err error) codes.Code {
	if s, ok := errors.AsType[serviceerror.ServiceError](err); ok {
		return s.Status().Code()
	}
	return status.Code(err)
}

// tooLarge recognises an error that no retry cures: gRPC's own size limit, which shares its code with rate limits, and the
// SDK's check before sending. Neither has a type that can be named here.
func tooLarge(err error) bool {
	text := err.Error()
	return strings.Contains(text, "larger than max") || strings.Contains(text, "grpc: message too large") ||
		strings.Contains(text, "[TMPRL1103]")
}

func isError[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}
