package erase_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/erase"
	"github.com/aftercall/aftercall/internal/ids"
	"github.com/aftercall/aftercall/internal/inbox"
	"github.com/aftercall/aftercall/internal/keys"
	"github.com/aftercall/aftercall/internal/recordings"
)

const person, other = "+966500000005", "+966500000006"

// kept holds what is kept of two people: workflows, bodies of notifications, recordings.
type kept struct {
	parties    []desk.Party
	states     map[string]string // by workflow id; none: it cannot be read
	inputs     map[string]string // of the workflows whose input is read
	unlisted   bool
	away       bool
	bodies     []string
	recordings []recordings.Kept
	deleted    []string
	asked      [][]string
}

func (k *kept) Parties(_ context.Context, hashes []string, _ int, cursor []byte) ([]desk.Party, []byte, error) {
	k.asked = append(k.asked, hashes)
	if k.away {
		return nil, nil, desk.ErrAway
	}
	if len(cursor) == 0 && len(k.parties) > 1 { // a page of one, then the rest
		return k.parties[:1], []byte("more"), nil
	}
	return k.parties[min(1, len(k.parties)):], nil, nil
}

func (k *kept) Unhashed(context.Context) (int64, error) { return 7, nil }

func (k *kept) Unlisted() bool { return k.unlisted }

func (k *kept) Input(_ context.Context, p desk.Party) (json.RawMessage, error) {
	if in, ok := k.inputs[p.WorkflowID]; ok {
		return json.RawMessage(in), nil
	}
	return nil, desk.ErrUnknown
}

func (k *kept) State(_ context.Context, id string) (json.RawMessage, error) {
	if s, ok := k.states[id]; ok {
		return json.RawMessage(s), nil
	}
	return nil, desk.ErrNoResult
}

func (k *kept) Delete(_ context.Context, p desk.Party) error {
	if p.WorkflowID == "call:restarted" {
		return desk.ErrRunning
	}
	k.deleted = append(k.deleted, p.WorkflowID)
	return nil
}

func (k *kept) Erase(_ context.Context, dry bool, matches func(string, []byte) bool) (inbox.Erased, error) {
	var e inbox.Erased
	k.bodies = slices.DeleteFunc(k.bodies, func(b string) bool {
		if !matches("key", []byte(b)) {
			return false
		}
		e.Bodies++
		return !dry
	})
	return e, nil
}

