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
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/recordings"
	"github.com/aftercall/aftercall/internal/unifonic"
)

// Errors of these functions must reach Temporal unwrapped: a wrapped one is retried.

func invalidRequest(err error) error {
	return temporal.NewNonRetryableApplicationError(err.Error(), calls.ErrTypeInvalidRequest, nil)
}

func conflict(err error) error {
	return temporal.NewNonRetryableApplicationError(err.Error(), calls.ErrTypeConflict, nil)
}

// lostCall returns the error of reading a closed call. It is retried, unless the call left no result.
func lostCall(callKey string, err error) error {
	if !errors.Is(err, desk.ErrNoResult) {
		return err
	}
	return temporal.NewNonRetryableApplicationError(
		fmt.Sprintf("the workflow of call %s ended without a result", callKey), calls.ErrTypeCallLost, err)
}

// providerError returns the error of a repeatable request to the provider, with the time of its retry. It returns nil for
// nil.
func providerError(err error) error {
	e, ok := errors.AsType[*unifonic.APIError](err)
	switch {
	case !ok:
		return err
	case !e.Retryable:
		return temporal.NewNonRetryableApplicationError(err.Error(), contract.ErrTypeProviderRefused, nil)
	case e.RetryAfter > 0:
		return temporal.NewApplicationErrorWithOptions(err.Error(), contract.ErrTypeProviderBusy, temporal.ApplicationErrorOptions{NextRetryDelay: e.RetryAfter})
	default:
		return err
	}
}

// notNow returns the error of an answer that is not there yet and will be asked for again. It is no failure: the SDK
// neither logs nor counts it.
func notNow(message, kind string, pause time.Duration) error {
	return temporal.NewApplicationErrorWithOptions(message, kind, temporal.ApplicationErrorOptions{
		NextRetryDelay: pause, Category: temporal.ApplicationErrorCategoryBenign,
	})
}

func notFound() error {
	return notNow("the call log answered \"not found\"", contract.ErrTypeNotFound, 0)
}

func surelyNotFound(answers int) error {
	return temporal.NewNonRetryableApplicationError(
		fmt.Sprintf("the call log answered \"not found\" %d times", answers), contract.ErrTypeSurelyNotFound, nil)
}

func notTerminal(status calls.Status) error {
	return notNow("the call is not over: "+string(status), contract.ErrTypeNotTerminal, 0)
}

func noRecordingURL() error {
	return notNow("the provider has not sent the recording's URL", contract.ErrTypeNoRecordingURL, 0)
}

// notYet delays the first try.
func notYet(pause time.Duration) error {
	return notNow("the next try is not due yet", contract.ErrTypeRecordingNotYet, pause)
}

// downloadError returns the error of a failed download, retryable or not. f says when to retry, and after how many tries.
func downloadError(err error, in contract.DownloadRecordingInput, f contract.DownloadFailure) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if errors.Is(err, errHostBusy) {
		f.Reason = reasonHostBusy
		return failedDownload(err, contract.ErrTypeRecordingHostBusy, f, temporal.ApplicationErrorOptions{
			NextRetryDelay: 2*time.Second + rand.N(3*time.Second), Category: temporal.ApplicationErrorCategoryBenign,
		})
	}
	if e, ok := errors.AsType[*notWhole](err); ok {
		f.Reason, f.SHA256 = string(e.doubt), e.sha256
		return failedDownload(err, contract.ErrTypeRecordingNotWhole, f, temporal.ApplicationErrorOptions{NonRetryable: in.News && e.news()})
	}
	e, ok := errors.AsType[*recordings.FetchError](err)
	if !ok {
		f.Reason = reasonStore
		return failedDownload(err, contract.ErrTypeRecordingStore, f, temporal.ApplicationErrorOptions{})
	}
	f.Reason, f.Advice, f.HTTPStatus, f.RetryAfter = e.Reason, unfetchableAdvice(e), e.Status, e.RetryAfter
	kind, o := downloadErrorType(e.Verdict), temporal.ApplicationErrorOptions{NextRetryDelay: e.RetryAfter}
	known := slices.Contains(in.Known, e.Reason)
	switch {
	case in.News:
		o.NonRetryable = !known
	case kind == contract.ErrTypeRecordingNotAudio:
		o.NonRetryable = !in.Suspect
	default:
		o.NonRetryable = kind == contract.ErrTypeRecordingURLDead
	}
	if known && (kind == contract.ErrTypeRecordingForbidden || kind == contract.ErrTypeRecordingURLDead) {
		o.NextRetryDelay = contract.RecordingHourly
	}
	return failedDownload(err, kind, f, o)
}

func downloadErrorType(v recordings.Verdict) string {
	switch v {
	case recordings.VerdictRefused, recordings.VerdictTLS:
		return contract.ErrTypeRecordingUnfetchable
	case recordings.VerdictForbidden:
		return contract.ErrTypeRecordingForbidden
	case recordings.VerdictDead:
		return contract.ErrTypeRecordingURLDead
	case recordings.VerdictNotAudio:
		return contract.ErrTypeRecordingNotAudio
	default:
		return contract.ErrTypeRecordingUnavailable
	}
}

// unfetchableAdvice tells an operator how to make a recording fetchable by a setting.
func unfetchableAdvice(e *recordings.FetchError) string {
	switch e.Reason {
	case recordings.ReasonHost:
		return fmt.Sprintf("If you trust %s, add it to AFTERCALL_RECORDING_HOSTS and restart the workers: they fetch the recording then.", e.Host)
	case recordings.ReasonAddress:
		return fmt.Sprintf("%s resolves to an address that is not public. If that is intended, list the address itself, with its port, in AFTERCALL_RECORDING_HOSTS.", e.Host)
	case recordings.ReasonScheme:
		return "Only https is fetched, unless AFTERCALL_RECORDING_ALLOW_HTTP is set. Set it and restart the workers: they fetch the recording then."
	case recordings.ReasonTLSAuthority:
		return fmt.Sprintf("This machine does not trust the authority that signed the certificate of %s. If the authority is your own, name its certificate in SSL_CERT_FILE for the workers.", e.Host)
	case recordings.ReasonTLSExpired, recordings.ReasonTLSName, recordings.ReasonTLSCertificate:
		return fmt.Sprintf("%s must correct its certificate: tell the provider.", e.Host)
	case recordings.ReasonNotAudio:
		return fmt.Sprintf("%s answers with a page or a message instead of a recording: open the URL in a browser and read it.", e.Host)
	default:
		return ""
	}
}

func failedDownload(err error, kind string, f contract.DownloadFailure, o temporal.ApplicationErrorOptions) error {
	o.Details = []any{f}
	return temporal.NewApplicationErrorWithOptions(err.Error(), kind, o)
}
