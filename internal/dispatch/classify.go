package dispatch

import (
	"errors"

	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/inbox"
)

// Class says what an error of a delivery means.
type Class int

// Classes. An error that is not known to be anything else is Transient: nothing is given up by mistake.
const (
	None          Class = iota // no error
	Transient                  // repeat
	Configuration              // repeat, and alarm: only an operator can help
	Permanent                  // Temporal will never accept it
)

// rejection is an error that turns its notification into a dead letter.
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

// Classify returns the class of a delivery's error.
func Classify(err error) Class {
	_, rejected := errors.AsType[*rejection](err)
	switch {
	case err == nil:
		return None
	case rejected, errors.Is(err, desk.ErrRejected), errors.Is(err, desk.ErrUnknown), errors.Is(err, desk.ErrClosed):
		return Permanent
	case errors.Is(err, desk.ErrMisconfigured):
		return Configuration
	default:
		return Transient
	}
}
