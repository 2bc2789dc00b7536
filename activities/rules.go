package activities

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/ledger"
	"github.com/aftercall/aftercall/internal/rules"
)

// PersonBook is what DialRules needs to know of a person, by the hash of a phone number. The errors are those of
// ledger.Ledger.
type PersonBook interface {
	Suppression(ctx context.Context, hash string) (ledger.Suppression, error)
	Dials(ctx context.Context, hash string) ([]ledger.Dial, error)
	Count(ctx context.Context, hash string, d ledger.Dial) error
	Uncount(ctx context.Context, hash string, d ledger.Dial) error
}

// PhoneHash hashes a phone number. Without a key it is not ready, and nobody can be suppressed.
type PhoneHash interface {
	Ready() bool
	Phone(number string) string
}

// DialRules decides on each dial, at the last moment, and counts the dials of each person. The zero value allows
// everything.
type DialRules struct {
	Rules rules.Rules
	Book  PersonBook
	Hash  PhoneHash
}

// decide returns the rules' decision on an attempt. It changes nothing.
func (r DialRules) decide(ctx context.Context, in contract.PlaceCallInput, now time.Time) (rules.Decision, error) {
	q := rules.Request{To: in.Request.To, CallerID: in.CallerID, Class: rules.Class(in.Request.Class), ConsentRef: in.Request.ConsentRef}
	d := r.Rules.Ask(q)
	if d.Allowed() && in.SecondaryCallerID != "" { // the provider may use it
		q.CallerID = in.SecondaryCallerID
		d = r.Rules.Ask(q)
	}
	if !d.Allowed() {
		return d, nil
	}
	if !r.knowsPersons() {
		return r.Rules.ClassHours(q.Class, now), r.unknowing()
	}
	person := r.Hash.Phone(in.Request.To)
	d, err := r.suppressed(ctx, person, q.Class, now)
	if err != nil || !d.Allowed() {
		return d, err
	}
	if d = r.Rules.ClassHours(q.Class, now); !d.Allowed() || !r.Rules.PersonRules() {
		return d, nil
	}
	earlier, err := r.Book.Dials(ctx, person)
	if err != nil {
		return d, err
	}
	d, _ = r.person(earlier, in.ReferenceID, now)
	return d, nil
}

// knowsPersons reports whether there is a hash key to recognise persons by.
func (r DialRules) knowsPersons() bool { return r.Book != nil && r.Hash != nil && r.Hash.Ready() }

// unknowing returns the error of rules that need that key.
func (r DialRules) unknowing() error {
	if r.Rules.PersonRules() {
		return errors.New("dials of a person cannot be counted without a hash key")
	}
	return nil
}

func (r DialRules) suppressed(ctx context.Context, person, class string, now time.Time) (rules.Decision, error) {
	s, err := r.Book.Suppression(ctx, person)
	if errors.Is(err, ledger.ErrNotSuppressed) {
		return rules.Decision{Rule: calls.RuleAllowed}, nil
	}
	if err != nil {
		return rules.Decision{}, err
	}
	known := rules.Suppression{Scope: s.Scope}
	if s.Until != nil {
		known.Until = *s.Until
	}
	return r.Rules.Suppressed(known, class, now), nil
}

// person decides by the dials of a person but for those of the attempt itself, of which it returns the one that is
// counted on this date.
func (r DialRules) person(all []ledger.Dial, attempt string, now time.Time) (d rules.Decision, own *ledger.Dial) {
	var earlier []rules.Dial
	for _, known := range all {
		if known.Attempt != attempt {
			earlier = append(earlier, rules.Dial{At: known.At, Date: known.Date})
		} else if known.Date == r.Rules.Date(now) {
			own = &known
		}
	}
	return r.Rules.Person(earlier, now), own
}

// mostCountings is how often count retries when others take the same number.
const mostCountings = 20

// count notes the dial of an attempt, unless the rules say no: two dials of a person that are made at the same time see
// each other, before or after they are noted. uncount takes the note back.
func (r DialRules) count(ctx context.Context, in contract.PlaceCallInput, now time.Time) (d rules.Decision, uncount func(), err error) {
	uncount = func() {}
	if !r.Rules.PersonRules() {
		return rules.Decision{Rule: calls.RuleAllowed}, uncount, nil
	}
	person := r.Hash.Phone(in.Request.To)
	for range mostCountings {
		all, err := r.Book.Dials(ctx, person)
		if err != nil {
			return d, uncount, err
		}
		d, own := r.person(all, in.ReferenceID, now)
		if !d.Allowed() {
			if own != nil { // of an earlier post, or of this one, which came at the same time as another
				_ = r.Book.Uncount(ctx, person, *own) // left behind it is one dial too many, never one too few
			}
			return d, uncount, nil
		}
		if own != nil {
			return d, func() { _ = r.Book.Uncount(context.WithoutCancel(ctx), person, *own) }, nil
		}
		err = r.Book.Count(ctx, person, r.next(all, in.ReferenceID, now))
		if err != nil && !errors.Is(err, ledger.ErrTaken) {
			return d, uncount, err
		}
	}
	return d, uncount, errors.New("too many dials of one person at the same time")
}

// next returns the dial of an attempt, under the first free number of the date.
func (r DialRules) next(all []ledger.Dial, attempt string, now time.Time) ledger.Dial {
	next := ledger.Dial{Attempt: attempt, At: now.UTC(), Date: r.Rules.Date(now), N: 1}
	for slices.ContainsFunc(all, func(d ledger.Dial) bool { return d.Date == next.Date && d.N == next.N }) {
		next.N++
	}
	return next
}

// forbidden returns the result of a dial that a rule forbids.
func forbidden(d rules.Decision) contract.PlaceCallResult {
	res := notPlaced(d.Reason)
	res.Rule = d.Rule
	if !d.Until.IsZero() {
		until := d.Until.UTC()
		res.NotBefore = &until
	}
	return res
}
