// Package erase finds what is kept of a person by their phone number, shows it, and removes it. It removes nothing that is
// still needed: it lists running workflows, which another erasure removes once they have ended.
package erase

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/ids"
	"github.com/aftercall/aftercall/internal/inbox"
	"github.com/aftercall/aftercall/internal/phone"
	"github.com/aftercall/aftercall/internal/recordings"
)

// Desk holds the methods of package desk that an Eraser needs.
type Desk interface {
	Parties(ctx context.Context, hashes []string, limit int, cursor []byte) (found []desk.Party, next []byte, err error)
	Unhashed(ctx context.Context) (int64, error)
	Unlisted() bool                                                        // Parties lists every workflow, for its numbers to be read
	Input(ctx context.Context, p desk.Party) (json.RawMessage, error)      // desk.ErrUnknown
	State(ctx context.Context, workflowID string) (json.RawMessage, error) // desk.ErrUnknown, desk.ErrNoResult
	Delete(ctx context.Context, p desk.Party) error                        // desk.ErrRunning
}

// Inbox holds the methods of package inbox that an Eraser needs.
type Inbox interface {
	Erase(ctx context.Context, dry bool, matches func(callKey string, body []byte) bool) (inbox.Erased, error)
}

// Recordings holds the methods of the store that an Eraser needs.
type Recordings interface {
	Walk(ctx context.Context, before time.Time, visit func(recordings.Kept) error) (unread int, err error)
	OfCall(ctx context.Context, callKey string) ([]recordings.Kept, error)
	Remove(ctx context.Context, callKey, legHash string) (calls.Recording, error) // recordings.ErrNotStored
}

// Eraser erases. It is safe for concurrent use, and everything it does may be repeated.
type Eraser struct {
	Desk       Desk
	Inbox      Inbox
	Recordings Recordings
	Names      ids.Namer // with a hash key: see Ready
}

// Ready reports whether there is a hash key. Nobody is found without one.
func (e *Eraser) Ready() bool { return e.Names.Hash.Ready() }

// Request asks for one part of what is kept of a number: the part after the cursor.
type Request struct {
	Phone  string `json:"phone"` // E.164
	DryRun bool   `json:"dryRun,omitempty"`
	Export bool   `json:"export,omitempty"` // show what is kept; only with DryRun
	Cursor string `json:"cursor,omitempty"`
}

// Receipt says what one part of an erasure has removed, or would remove.
type Receipt struct {
	DryRun      bool           `json:"dryRun,omitempty"`
	Workflows   map[string]int `json:"workflows"`            // by type
	Recordings  int            `json:"recordings"`           // stored ones
	Deliveries  int            `json:"deliveries"`           // notifications whose bodies the inbox still had
	DeadLetters int            `json:"deadLetters"`          //
	Running     []Running      `json:"running,omitempty"`    // not removed: they have not ended
	Pending     int            `json:"pending,omitempty"`    // not removed: notifications that are not delivered yet
	Unsure      []string       `json:"unsure,omitempty"`     // workflows with many numbers, whose states cannot be read
	Unread      int            `json:"unread,omitempty"`     // bodies and notes of recordings that cannot be read
	Opened      bool           `json:"opened,omitempty"`     // the namespace has no PartyHash: every workflow was opened
	Unhashed    int64          `json:"unhashed,omitempty"`   // workflows that no number finds: they have none, or began before numbers were hashed
	Kept        []string       `json:"kept,omitempty"`       // what is never removed here, and where else to look
	Found       []Item         `json:"found,omitempty"`      // for an export
	NextCursor  string         `json:"nextCursor,omitempty"` // of the next part; empty after the last
}

// Running is a workflow that has not ended, and how to end it.
type Running struct {
	WorkflowID string `json:"workflowId"`
	Advice     string `json:"advice"`
}

// Item is one thing that is kept of a person. It carries phone numbers.
type Item struct {
	Kind       string           `json:"kind"` // workflow, recording or notification
	WorkflowID string           `json:"workflowId,omitempty"`
	StartedAt  *time.Time       `json:"startedAt,omitempty"`
	State      json.RawMessage  `json:"state,omitempty"`
	CallKey    string           `json:"callKey,omitempty"`
	Recording  *calls.Recording `json:"recording,omitempty"`
	BodyBase64 string           `json:"bodyBase64,omitempty"` // as the provider sent it
}

