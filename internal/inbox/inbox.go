// Package inbox owns the durable store between the webhook and Temporal: notifications that wait for their delivery,
// the keys of those delivered, and the dead letters. What Append acknowledged survives kill -9 and power loss.
//
// It must not parse a notification, know Temporal, or log a body or a phone number.
package inbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"
)

// Errors of an Inbox. All but ErrNotFound, ErrNoKey, ErrKnown and ErrInvalid pass by themselves: answer 503 and ask to repeat.
var (
	ErrBusy        = errors.New("inbox is busy: too many writes are queued")
	ErrFull        = errors.New("inbox is full: its row cap or the disk's free-space floor is reached")
	ErrUnavailable = errors.New("inbox is unavailable: its last commit failed, or its database cannot be reached")
	ErrClosed      = errors.New("inbox is closed")
	ErrInUse       = errors.New("inbox is in use by another process")
	ErrNotFound    = errors.New("no such dead letter")
	ErrNoKey       = errors.New("dead letter has no call key and cannot be delivered")
	ErrKnown       = errors.New("the event was received already")
	ErrInvalid     = errors.New("notification has no event key or no call key")
)

// Reason says why something is a dead letter.
type Reason string

// Reasons.
const (
	ReasonNotJSON     Reason = "not-json"    // the body is not one JSON object
	ReasonNoKey       Reason = "no-key"      // nothing in the body identifies a call
	ReasonLate        Reason = "late"        // it would change a call that is closed
	ReasonApplication Reason = "application" // it belongs to an application that is not configured
	ReasonPermanent   Reason = "permanent"   // Temporal will never take it
	ReasonUnreadable  Reason = "unreadable"  // its bytes changed since they were sealed
)

// Reasons lists them all.
func Reasons() []string {
	var all []string
	for _, r := range []Reason{ReasonNotJSON, ReasonNoKey, ReasonLate, ReasonApplication, ReasonPermanent, ReasonUnreadable} {
		all = append(all, string(r))
	}
	return all
}

// Notification is what Append stores. Body is kept as received; it carries phone numbers.
type Notification struct {
	EventKey   string
	CallKey    string
	Body       []byte
	ReceivedAt time.Time
}

// Receipt says what Append found. Duplicate: the event key was known and nothing was queued. Variant: it was known
// with other bytes, which were kept beside the first ones.
type Receipt struct {
	Duplicate bool
	Variant   bool
}

// Item is a claimed notification. Attempts counts the releases before this claim.
type Item struct {
	ID int64
	Notification
	Attempts int
}

// Refused is what AppendDeadLetter stores: a body that never had a key. Detail must hold no phone number.
type Refused struct {
	Body       []byte
	Reason     Reason
	Detail     string
	ReceivedAt time.Time
}

// DeadLetter is a notification that was given up. EventKey and CallKey are empty where the body has none. Body and
// Variants (the other bodies under the same event key) are left out of lists; they carry phone numbers.
type DeadLetter struct {
	ID         string
	EventKey   string
	CallKey    string
	Reason     Reason
	Detail     string
	ReceivedAt time.Time
	DiedAt     time.Time
	SizeBytes  int
	Body       []byte
	Variants   [][]byte
}

// Received is one receipt of a notification. Body carries phone numbers; it is nil where it is kept no more.
type Received struct {
	EventKey     string
	At           time.Time
	Duplicate    bool   // its event key was known, whether with these bytes or others
	Pending      bool   // its notification waits for its delivery
	Reason       Reason // it is, or was until it was dropped, a dead letter
	DeadLetterID string // while it is one
	Body         []byte
}

// Filter narrows a list of dead letters. The zero value lists the first 100 of every reason.
type Filter struct {
	Reason  Reason // empty: all
	CallKey string // empty: all
	Limit   int    // 0: 100
	After   string // id of the last dead letter of the page before
}

// Reparse reads the keys of a body that had none when it was stored. Its error says why there still are none.
type Reparse func(body []byte) (eventKey, callKey string, err error)

// Stats is the state of an inbox. OldestPending is the age of the oldest pending notification, 0 when there is none.
// Leased ones are pending too. Variants counts the bodies kept beside the first of their event key.
type Stats struct {
	Pending       int
	Leased        int
	OldestPending time.Duration
	DeadLetters   int
	ByReason      map[Reason]int
	Variants      int
	Unavailable   bool
}

// Swept says how many notifications a Sweep blanked and forgot, how many dead letters it dropped, and how many bodies it
// sealed anew with the key that seals now.
type Swept struct {
	Blanked   int
	Forgotten int
	Dropped   int
	Resealed  int
}

// Erased says what Erase removed, or would: the bodies of how many delivered notifications, and how many dead letters.
// Pending ones match too and were left, since they must be delivered first. Unread counts bodies that cannot be read.
type Erased struct {
	Bodies      int
	DeadLetters int
	Pending     int
	Unread      int
}

