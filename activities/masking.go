package activities

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/masking"
	"github.com/aftercall/aftercall/internal/unifonic"
)

// Names of the activities of Masking, all on calls.TaskQueue.
const (
	NameCreateMask            = "CreateMask"
	NameFindMask              = "FindMask"
	NameStartMaskingSession   = "StartMaskingSession"
	NameTellMaskingSession    = "TellMaskingSession"
	NameCloseMask             = "CloseMask"
	NameKeepSessionRecordings = "KeepSessionRecordings"
)

// SessionDesk is what Masking needs of package desk.
type SessionDesk interface {
	MaskOpened(ctx context.Context, maskID string, opened calls.MaskOpened) error        // desk.ErrClosed
	TellMaskingSession(ctx context.Context, maskID string, s calls.CallState) error      // desk.ErrClosed
	SessionReference(ctx context.Context, maskID string) (referenceID string, err error) // desk.ErrUnknown
	RecordingKeeper
}

// MaskAPI is what Masking needs of the provider.
type MaskAPI interface {
	CreateMask(ctx context.Context, r unifonic.CreateMaskRequest) (unifonic.Mask, error) // *unifonic.CallError
	Masks(ctx context.Context, f unifonic.MaskFilter) ([]unifonic.Mask, error)           // *unifonic.APIError
	DeleteMask(ctx context.Context, maskID string) error                                 // *unifonic.APIError; gone already is no error
	MaskRecordingURLs(ctx context.Context, maskID string) ([]string, error)              // unifonic.ErrNotFound or *unifonic.APIError
}

// RecordingKeeper hands a recording's URL to its Recording workflow, and says what became of it where that has ended
// already. It may be repeated.
type RecordingKeeper interface {
	KeepRecording(ctx context.Context, r calls.RecordingURL) (calls.Recording, error)
}

// Masking are the activities of masking sessions.
type Masking struct {
	Desk SessionDesk
	API  MaskAPI
}

// MaskVerdict is what became of the request for a mask.
type MaskVerdict string

// Verdicts of CreateMask.
const (
	MaskCreated    MaskVerdict = "CREATED"
	MaskNotCreated MaskVerdict = "NOT_CREATED" // surely not; asking again may help
	MaskRefused    MaskVerdict = "REFUSED"     // surely not, and asking again will not help
	MaskUnknown    MaskVerdict = "UNKNOWN"     // it may exist
)

// CreateMaskInput asks for a mask. It carries phone numbers. OriginalRunID is the workflow's run before any reset.
type CreateMaskInput struct {
	OriginalRunID string `json:"originalRunId"`
	From          string `json:"from,omitempty"`
	To            string `json:"to"`
}

// CreateMaskResult is the verdict, the mask where one was created, and else why not, without a phone number.
type CreateMaskResult struct {
	Verdict       MaskVerdict   `json:"verdict"`
	MaskID        string        `json:"maskId,omitempty"`
	MaskingNumber string        `json:"maskingNumber,omitempty"`
	RetryAfter    time.Duration `json:"retryAfter,omitempty"`
	Message       string        `json:"message,omitempty"`
}

// CreateMask asks the provider for a mask, once: it must run with MaximumAttempts 1. A run of the workflow that an
// operator's reset made does not ask: the run before it may have done so. It returns no error.
func (a *Masking) CreateMask(ctx context.Context, in CreateMaskInput) (CreateMaskResult, error) {
	if activity.GetInfo(ctx).WorkflowExecution.RunID != in.OriginalRunID {
		return CreateMaskResult{Verdict: MaskUnknown, Message: "the workflow was reset: an earlier run may have created the mask"}, nil
	}
	mask, err := a.API.CreateMask(ctx, unifonic.CreateMaskRequest{From: in.From, To: in.To})
	if err == nil {
		return CreateMaskResult{Verdict: MaskCreated, MaskID: mask.MaskID, MaskingNumber: mask.CallerID}, nil
	}
	res := CreateMaskResult{Verdict: MaskUnknown, Message: err.Error()}
	if e, ok := errors.AsType[*unifonic.CallError](err); ok && e.Verdict == unifonic.VerdictNotPlaced {
		res.Verdict, res.RetryAfter = MaskNotCreated, e.RetryAfter
		if e.Final {
			res.Verdict = MaskRefused
		}
	}
	return res, nil
}

