package activities

import (
	"errors"
	"fmt"

	"go.temporal.io/sdk/temporal"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/unifonic"
)

// ErrTypeCallLost is the type of the error of Subscribe for a call whose workflow ended without a result: an operator
// terminated it, or it failed.
const ErrTypeCallLost = "CALL_LOST"

// ErrTypeProviderRefused is the type of the error of an activity whose request the provider will refuse again.
const ErrTypeProviderRefused = "PROVIDER_REFUSED"

// Whatever these return must reach Temporal as it is: wrapped, it is retried.

func invalidRequest(err error) error {
	return temporal.NewNonRetryableApplicationError(err.Error(), calls.ErrTypeInvalidRequest, nil)
}

func conflict(err error) error {
	return temporal.NewNonRetryableApplicationError(err.Error(), calls.ErrTypeConflict, nil)
}

func lostCall(callKey string, cause error) error {
	return temporal.NewNonRetryableApplicationError(
		fmt.Sprintf("the workflow of call %s ended without a result", callKey), ErrTypeCallLost, cause)
}

// providerError says when a request to the provider that may be repeated is to be repeated; nil stays nil.
func providerError(err error) error {
	e, ok := errors.AsType[*unifonic.APIError](err)
	switch {
	case !ok:
		return err
	case !e.Retryable:
		return temporal.NewNonRetryableApplicationError(err.Error(), ErrTypeProviderRefused, nil)
	case e.RetryAfter > 0:
		return temporal.NewApplicationErrorWithOptions(err.Error(), "PROVIDER_BUSY", temporal.ApplicationErrorOptions{NextRetryDelay: e.RetryAfter})
	default:
		return err
	}
}

func notFound() error {
	return temporal.NewApplicationError("the call log does not know the id", ErrTypeNotFound)
}

func surelyNotFound(answers int) error {
	return temporal.NewNonRetryableApplicationError(
		fmt.Sprintf("the call log does not know the id, it said %d times", answers), ErrTypeSurelyNotFound, nil)
}

func notTerminal(status calls.Status) error {
	return temporal.NewApplicationError("the call is not over: "+string(status), ErrTypeNotTerminal)
}