// How many workflows one part looks at, and how many if it reads their states, which may be a megabyte each.
const (
	atOnce      = 100
	shownAtOnce = 20
)

// kept is what nobody can remove here.
var kept = []string{
	"event keys in the inbox, ids of requests, and the dial ledger, which hold no number: they keep a repeated notification or request from counting, or dialling, twice",
	"a suppression of the number, and the counts of its dials, as keyed hashes: they keep the person from being called",
	"backups of Temporal, the inbox and the recordings, until you let them go",
	"histories of business workflows, whose owners erase them, and what the provider keeps",
}

// Erase erases a part. Errors: ErrCursor, desk.ErrAway, errors of the inbox and of the store.
func (e *Eraser) Erase(ctx context.Context, r Request) (Receipt, error) {
	cursor, err := base64.RawURLEncoding.DecodeString(r.Cursor)
	if err != nil {
		return Receipt{}, ErrCursor
	}
	job := &job{Eraser: e, asked: r, hashes: e.Names.PartyForms(r.Phone), receipt: Receipt{DryRun: r.DryRun, Workflows: map[string]int{}}}
	if r.Cursor == "" {
		if err := job.once(ctx); err != nil {
			return job.receipt, err
		}
	}
	limit := atOnce
	if job.receipt.Opened = e.Desk.Unlisted(); r.Export || job.receipt.Opened {
		limit = shownAtOnce
	}
	found, next, err := e.Desk.Parties(ctx, job.hashes, limit, cursor)
	if err != nil {
		return job.receipt, err
	}
	for _, p := range found {
		if err := job.workflow(ctx, p); err != nil {
			return job.receipt, err
		}
	}
	job.receipt.NextCursor = base64.RawURLEncoding.EncodeToString(next)
	return job.receipt, nil
}

// ErrCursor says that a cursor is not one from a Receipt.
var ErrCursor = errors.New("no cursor of a receipt")

// job is one part of an erasure.
type job struct {
	*Eraser
	asked   Request
	hashes  []string
	receipt Receipt
}

// once does what belongs to the first part alone: it reads the whole inbox and all recordings.
func (j *job) once(ctx context.Context) error {
	inbox, err := j.Inbox.Erase(ctx, j.asked.DryRun, func(callKey string, body []byte) bool {
		told := phone.Holds(string(body), j.asked.Phone)
		if told {
			j.show(Item{Kind: "notification", CallKey: callKey, BodyBase64: base64.StdEncoding.EncodeToString(body)})
		}
		return told
	})
	if err != nil {
		return err
	}
	j.receipt.Deliveries, j.receipt.DeadLetters, j.receipt.Pending = inbox.Bodies, inbox.DeadLetters, inbox.Pending
	unread, err := j.Recordings.Walk(ctx, time.Now().Add(time.Hour), func(k recordings.Kept) error {
		if !j.found(k) {
			return nil
		}
		return j.recording(ctx, k.Recording)
	})
	j.receipt.Unread = inbox.Unread + unread
	if err != nil {
		return err
	}
	j.receipt.Kept = kept
	j.receipt.Unhashed, err = j.Desk.Unhashed(ctx)
	return err
}

func (j *job) show(i Item) {
	if j.asked.Export {
		j.receipt.Found = append(j.receipt.Found, i)
	}
}

// found reports whether a recording is found by the hashes of the number.
func (j *job) found(k recordings.Kept) bool {
	return slices.ContainsFunc(k.Parties, func(p string) bool { return slices.Contains(j.hashes, p) })
}

