package activities

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/masking"
	"github.com/aftercall/aftercall/internal/unifonic"
)

// SessionDesk is what Masking needs of package desk.
type SessionDesk interface {
	MaskOpened(ctx context.Context, maskID string, opened contract.MaskOpened) error     // desk.ErrClosed
	TellMaskingSession(ctx context.Context, maskID string, s calls.CallState) error      // desk.ErrClosed
	SessionReference(ctx context.Context, maskID string) (referenceID string, err error) // desk.ErrUnknown
	RecordingKeeper
}

// MaskAPI is what Masking needs of the provider.
type MaskAPI interface {
	CreateMask(ctx context.Context, r unifonic.CreateMaskRequest) (unifonic.Mask, error) // *unifonic.CallError
	Masks(ctx context.Context, f unifonic.MaskFilter) ([]unifonic.Mask, error)           // *unifonic.APIError
	DeleteMask(ctx context.Context, maskID string) error                                 // *unifonic.APIError; already gone is no error
	MaskRecordingURLs(ctx context.Context, maskID string) ([]string, error)              // unifonic.ErrNotFound or *unifonic.APIError
}

// RecordingKeeper hands a recording's URL to its Recording workflow, and returns the recording if that workflow has already
// ended. It may be repeated.
type RecordingKeeper interface {
	KeepRecording(ctx context.Context, r contract.RecordingURL) (calls.Recording, error)
}

// Masking are the activities of masking sessions.
type Masking struct {
	Desk SessionDesk
	API  MaskAPI
}

// CreateMask asks the provider for a mask, once: it must run with MaximumAttempts 1. After an operator's reset of the
// workflow it does not ask, because the earlier run may have. It returns no error.
func (a *Masking) CreateMask(ctx context.Context, in contract.CreateMaskInput) (contract.CreateMaskResult, error) {
	if activity.GetInfo(ctx).WorkflowExecution.RunID != in.OriginalRunID {
		return contract.CreateMaskResult{Verdict: contract.MaskUnknown, Message: "the workflow was reset: an earlier run may have created the mask"}, nil
	}
	mask, err := a.API.CreateMask(ctx, unifonic.CreateMaskRequest{From: in.From, To: in.To})
	if err == nil {
		return contract.CreateMaskResult{Verdict: contract.MaskCreated, MaskID: mask.MaskID, MaskingNumber: mask.CallerID}, nil
	}
	res := contract.CreateMaskResult{Verdict: contract.MaskUnknown, Message: err.Error()}
	if e, ok := errors.AsType[*unifonic.CallError](err); ok && e.Verdict == unifonic.VerdictNotPlaced {
		res.Verdict, res.RetryAfter = contract.MaskNotCreated, e.RetryAfter
		if e.Final {
			res.Verdict = contract.MaskRefused
		}
	}
	return res, nil
}

// FindMask returns the active masks between the two parties that were created in time and not opened by another request of
// ours. It is retried while the provider is unavailable.
func (a *Masking) FindMask(ctx context.Context, in contract.FindMaskInput) (contract.FindMaskResult, error) {
	list, err := a.API.Masks(ctx, unifonic.MaskFilter{
		CreatedFrom: in.CreatedFrom, CreatedTo: in.CreatedTo, Status: unifonic.MaskActive, Descending: true,
	})
	if err != nil {
		return contract.FindMaskResult{}, providerError(err)
	}
	var res contract.FindMaskResult
	for _, m := range list {
		// The provider's times are whole seconds.
		early := m.CreatedAt != nil && m.CreatedAt.Before(in.CreatedFrom.Truncate(time.Second))
		late := m.CreatedAt != nil && m.CreatedAt.After(in.CreatedTo)
		if m.From != in.From || m.To != in.To || early || late || (m.Status != "" && m.Status != unifonic.MaskActive) {
			continue
		}
		taken, err := a.openedByAnother(ctx, m.MaskID, in.ReferenceID)
		if err != nil {
			return contract.FindMaskResult{}, err
		}
		if !taken {
			res.Masks = append(res.Masks, contract.FoundMask{MaskID: m.MaskID, MaskingNumber: m.CallerID})
		}
	}
	return res, nil
}

// openedByAnother reports whether another request has, or had, a session of the mask. A session that a leg started belongs
// to no request yet.
func (a *Masking) openedByAnother(ctx context.Context, maskID, referenceID string) (bool, error) {
	ref, err := a.Desk.SessionReference(ctx, maskID)
	if errors.Is(err, desk.ErrUnknown) {
		return false, nil
	}
	return ref != "" && ref != referenceID, err
}