// Inbox is safe for concurrent use. Every write is durable when it returns nil, and nothing of it is visible when it
// returns an error, except where the error is the context's, or ErrUnavailable because a connection was lost: then it may
// have happened. It may be repeated in any case.
//
// Besides the errors named at a method, each returns ErrBusy, ErrUnavailable, ErrClosed or the context's error.
type Inbox interface {
	// Append stores a notification and its dedupe mark in one transaction. Errors: ErrFull, ErrInvalid.
	Append(ctx context.Context, n Notification) (Receipt, error)
	// AppendDeadLetter stores a body that has no key. Its id is DeadLetterID(body); the same body again, while it is
	// kept, is a duplicate. Errors: ErrFull.
	AppendDeadLetter(ctx context.Context, r Refused) (id string, duplicate bool, err error)

	// Claim leases up to n notifications in order of arrival, at most one per call key and none that has an earlier
	// undone one of its call key, leased ones included, whichever process has leased them. One whose key is missing waits
	// for it; one whose bytes were changed becomes a dead letter. A lease ends by Done, Release or Bury, when its time is
	// over, by Close, and where no other process can share the inbox with the process.
	Claim(ctx context.Context, n int, lease time.Duration) ([]Item, error)
	// ClaimNew leases as Claim does, but of those received since a time and the last one first: what has just come need
	// not wait for a backlog. It may pass over some where many are leased or wait for their retry; Claim finds them.
	ClaimNew(ctx context.Context, since time.Time, n int, lease time.Duration) ([]Item, error)
	// Arrivals yields when there may be something that another process has appended. It is a hint: who claims now and then
	// all the same misses nothing. It is nil where there is no other process.
	Arrivals() <-chan struct{}
	// Done marks notifications as delivered. Unknown and finished ids are ignored.
	Done(ctx context.Context, ids ...int64) error
	// Release gives a notification back after a transient failure; it is not claimed again before retryAt. Nor are
	// the later ones of its call key.
	Release(ctx context.Context, id int64, retryAt time.Time) error
	// Bury makes a notification a dead letter. The detail must hold no phone number.
	Bury(ctx context.Context, id int64, reason Reason, detail string) error

	// DeadLetters lists dead letters without their bodies, in order of arrival.
	DeadLetters(ctx context.Context, f Filter) ([]DeadLetter, error)
	// DeadLetter returns one with its body. Errors: ErrNotFound.
	DeadLetter(ctx context.Context, id string) (DeadLetter, error)
	// Requeue makes a dead letter pending again. One without a key is read by reparse (nil: refused) and stays where
	// it has none still; one whose event key is known by now is forgotten. Errors: ErrNotFound, ErrNoKey.
	Requeue(ctx context.Context, id string, reparse Reparse) error
	// Mend makes a dead letter pending with another body, whose keys reparse reads; the one that came is kept beside it as
	// a variant. Errors: ErrNotFound, ErrNoKey, and ErrKnown where the event of the new body is known.
	Mend(ctx context.Context, id string, body []byte, reparse Reparse) error
	// Drop forgets a dead letter; its event key, where it has one, stays known for the retention. Errors: ErrNotFound.
	Drop(ctx context.Context, id string) error

	// Receipts lists what was received for a call, in order of receipt, skipping the first ones. Of the same bytes that
	// come again and again not every receipt is remembered.
	Receipts(ctx context.Context, callKey string, skip, limit int) ([]Received, error)

	// Stats counts what is stored.
	Stats(ctx context.Context) (Stats, error)
	// Sweep blanks the bodies and forgets the keys of what was delivered longer ago than the retention says, and drops
	// dead letters that are older than theirs. Pending notifications are never swept. Bodies that are in clear or sealed
	// with another key than the one that seals now are sealed anew.
	Sweep(ctx context.Context, now time.Time) (Swept, error)
	// Erase removes the bodies of delivered notifications, and the dead letters, of which a body matches; event keys stay
	// known. A dry one only counts.
	Erase(ctx context.Context, dry bool, matches func(callKey string, body []byte) bool) (Erased, error)
	// SealedWith counts the bodies that are kept by the id of the key that sealed them; "" is in clear.
	SealedWith(ctx context.Context) (map[string]int, error)
	// Ready does a small durable write. Errors: ErrFull, when Append would refuse.
	Ready(ctx context.Context) error
	// Close ends all writes and leases.
	Close() error
}

// DeadLetterID is the id of the dead letter of a body that has no key, or, given an event key's bytes, of that event.
func DeadLetterID(data []byte) string {
	sum := sha256.Sum256(data)
	return "dl-" + hex.EncodeToString(sum[:8])
}