// recording removes a stored recording.
func (j *job) recording(ctx context.Context, rec calls.Recording) error {
	if rec.Status != calls.RecordingStored {
		return nil
	}
	j.show(Item{Kind: "recording", CallKey: rec.CallKey, Recording: &rec})
	if !j.asked.DryRun {
		_, err := j.Recordings.Remove(ctx, rec.CallKey, rec.LegHash)
		if errors.Is(err, recordings.ErrNotStored) || errors.Is(err, recordings.ErrDamaged) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	j.receipt.Recordings++
	return nil
}

// workflow removes a workflow that has ended. Before a call it removes the call's recordings from before recordings were
// found by number.
func (j *job) workflow(ctx context.Context, p desk.Party) error {
	state, err := j.state(ctx, p)
	if err != nil {
		return err
	}
	if p.Among {
		knows, sure, err := j.among(ctx, p, state)
		if err != nil {
			return err
		}
		if !sure {
			j.receipt.Unsure = append(j.receipt.Unsure, p.WorkflowID)
		}
		if !knows {
			return nil
		}
	}
	j.show(Item{Kind: "workflow", WorkflowID: p.WorkflowID, StartedAt: &p.StartedAt, State: state})
	if p.Running {
		j.receipt.Running = append(j.receipt.Running, Running{p.WorkflowID, adviceFor(p)})
		return nil
	}
	if p.Type == contract.WorkflowCall.Name {
		stored, err := j.Recordings.OfCall(ctx, p.CallKey)
		if err != nil {
			return err
		}
		for _, k := range stored {
			if j.found(k) {
				continue // with the first part
			}
			if err := j.recording(ctx, k.Recording); err != nil {
				return err
			}
		}
	}
	if !j.asked.DryRun {
		if err := j.Desk.Delete(ctx, p); errors.Is(err, desk.ErrRunning) {
			j.receipt.Running = append(j.receipt.Running, Running{p.WorkflowID, adviceFor(p)})
			return nil
		} else if err != nil {
			return err
		}
	}
	j.receipt.Workflows[p.Type]++
	return nil
}

// state reads the state of a workflow, if it is needed. It returns nil if the workflow left none, or if it cannot be
// read.
func (j *job) state(ctx context.Context, p desk.Party) (json.RawMessage, error) {
	if !p.Among && !j.asked.Export {
		return nil, nil
	}
	state, err := j.Desk.State(ctx, p.WorkflowID)
	if err != nil && (errors.Is(err, desk.ErrAway) || ctx.Err() != nil) {
		return nil, err
	}
	return state, nil
}

// among reports whether a workflow with many numbers has this one. For a recording it looks at the call.
func (j *job) among(ctx context.Context, p desk.Party, state json.RawMessage) (knows, sure bool, err error) {
	if p.Type == contract.WorkflowRecording.Name {
		if state, err = j.state(ctx, desk.Party{Listed: desk.Listed{WorkflowID: calls.CallWorkflowID(p.CallKey)}, Among: true}); err != nil {
			return false, false, err
		}
	}
	if p.Type == contract.WorkflowOutboundCall.Name { // its state does not say whom it calls
		input, err := j.Desk.Input(ctx, p)
		if err != nil && (errors.Is(err, desk.ErrAway) || ctx.Err() != nil) {
			return false, false, err
		}
		if len(input) == 0 {
			state = nil
		}
		state = append(slices.Clone(state), input...)
	}
	if len(state) == 0 {
		return false, false, nil
	}
	return phone.Holds(string(state), j.asked.Phone), true, nil
}

// adviceFor says how a workflow ends.
func adviceFor(p desk.Party) string {
	const then = "then erase again"
	switch p.Type {
	case contract.WorkflowOutboundCall.Name:
		return "aftercall call stop " + strings.TrimPrefix(p.WorkflowID, calls.OutboundCallWorkflowID("")) + ", " + then
	case contract.WorkflowMaskingSession.Name:
		return "aftercall mask close " + strings.TrimPrefix(p.WorkflowID, calls.MaskingSessionWorkflowID("")) + ", " + then
	case contract.WorkflowRecording.Name:
		return "it ends when its recording is stored, or 72 hours after the call; " + then
	case contract.WorkflowCallback.Name:
		return "it ends once what it was told is delivered: aftercall callback show " + p.WorkflowID + "; " + then
	default:
		return "it ends by itself, AFTERCALL_CALL_GRACE after the call; " + then
	}
}
