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

// Errors of an Inbox. All but ErrNotFound, ErrNoKey, ErrKnown and ErrInvalid are temporary: answer 503, ask for a retry.
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

// Reason says why a notification is a dead letter.
type Reason string

// Reasons.
const (
	ReasonNotJSON     Reason = "not-json"    // the body is not one JSON object
	ReasonNoKey       Reason = "no-key"      // nothing in the body identifies a call
	ReasonLate        Reason = "late"        // it would change a call that is closed
	ReasonApplication Reason = "application" // it belongs to an application that is not configured
	ReasonPermanent   Reason = "permanent"   // Temporal will never accept it
	ReasonUnreadable  Reason = "unreadable"  // its bytes changed since they were sealed
)

// Reasons returns all reasons.
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
// with other bytes; these were kept beside the first ones.
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

// DeadLetter is a notification that was given up. EventKey and CallKey are empty if the body has none. Lists leave out
// Body and Variants (the other bodies under the same event key); they carry phone numbers.
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

// Received is one receipt of a notification. Body carries phone numbers; it is nil when it is no longer kept.
type Received struct {
	EventKey     string
	At           time.Time
	Duplicate    bool   // its event key was known, with these bytes or others
	Pending      bool   // its notification is not delivered yet
	Reason       Reason // of its dead letter, until that is dropped
	DeadLetterID string // while it is a dead letter
	Body         []byte
}

// Filter narrows a list of dead letters. The zero value lists the first 100 of every reason.
type Filter struct {
	Reason  Reason // empty: all
	CallKey string // empty: all
	Limit   int    // 0: 100
	After   string // id of the last dead letter of the page before
}

// Reparse reads the keys of a body that had none when it was stored. Its error says why it still has none.
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
// sealed again with the current key.
type Swept struct {
	Blanked   int
	Forgotten int
	Dropped   int
	Resealed  int
}

// Erased counts what Erase removed, or would remove: the bodies of delivered notifications, and dead letters. Pending
// counts matches that stay, because they must be delivered first. Unread counts bodies that cannot be read.
type Erased struct {
	Bodies      int
	DeadLetters int
	Pending     int
	Unread      int
}

// Inbox is safe for concurrent use. A write is durable when it returns nil. When it returns an error it has had no effect,
// unless the error is the context's, or ErrUnavailable because a connection was lost: then the effect is unknown. Every
// write may be repeated.
//
// Besides the errors named at a method, each method returns ErrBusy, ErrUnavailable, ErrClosed or the context's error.
type Inbox interface {
	// Append stores a notification and its dedupe mark in one transaction. Errors: ErrFull, ErrInvalid.
	Append(ctx context.Context, n Notification) (Receipt, error)
	// AppendDeadLetter stores a body that has no key. Its id is DeadLetterID(body). While it is kept, the same body
	// again is a duplicate. Errors: ErrFull.
	AppendDeadLetter(ctx context.Context, r Refused) (id string, duplicate bool, err error)

	// Claim leases up to n notifications in order of arrival: at most one per call key, and none while an earlier one of
	// its call key is pending, even if that one is leased, by any process. A notification whose key is missing waits for
	// it; one whose bytes were changed becomes a dead letter. A lease ends by Done, Release, Bury or Close, when it
	// expires, and, if no other process can share the inbox, with the process.
	Claim(ctx context.Context, n int, lease time.Duration) ([]Item, error)
	// ClaimNew leases like Claim, but only notifications received since a time, newest first: they need not wait for a
	// backlog. It may miss some while many are leased or wait for a retry; Claim finds those.
	ClaimNew(ctx context.Context, since time.Time, n int, lease time.Duration) ([]Item, error)
	// ClaimBegun leases like Claim, but only notifications whose call had an earlier one, delivered or pending, when they
	// arrived: such a call must not end before it has them.
	ClaimBegun(ctx context.Context, n int, lease time.Duration) ([]Item, error)
	// Arrivals yields when another process may have appended something. It is a hint: a caller that also claims now and
	// then misses nothing. It is nil if no other process can share the inbox.
	Arrivals() <-chan struct{}
	// Done marks notifications as delivered. Unknown and finished ids are ignored.
	Done(ctx context.Context, ids ...int64) error
	// Release returns a notification after a transient failure. Neither it nor the later ones of its call key are claimed
	// before retryAt.
	Release(ctx context.Context, id int64, retryAt time.Time) error
	// Bury turns a notification into a dead letter. The detail must hold no phone number.
	Bury(ctx context.Context, id int64, reason Reason, detail string) error

	// DeadLetters lists dead letters without their bodies, in order of arrival.
	DeadLetters(ctx context.Context, f Filter) ([]DeadLetter, error)
	// DeadLetter returns one with its body. Errors: ErrNotFound.
	DeadLetter(ctx context.Context, id string) (DeadLetter, error)
	// Requeue makes a dead letter pending again. If it has no key, reparse reads one (nil: refused); it stays if there is
	// still none, and is forgotten if its event key is known by now. Errors: ErrNotFound, ErrNoKey.
	Requeue(ctx context.Context, id string, reparse Reparse) error
	// Mend makes a dead letter pending with another body, whose keys reparse reads; the original body is kept beside it as
	// a variant. Errors: ErrNotFound, ErrNoKey, and ErrKnown if the new body's event key is known.
	Mend(ctx context.Context, id string, body []byte, reparse Reparse) error
	// Drop forgets a dead letter; its event key, if it has one, stays known for the retention. Errors: ErrNotFound.
	Drop(ctx context.Context, id string) error

	// Receipts lists what was received for a call, in order of receipt, without the first skip ones. If the same bytes
	// come many times, not every receipt is remembered.
	Receipts(ctx context.Context, callKey string, skip, limit int) ([]Received, error)

	// Stats counts what is stored.
	Stats(ctx context.Context) (Stats, error)
	// Sweep blanks bodies and forgets keys of notifications delivered longer ago than the retentions, and drops dead
	// letters older than theirs. It never sweeps pending notifications. It seals bodies again that are in clear or sealed
	// with another key than the current one.
	Sweep(ctx context.Context, now time.Time) (Swept, error)
	// Erase removes the bodies of delivered notifications, and the dead letters, if one of their bodies matches; event
	// keys stay known. A dry run only counts.
	Erase(ctx context.Context, dry bool, matches func(callKey string, body []byte) bool) (Erased, error)
	// SealedWith counts the kept bodies by the id of the key that sealed them; "" means in clear.
	SealedWith(ctx context.Context) (map[string]int, error)
	// Ready does a small durable write. Errors: ErrFull if Append would refuse.
	Ready(ctx context.Context) error
	// Close ends all writes and leases.
	Close() error
}

// DeadLetterID returns the dead letter's id for a body that has no key, or for an event key's bytes.
func DeadLetterID(data []byte) string {
	sum := sha256.Sum256(data)
	return "dl-" + hex.EncodeToString(sum[:8])
}