func (k *kept) Walk(_ context.Context, _ time.Time, visit func(recordings.Kept) error) (int, error) {
	for _, r := range k.recordings {
		if err := visit(r); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

func (k *kept) OfCall(_ context.Context, key string) (of []recordings.Kept, err error) {
	for _, r := range k.recordings {
		if r.CallKey == key {
			of = append(of, r)
		}
	}
	return of, nil
}

func (k *kept) Remove(_ context.Context, key, hash string) (calls.Recording, error) {
	for i, r := range k.recordings {
		if r.CallKey == key && r.LegHash == hash {
			k.recordings[i].Status = calls.RecordingDeleted
			return k.recordings[i].Recording, nil
		}
	}
	return calls.Recording{}, recordings.ErrNotStored
}

func party(kind, id string, change func(*desk.Party)) desk.Party {
	p := desk.Party{Type: kind, Listed: desk.Listed{WorkflowID: id}}
	if kind == "Call" || kind == "Recording" {
		p.CallKey = calls.CallKeyOf(id)
	}
	if change != nil {
		change(&p)
	}
	return p
}

// all erases part after part, and returns the receipts.
func all(t *testing.T, e *erase.Eraser, r erase.Request) (parts []erase.Receipt) {
	t.Helper()
	for {
		part, err := e.Erase(t.Context(), r)
		require.NoError(t, err)
		parts = append(parts, part)
		if r.Cursor = part.NextCursor; r.Cursor == "" {
			return parts
		}
	}
}

func setUp(t *testing.T) (*kept, *erase.Eraser) {
	t.Helper()
	ring, err := keys.New(time.Now()).Ring()
	require.NoError(t, err)
	hash := func(n string) []string { return []string{ring.Hash().Phone(n)} }
	stored := func(key, leg string, parties []string) recordings.Kept {
		return recordings.Kept{Recording: calls.Recording{CallKey: key, LegHash: leg, Status: calls.RecordingStored}, Parties: parties}
	}
	many := func(p *desk.Party) { p.Among = true }
	k := &kept{
		parties: []desk.Party{
			party("Call", "call:ended", nil), party("OutboundCall", "outbound:runs", func(p *desk.Party) { p.Running = true }),
			party("Call", "call:many-with", many), party("Call", "call:many-without", many), party("Call", "call:many-unread", many),
			party("Recording", "recording:many-with:0a1b", func(p *desk.Party) { p.Among, p.CallKey = true, "many-with" }),
			party("Call", "call:restarted", nil),
		},
		states: map[string]string{
			"call:many-with": `{"legs":[{"to":"` + person + `"}]}`, "call:many-without": `{"legs":[{"to":"` + other + `"}]}`,
			"call:ended": `{"callKey":"ended"}`,
		},
		bodies:     []string{`{"to":"0500000005"}`, `{"to":"` + other + `"}`},
		recordings: []recordings.Kept{stored("forgotten", "a", hash(person)), stored("ended", "b", nil), stored("others", "c", hash(other)), stored("ended", "d", hash(person))},
	}
	return k, &erase.Eraser{Desk: k, Inbox: k, Recordings: k, Names: ids.Namer{Hash: ring.Hash()}}
}

func TestEraseRemovesWhatHasEnded(t *testing.T) {
	k, e := setUp(t)
	parts := all(t, e, erase.Request{Phone: person})
	require.Len(t, parts, 2)
	first, second := parts[0], parts[1]
	require.Equal(t, map[string]int{"Call": 1}, first.Workflows)
	require.Equal(t, 3, first.Recordings, "those that their notes name, and one from before of a call")
	require.Equal(t, 1, first.Deliveries, "however the number is written")
	require.EqualValues(t, 7, first.Unhashed)
	require.NotEmpty(t, first.Kept)
	require.Equal(t, map[string]int{"Call": 1, "Recording": 1}, second.Workflows)
	require.Zero(t, second.Unhashed, "it is counted once")
	require.Equal(t, []string{"call:many-unread"}, second.Unsure)
	require.Len(t, second.Running, 2)
	require.Equal(t, "outbound:runs", second.Running[0].WorkflowID)
	require.Contains(t, second.Running[0].Advice, "aftercall call stop runs")
	require.Equal(t, "call:restarted", second.Running[1].WorkflowID, "it began again meanwhile")
	require.Equal(t, []string{"call:ended", "call:many-with", "recording:many-with:0a1b"}, k.deleted)
	require.Equal(t, []string{`{"to":"` + other + `"}`}, k.bodies)
	require.Equal(t, calls.RecordingStored, k.recordings[2].Status, "of others nothing is removed")
	require.Greater(t, len(k.asked[0]), 1, "national spellings are asked for too")
}

func TestDryRunShowsAndRemovesNothing(t *testing.T) {
	k, e := setUp(t)
	parts := all(t, e, erase.Request{Phone: person, DryRun: true, Export: true})
	require.Empty(t, k.deleted)
	require.Len(t, k.bodies, 2)
	kinds := map[string]int{}
	for _, p := range parts {
		require.True(t, p.DryRun)
		for _, i := range p.Found {
			kinds[i.Kind]++
		}
	}
	require.Equal(t, map[string]int{"notification": 1, "recording": 3, "workflow": 5}, kinds)
	require.Equal(t, 3, parts[0].Recordings, "each is counted once")
	for _, r := range k.recordings {
		require.Equal(t, calls.RecordingStored, r.Status)
	}
}

func TestEraseSaysWhatItCannotDo(t *testing.T) {
	k, e := setUp(t)
	_, err := e.Erase(t.Context(), erase.Request{Phone: person, Cursor: "no cursor!"})
	require.ErrorIs(t, err, erase.ErrCursor)
	k.away = true
	_, err = e.Erase(t.Context(), erase.Request{Phone: person})
	require.ErrorIs(t, err, desk.ErrAway)
	require.True(t, e.Ready())
	e.Names = ids.Namer{}
	require.False(t, e.Ready())
}

// TestEraseOpensEveryWorkflowIfNoneIsListed: a namespace without a slot for PartyHash.
func TestEraseOpensEveryWorkflowIfNoneIsListed(t *testing.T) {
	k, e := setUp(t)
	k.unlisted, k.recordings, k.states = true, nil, map[string]string{}
	k.parties, k.inputs = nil, map[string]string{}
	for id, says := range map[string]string{"call:with": person, "call:without": other, "outbound:with": person, "outbound:without": other} {
		kind := "Call"
		if id[:4] == "outb" {
			kind = "OutboundCall"
			k.states[id], k.inputs[id] = `{"attempts":[]}`, `{"request":{"to":"`+says+`"}}`
		} else {
			k.states[id] = `{"legs":[{"to":"` + says + `"}]}`
		}
		p := desk.Party{Listed: desk.Listed{WorkflowID: id, CallKey: id[5:]}, Type: kind, Among: true}
		k.parties = append(k.parties, p)
	}
	k.parties = append(k.parties, desk.Party{Listed: desk.Listed{WorkflowID: "outbound:unread"}, Type: "OutboundCall", Among: true})
	parts := all(t, e, erase.Request{Phone: person})
	require.ElementsMatch(t, []string{"call:with", "outbound:with"}, k.deleted)
	require.True(t, parts[0].Opened)
	require.Equal(t, []string{"outbound:unread"}, parts[1].Unsure)
}