// FindMaskInput describes a mask that may have been created. It carries phone numbers.
type FindMaskInput struct {
	From        string    `json:"from,omitempty"`
	To          string    `json:"to"`
	ReferenceID string    `json:"referenceId"` // sessions of other requests are left out
	CreatedFrom time.Time `json:"createdFrom"`
	CreatedTo   time.Time `json:"createdTo"`
}

// FindMaskResult lists the masks that fit.
type FindMaskResult struct {
	Masks []FoundMask `json:"masks,omitempty"`
}

// FoundMask is a mask that exists.
type FoundMask struct {
	MaskID        string `json:"maskId"`
	MaskingNumber string `json:"maskingNumber,omitempty"`
}

// FindMask lists the active masks between the two parties that were created in time and that no other request of ours
// has opened. It is retried while the provider is away.
func (a *Masking) FindMask(ctx context.Context, in FindMaskInput) (FindMaskResult, error) {
	list, err := a.API.Masks(ctx, unifonic.MaskFilter{
		CreatedFrom: in.CreatedFrom, CreatedTo: in.CreatedTo, Status: unifonic.MaskActive, Descending: true,
	})
	if err != nil {
		return FindMaskResult{}, providerError(err)
	}
	var res FindMaskResult
	for _, m := range list {
		// The provider's times are whole seconds.
		early := m.CreatedAt != nil && m.CreatedAt.Before(in.CreatedFrom.Truncate(time.Second))
		late := m.CreatedAt != nil && m.CreatedAt.After(in.CreatedTo)
		if m.From != in.From || m.To != in.To || early || late || (m.Status != "" && m.Status != unifonic.MaskActive) {
			continue
		}
		taken, err := a.openedByAnother(ctx, m.MaskID, in.ReferenceID)
		if err != nil {
			return FindMaskResult{}, err
		}
		if !taken {
			res.Masks = append(res.Masks, FoundMask{MaskID: m.MaskID, MaskingNumber: m.CallerID})
		}
	}
	return res, nil
}

// openedByAnother reports whether a session of the mask runs, or ran, for another request. One that a leg started
// belongs to no request yet.
func (a *Masking) openedByAnother(ctx context.Context, maskID, referenceID string) (bool, error) {
	ref, err := a.Desk.SessionReference(ctx, maskID)
	if errors.Is(err, desk.ErrUnknown) {
		return false, nil
	}
	return ref != "" && ref != referenceID, err
}

// StartMaskingSessionInput names a mask that we opened. It carries phone numbers.
type StartMaskingSessionInput struct {
	MaskID string           `json:"maskId"`
	Opened calls.MaskOpened `json:"opened"`
}

// StartMaskingSession starts the session of a mask, or tells the one that a leg started what is known of it. It may be
// repeated.
func (a *Masking) StartMaskingSession(ctx context.Context, in StartMaskingSessionInput) error {
	err := a.Desk.MaskOpened(ctx, in.MaskID, in.Opened)
	if errors.Is(err, desk.ErrClosed) {
		return nil
	}
	return err
}

// TellMaskingSessionInput is what a call says of itself to the session of its mask. It carries phone numbers.
type TellMaskingSessionInput struct {
	MaskID string          `json:"maskId"`
	State  calls.CallState `json:"state"`
}

// Results of TellMaskingSession.
const (
	SessionTold   = "told"
	SessionClosed = "closed" // the session is over, and its story told
)

// TellMaskingSessionResult says whether the session took it.
type TellMaskingSessionResult struct {
	Result string `json:"result"`
}

