package activities

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/aftercall/aftercall/calls"
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

// Types of the errors of DownloadRecording, beside calls.ErrTypeRecordingRefused. Each has a DownloadFailure as detail.
const (
	ErrTypeRecordingURLDead     = "RECORDING_URL_DEAD"    // not retried: another URL is needed
	ErrTypeRecordingNotAudio    = "RECORDING_NOT_AUDIO"   // retried only where that is no news
	ErrTypeRecordingUnavailable = "RECORDING_UNAVAILABLE" // retried: the host did not give it, or not whole
	ErrTypeRecordingHostBusy    = "RECORDING_HOST_BUSY"   // retried: the URL was not tried
	ErrTypeRecordingStore       = "RECORDING_STORE"       // retried: it could not be stored
)

// downloadError says whether a download is to be tried again, and why it failed.
func downloadError(err error, suspect bool, tries int) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if errors.Is(err, errHostBusy) {
		o := temporal.ApplicationErrorOptions{NextRetryDelay: 2*time.Second + rand.N(3*time.Second)}
		return failedDownload(err, ErrTypeRecordingHostBusy, DownloadFailure{Reason: reasonHostBusy, Tries: tries}, o)
	}
	e, ok := errors.AsType[*recordings.FetchError](err)
	if !ok {
		return failedDownload(err, ErrTypeRecordingStore, DownloadFailure{Reason: reasonStore, Tries: tries}, temporal.ApplicationErrorOptions{})
	}
	kind, o := ErrTypeRecordingUnavailable, temporal.ApplicationErrorOptions{NextRetryDelay: e.RetryAfter}
	switch e.Verdict {
	case recordings.VerdictRefused:
		kind, o.NonRetryable = calls.ErrTypeRecordingRefused, true
	case recordings.VerdictDead:
		kind, o.NonRetryable = ErrTypeRecordingURLDead, true
	case recordings.VerdictNotAudio:
		kind, o.NonRetryable = ErrTypeRecordingNotAudio, !suspect
	}
	return failedDownload(err, kind, DownloadFailure{Reason: e.Reason, Advice: refusalAdvice(e), Tries: tries}, o)
}

// refusalAdvice tells what an operator can do where it is a setting that refuses a recording.
func refusalAdvice(e *recordings.FetchError) string {
	switch e.Reason {
	case recordings.ReasonHost:
		return fmt.Sprintf("If %s may be trusted, add it to AFTERCALL_RECORDING_HOSTS and reset this workflow to its start while the URL lives.", e.Host)
	case recordings.ReasonAddress:
		return fmt.Sprintf("%s resolves to an address that is not public. If that is meant to be, list the address itself, with its port, in AFTERCALL_RECORDING_HOSTS.", e.Host)
	case recordings.ReasonScheme:
		return "Only https is fetched, unless AFTERCALL_RECORDING_ALLOW_HTTP is set."
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