// StartMaskingSession starts the session of a mask, or tells a session that a leg has started what the request knows. It
// may be repeated.
func (a *Masking) StartMaskingSession(ctx context.Context, in contract.StartMaskingSessionInput) error {
	err := a.Desk.MaskOpened(ctx, in.MaskID, in.Opened)
	if errors.Is(err, desk.ErrClosed) {
		return nil
	}
	return err
}

// TellMaskingSession sends the state of a call to the session of its mask, and starts the session if the mask was unknown.
// It may be repeated. It counts a session that has ended; that is no error.
func (a *Masking) TellMaskingSession(ctx context.Context, in contract.TellMaskingSessionInput) (contract.TellMaskingSessionResult, error) {
	in.State.Evidence, in.State.Notified = nil, nil
	err := a.Desk.TellMaskingSession(ctx, in.MaskID, in.State)
	switch {
	case errors.Is(err, desk.ErrClosed):
		activity.GetMetricsHandler(ctx).Counter("aftercall_masking_session_closed").Inc(1)
		return contract.TellMaskingSessionResult{Result: contract.SessionClosed}, nil
	case err != nil:
		return contract.TellMaskingSessionResult{}, err
	}
	return contract.TellMaskingSessionResult{Result: contract.SessionTold}, nil
}

// CloseMask deactivates a mask. It may be repeated, and is retried while the provider is unavailable.
func (a *Masking) CloseMask(ctx context.Context, in contract.CloseMaskInput) error {
	return providerError(a.API.DeleteMask(ctx, in.MaskID))
}

// KeepSessionRecordings lists the recordings of a session and hands on those that are not stored yet. A URL that equals a
// leg's in scheme, host and path belongs to that leg: it is a second source, and perhaps a fresher link. Every other URL is
// a recording of the session. None is attributed by order or count. It may be repeated.
func (a *Masking) KeepSessionRecordings(ctx context.Context, in contract.KeepSessionRecordingsInput) (contract.KeepSessionRecordingsResult, error) {
	urls, err := a.API.MaskRecordingURLs(ctx, in.MaskID)
	if err != nil && !errors.Is(err, unifonic.ErrNotFound) {
		return contract.KeepSessionRecordingsResult{}, providerError(err)
	}
	res := contract.KeepSessionRecordingsResult{Listed: len(urls)}
	for _, u := range urls {
		id := calls.RecordingIdentity(u)
		if id == "" || slices.Contains(in.Known, masking.RecordingMark(id)) {
			continue
		}
		activity.RecordHeartbeat(ctx)
		r, ofLeg := sourceOf(in, u, id)
		settled, err := a.Desk.KeepRecording(ctx, r)
		if err != nil {
			return res, wrap("keep recording", err)
		}
		if ofLeg {
			continue
		}
		if settled.Status == "" {
			settled = calls.Recording{Status: calls.RecordingPending, Deadline: r.ReceivedAt.Add(calls.RecordingLifetime)}
		}
		settled.CallKey, settled.MaskID = r.CallKey, cmp.Or(in.Key, in.MaskID)
		settled.LegHash = cmp.Or(settled.LegHash, calls.LegHash(r.LegKey)) // the desk may have named it by a keyed hash
		res.Kept = append(res.Kept, contract.KeptRecording{Mark: masking.RecordingMark(id), Recording: settled})
		in.Known = append(in.Known, masking.RecordingMark(id))
	}
	return res, nil
}

// sourceOf returns whose recording a URL of the list is.
func sourceOf(in contract.KeepSessionRecordingsInput, u, id string) (r contract.RecordingURL, ofLeg bool) {
	r = contract.RecordingURL{URL: u, MaskID: in.MaskID, Parties: in.Parties, ReceivedAt: time.Now().UTC(), EventKey: "mask-list-" + id}
	for _, l := range in.Legs {
		if l.RecordingID == id {
			r.CallKey, r.CallID, r.LegKey, r.CallSID, r.CompletedAt, r.Path = l.CallKey, l.CallID, l.LegKey, l.CallSID, l.CompletedAt, l.Path
			return r, true
		}
	}
	key := cmp.Or(in.Key, in.MaskID)
	r.CallKey, r.LegKey = calls.SessionCallKey(key), contract.SessionLegKey(id)
	r.Subscribers = []string{calls.MaskingSessionWorkflowID(key)}
	return r, false
}
