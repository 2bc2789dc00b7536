package masking

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/phone"
)

// Limits of what a book remembers of folded calls, oldest forgotten first. With a book's calls they keep it well below
// Temporal's limit of 2 MiB for a payload.
const (
	maxFolded     = 20_000 // legs
	maxRecordings = 8_000  // identities of their recordings
)

// Book holds the latest state of a session's calls. The zero value is an empty book. It holds phone numbers.
type Book struct {
	Entries    map[string]Entry    `json:"entries,omitempty"`    // by call key
	Earlier    calls.MaskingTotals `json:"earlier,omitzero"`     // calls folded away
	Folded     []string            `json:"folded,omitempty"`     // fingerprints of their legs
	Recordings []string            `json:"recordings,omitempty"` // RecordingMark of their recordings
	Number     string              `json:"number,omitempty"`     // the masking number, where known
	MaskID     string              `json:"maskId,omitempty"`     // of the session: legs of others are left out
	Literal    bool                `json:"literal,omitempty"`    // by the earlier rules, which compare spellings of numbers
}

// Entry is the latest state of one call.
type Entry struct {
	State   calls.CallState `json:"state"`
	Shared  bool            `json:"shared,omitempty"` // the call has, or had, more than one leg
	Changed time.Time       `json:"changed"`          // when its legs last changed, by the session's clock
	Size    int             `json:"size"`             // bytes of State as JSON
}

// Effect is the effect of an update on a book.
type Effect int

// Effects.
const (
	Nothing   Effect = iota // known already, older than what is known, or without a leg
	Refreshed               // something changed, but no leg
	LegMoved                // a leg is new or has changed
	TooLate                 // the call was folded away
)

// Apply takes a call's state: a higher revision replaces a lower one.
func (b *Book) Apply(state calls.CallState, now time.Time) Effect {
	known, have := b.Entries[state.CallKey]
	shared := known.Shared || len(state.Legs) > 1
	next := trim(state)
	next.Legs = slices.DeleteFunc(slices.Clone(state.Legs), func(l calls.Leg) bool { return b.folded(state.CallKey, l) || b.foreign(l) })
	switch {
	case len(state.Legs) == 0:
		return Nothing
	case !slices.ContainsFunc(state.Legs, func(l calls.Leg) bool { return !b.foreign(l) }):
		return Nothing
	case len(next.Legs) == 0:
		return TooLate
	case have && !newer(next, known.State):
		return Nothing
	}
	if b.Entries == nil {
		b.Entries = map[string]Entry{}
	}
	effect := LegMoved
	if have && equal(next.Legs, known.State.Legs) {
		effect, now = Refreshed, known.Changed
	}
	b.Entries[state.CallKey] = Entry{State: next, Shared: shared, Changed: now, Size: len(encode(next))}
	return effect
}

// foreign reports whether a leg belongs to another session: one call may have legs of several.
func (b *Book) foreign(l calls.Leg) bool {
	return !b.Literal && b.MaskID != "" && l.MaskID != "" && calls.Key(l.MaskID) != calls.Key(b.MaskID)
}

// trim removes what the story does not need.
func trim(s calls.CallState) calls.CallState {
	return calls.CallState{
		CallKey: s.CallKey, CallID: s.CallID, Final: s.Final, Revision: s.Revision, Outcome: s.Outcome, Legs: s.Legs,
		Recordings: s.Recordings,
	}
}

// newer reports whether a replaces b. Two states of one revision should not differ; where they do, as after an
// operator's reset, what they say decides, so that the order in which they came does not.
func newer(a, b calls.CallState) bool {
	switch {
	case a.Revision != b.Revision:
		return a.Revision > b.Revision
	case a.Final != b.Final:
		return a.Final
	default:
		return encode(a) > encode(b)
	}
}

func equal[T any](a, b T) bool { return encode(a) == encode(b) }

// encode is the JSON of a value, which two states share only if they say the same: times keep no location in it.
func encode(v any) string {
	text, err := json.Marshal(v)
	if err != nil { // plain data always encodes
		return ""
	}
	return string(text)
}

// legs lists the legs of all calls, each once: the same callSid under two call keys is one leg, as when an early
// notification carried no callId yet. The one that says more is kept.
func (b *Book) legs() []*leg {
	var out []*leg
	bySID := map[string]int{}
	for _, key := range sortedKeys(b.Entries) {
		for _, l := range b.Entries[key].State.Legs {
			next := &leg{Leg: l, callKey: key, inbound: b.inbound(l), literal: b.Literal}
			at, twice := bySID[l.Direction+"|"+l.CallSID]
			switch {
			case l.CallSID == "" || !twice:
				bySID[l.Direction+"|"+l.CallSID] = len(out)
				out = append(out, next)
			case saysMore(next, out[at]):
				out[at] = next
			}
		}
	}
	return out
}