// TellMaskingSession sends the state of a call to the session of its mask, and starts that where the mask was not heard
// of before. It may be repeated. A session that is over takes no more, which is counted and no error.
func (a *Masking) TellMaskingSession(ctx context.Context, in TellMaskingSessionInput) (TellMaskingSessionResult, error) {
	in.State.Evidence, in.State.Notified = nil, nil
	err := a.Desk.TellMaskingSession(ctx, in.MaskID, in.State)
	switch {
	case errors.Is(err, desk.ErrClosed):
		activity.GetMetricsHandler(ctx).Counter("aftercall_masking_session_closed").Inc(1)
		return TellMaskingSessionResult{Result: SessionClosed}, nil
	case err != nil:
		return TellMaskingSessionResult{}, err
	}
	return TellMaskingSessionResult{Result: SessionTold}, nil
}

// CloseMaskInput names a mask.
type CloseMaskInput struct {
	MaskID string `json:"maskId"`
}

// CloseMask deactivates a mask. It may be repeated, and is retried while the provider is away.
func (a *Masking) CloseMask(ctx context.Context, in CloseMaskInput) error {
	return providerError(a.API.DeleteMask(ctx, in.MaskID))
}

// SessionLeg is a leg of a session that has a recording.
type SessionLeg struct {
	RecordingID string     `json:"recordingId"` // calls.RecordingIdentity of its URL
	CallKey     string     `json:"callKey"`
	CallID      string     `json:"callId,omitempty"`
	LegKey      string     `json:"legKey"`
	CallSID     string     `json:"callSid,omitempty"`
	CompletedAt *time.Time `json:"completedAt,omitempty"`
}

// KeepSessionRecordingsInput says which recordings of a session are known. LegKey may hold phone numbers.
type KeepSessionRecordingsInput struct {
	MaskID string       `json:"maskId"`
	Legs   []SessionLeg `json:"legs,omitempty"`  // whose recordings are not stored yet
	Known  []string     `json:"known,omitempty"` // masking.RecordingMark of those that need nothing more
}

// KeepSessionRecordingsResult lists the recordings that belong to the session and to no leg.
type KeepSessionRecordingsResult struct {
	Listed int             `json:"listed"`
	Kept   []KeptRecording `json:"kept,omitempty"`
}

// KeptRecording is a recording of a session that was handed to its Recording workflow.
type KeptRecording struct {
	Mark      string          `json:"mark"` // masking.RecordingMark
	Recording calls.Recording `json:"recording"`
}

// KeepSessionRecordings lists the recordings of a session and hands on those that are not safe yet. A URL that is equal
// to a leg's in scheme, host and path is that leg's: a second source for it, and perhaps a fresher link. Every other
// one is a recording of the session: never is one attributed by order or count. It may be repeated.
func (a *Masking) KeepSessionRecordings(ctx context.Context, in KeepSessionRecordingsInput) (KeepSessionRecordingsResult, error) {
	urls, err := a.API.MaskRecordingURLs(ctx, in.MaskID)
	if err != nil && !errors.Is(err, unifonic.ErrNotFound) {
		return KeepSessionRecordingsResult{}, providerError(err)
	}
	res := KeepSessionRecordingsResult{Listed: len(urls)}
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
		settled.CallKey, settled.LegHash, settled.MaskID = r.CallKey, calls.LegHash(r.LegKey), in.MaskID
		res.Kept = append(res.Kept, KeptRecording{Mark: masking.RecordingMark(id), Recording: settled})
		in.Known = append(in.Known, masking.RecordingMark(id))
	}
	return res, nil
}

// sourceOf says whose recording a URL of the list is.
func sourceOf(in KeepSessionRecordingsInput, u, id string) (r calls.RecordingURL, ofLeg bool) {
	r = calls.RecordingURL{URL: u, MaskID: in.MaskID, ReceivedAt: time.Now().UTC(), EventKey: "mask-list-" + id}
	for _, l := range in.Legs {
		if l.RecordingID == id {
			r.CallKey, r.CallID, r.LegKey, r.CallSID, r.CompletedAt = l.CallKey, l.CallID, l.LegKey, l.CallSID, l.CompletedAt
			return r, true
		}
	}
	r.CallKey, r.LegKey = calls.SessionCallKey(in.MaskID), calls.SessionLegKey(id)
	r.Subscribers = []string{calls.MaskingSessionWorkflowID(in.MaskID)}
	return r, false
}
