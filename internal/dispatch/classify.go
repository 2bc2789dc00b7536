package dispatch

import (
	"context"
	"errors"
	"strings"

	"go.temporal.io/api/serviceerror"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/aftercall/aftercall/internal/inbox"
)

// Class is what an error of a delivery means.
type Class int

// Classes. What is not known to be anything else is Transient: nothing is given up by mistake.
const (
	None          Class = iota // no error
	Transient                  // repeat
	Configuration              // repeat, and alarm: only an operator can help
	Permanent                  // Temporal will never take it
)

// rejection is an error that makes a dead letter of its notification.
type rejection struct {
	reason inbox.Reason
	err    error
}

func (r *rejection) Error() string { return r.err.Error() }
func (r *rejection) Unwrap() error { return r.err }

// Reject returns an error of class Permanent with a reason.
func Reject(reason inbox.Reason, err error) error { return &rejection{reason, err} }

func reasonOf(err error) inbox.Reason {
	if r, ok := errors.AsType[*rejection](err); ok {
		return r.reason
	}
	return inbox.ReasonPermanent
}

// Classify tells what an error of a delivery means.
func Classify(err error) Class {
	switch {
	case err == nil:
		return None
	case is[*rejection](err):
		return Permanent
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return Transient
	case is[*serviceerror.NamespaceNotFound](err), is[*serviceerror.NamespaceInvalidState](err),
		is[*serviceerror.ClientVersionNotSupported](err), is[*serviceerror.ServerVersionNotSupported](err):
		return Configuration
	case messageTooLarge(err):
		return Permanent
	}
	switch codeOf(err) {
	case codes.PermissionDenied, codes.Unauthenticated, codes.Unimplemented:
		return Configuration
	case codes.InvalidArgument:
		if strings.Contains(strings.ToLower(err.Error()), "search attribute") { // not registered yet: setup was not run
			return Configuration
		}
		return Permanent // too large a payload, too many signals of one run
	case codes.NotFound, codes.AlreadyExists:
		return Permanent
	default:
		return Transient
	}
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// codeOf is the gRPC code of an error, whether the SDK has turned it into one of its own or not.
func codeOf(err error) codes.Code {
	if s, ok := errors.AsType[serviceerror.ServiceError](err); ok {
		return s.Status().Code()
	}
	return status.Code(err)
}

// messageTooLarge recognises what no retry makes smaller: gRPC's own limit, which shares its code with rate limits,
// and the SDK's check before sending. Neither has a type that can be named here.
func messageTooLarge(err error) bool {
	text := err.Error()
	return strings.Contains(text, "larger than max") || strings.Contains(text, "grpc: message too large") ||
		strings.Contains(text, "[TMPRL1103]")
}