func saysMore(a, b *leg) bool {
	if ra, rb := a.Status.Rank(), b.Status.Rank(); ra != rb {
		return ra > rb
	}
	return a.callKey != calls.Key(a.CallSID) && b.callKey == calls.Key(b.CallSID)
}

// inbound reports whether a leg is the caller's. It judges a leg without direction by the masking number.
func (b *Book) inbound(l calls.Leg) bool {
	switch l.Direction {
	case calls.DirectionInbound:
		return true
	case calls.DirectionOutbound:
		return false
	default:
		return b.Number != "" && (l.To == b.Number || !b.Literal && phone.Compare(l.To, b.Number) == phone.Same)
	}
}

// Changed returns when a leg of a masked call last changed.
func (b *Book) Changed(c calls.MaskedCall) time.Time {
	in, out := b.Entries[c.InboundKey].Changed, b.Entries[c.OutboundKey].Changed
	if in.After(out) {
		return in
	}
	return out
}

// Final reports whether the calls behind a masked call are final.
func (b *Book) Final(c calls.MaskedCall) bool {
	return (c.InboundKey == "" || b.Entries[c.InboundKey].State.Final) && (c.OutboundKey == "" || b.Entries[c.OutboundKey].State.Final)
}

// Size returns the size in bytes of all calls as JSON.
func (b *Book) Size() int {
	n := 0
	for _, key := range sortedKeys(b.Entries) {
		n += b.Entries[key].Size
	}
	return n
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// Fold turns calls of a story, oldest first, into counters and returns those that stay and those that are gone: settled
// ones while there are more than keep or the book is larger than maxSize bytes, then any while it still is.
func (b *Book) Fold(story []calls.MaskedCall, keep, maxSize int, settled func(calls.MaskedCall) bool) (stay, gone []calls.MaskedCall) {
	over, size := len(story)-keep, b.Size()
	stay = slices.DeleteFunc(slices.Clone(story), func(c calls.MaskedCall) bool {
		if (over <= 0 && size <= maxSize) || !settled(c) {
			return false
		}
		over, size, gone = over-1, size-len(encode(c)), append(gone, c)
		return true
	})
	for len(stay) > 0 && size > maxSize {
		size, gone, stay = size-len(encode(stay[0])), append(gone, stay[0]), stay[1:]
	}
	b.forget(gone)
	return stay, gone
}

// forget counts masked calls and drops their legs.
func (b *Book) forget(gone []calls.MaskedCall) {
	if len(gone) == 0 {
		return
	}
	dropped := map[string]bool{}
	for _, c := range gone {
		b.Earlier = Count(b.Earlier, c)
		for key, l := range Sides(c) {
			mark := fingerprint(key, *l)
			dropped[mark] = true
			b.Folded = last(append(b.Folded, mark), maxFolded)
			for _, id := range l.RecordingIDs() {
				b.Recordings = last(append(b.Recordings, RecordingMark(id)), maxRecordings)
			}
		}
	}
	for _, key := range sortedKeys(b.Entries) {
		e := b.Entries[key]
		legs := slices.DeleteFunc(slices.Clone(e.State.Legs), func(l calls.Leg) bool { return dropped[fingerprint(key, l)] })
		switch len(legs) {
		case len(e.State.Legs):
		case 0:
			delete(b.Entries, key)
		default:
			e.State.Legs = legs
			e.Size = len(encode(e.State))
			b.Entries[key] = e
		}
	}
}

// Sides ranges over the legs of a masked call with their call keys.
func Sides(c calls.MaskedCall) func(yield func(string, *calls.Leg) bool) {
	return func(yield func(string, *calls.Leg) bool) {
		if c.Inbound != nil && !yield(c.InboundKey, c.Inbound) {
			return
		}
		if c.Outbound != nil {
			yield(c.OutboundKey, c.Outbound)
		}
	}
}

func (b *Book) folded(callKey string, l calls.Leg) bool {
	return len(b.Folded) > 0 && slices.Contains(b.Folded, fingerprint(callKey, l))
}

// fingerprint identifies a folded leg. A callSid is one leg under any call key.
func fingerprint(callKey string, l calls.Leg) string {
	if l.CallSID != "" {
		callKey = ""
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{callKey, l.Direction, l.Key()}, "|")))
	return base64.RawURLEncoding.EncodeToString(sum[:8])
}

// RecordingMark returns the short form of a recording's identity that is remembered.
func RecordingMark(recordingID string) string { return recordingID[:min(len(recordingID), 16)] }

// last returns the last n elements.
func last[T any](s []T, n int) []T { return s[max(len(s)-n, 0):] }
