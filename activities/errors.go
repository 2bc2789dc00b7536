package activities

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/recordings"
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

// lostCall is what reading a closed call came to: retried, unless the call left no result.
func lostCall(callKey string, err error) error {
	if !errors.Is(err, desk.ErrNoResult) {
		return err
	}
	return temporal.NewNonRetryableApplicationError(
		fmt.Sprintf("the workflow of call %s ended without a result", callKey), ErrTypeCallLost, err)
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

// Types of the errors of DownloadRecording. Each has a DownloadFailure as detail. Whether one is retried is said by
// DownloadRecordingInput.
const (
	ErrTypeRecordingUnfetchable = "RECORDING_UNFETCHABLE" // by a setting or by its URL, it is not asked for
	ErrTypeRecordingForbidden   = "RECORDING_FORBIDDEN"   // the host denies it, or does not have it yet
	ErrTypeRecordingURLDead     = "RECORDING_URL_DEAD"    // the host says that this URL is over
	ErrTypeRecordingNotAudio    = "RECORDING_NOT_AUDIO"
	ErrTypeRecordingUnavailable = "RECORDING_UNAVAILABLE" // the host did not give it, or not whole
	ErrTypeRecordingHostBusy    = "RECORDING_HOST_BUSY"   // the URL was not tried; always retried
	ErrTypeRecordingStore       = "RECORDING_STORE"       // it could not be stored; always retried
	ErrTypeRecordingNotYet      = "RECORDING_NOT_YET"     // its time has not come; always retried, and without a detail
)

// RecordingHourly is the pause between tries of a URL that its host denies: it rarely heals, and asking is seen there.
const RecordingHourly = time.Hour

// notYet puts the first try off.
func notYet(pause time.Duration) error {
	return temporal.NewApplicationErrorWithOptions("the next try is not due yet", ErrTypeRecordingNotYet, temporal.ApplicationErrorOptions{NextRetryDelay: pause})
}

// downloadError says whether a download is to be tried again, and why it failed. f says when, and after how many tries.
func downloadError(err error, in DownloadRecordingInput, f DownloadFailure) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if errors.Is(err, errHostBusy) {
		f.Reason = reasonHostBusy
		return failedDownload(err, ErrTypeRecordingHostBusy, f, temporal.ApplicationErrorOptions{NextRetryDelay: 2*time.Second + rand.N(3*time.Second)})
	}
	e, ok := errors.AsType[*recordings.FetchError](err)
	if !ok {
		f.Reason = reasonStore
		return failedDownload(err, ErrTypeRecordingStore, f, temporal.ApplicationErrorOptions{})
	}
	f.Reason, f.Advice, f.HTTPStatus, f.RetryAfter = e.Reason, unfetchableAdvice(e), e.Status, e.RetryAfter
	kind, o := downloadErrorType(e.Verdict), temporal.ApplicationErrorOptions{NextRetryDelay: e.RetryAfter}
	known := slices.Contains(in.Known, e.Reason)
	switch {
	case in.News:
		o.NonRetryable = !known
	case kind == ErrTypeRecordingNotAudio:
		o.NonRetryable = !in.Suspect
	default:
		o.NonRetryable = kind == ErrTypeRecordingURLDead
	}
	if known && (kind == ErrTypeRecordingForbidden || kind == ErrTypeRecordingURLDead) {
		o.NextRetryDelay = RecordingHourly
	}
	return failedDownload(err, kind, f, o)
}

func downloadErrorType(v recordings.Verdict) string {
	switch v {
	case recordings.VerdictRefused:
		return ErrTypeRecordingUnfetchable
	case recordings.VerdictForbidden:
		return ErrTypeRecordingForbidden
	case recordings.VerdictDead:
		return ErrTypeRecordingURLDead
	case recordings.VerdictNotAudio:
		return ErrTypeRecordingNotAudio
	default:
		return ErrTypeRecordingUnavailable
	}
}

// unfetchableAdvice tells what an operator can do where it is a setting that keeps a recording from being fetched.
func unfetchableAdvice(e *recordings.FetchError) string {
	switch e.Reason {
	case recordings.ReasonHost:
		return fmt.Sprintf("If %s may be trusted, add it to AFTERCALL_RECORDING_HOSTS and restart the workers: it is fetched by itself then.", e.Host)
	case recordings.ReasonAddress:
		return fmt.Sprintf("%s resolves to an address that is not public. If that is meant to be, list the address itself, with its port, in AFTERCALL_RECORDING_HOSTS.", e.Host)
	case recordings.ReasonScheme:
		return "Only https is fetched, unless AFTERCALL_RECORDING_ALLOW_HTTP is set. Set it and restart the workers: it is fetched by itself then."
	default:
		return ""
	}
}

func failedDownload(err error, kind string, f DownloadFailure, o temporal.ApplicationErrorOptions) error {
	o.Details = []any{f}
	return temporal.NewApplicationErrorWithOptions(err.Error(), kind, o)
}

// RecordingLost is what a Recording workflow fails with whose recording will not be stored.
func RecordingLost(r calls.Recording) error {
	kind := calls.ErrTypeRecordingExpired
	if r.Status == calls.RecordingRefused {
		kind = calls.ErrTypeRecordingRefused
	}
	return temporal.NewNonRetryableApplicationError(fmt.Sprintf("the recording is %s: %s", r.Status, r.Reason), kind, nil, r)
}
