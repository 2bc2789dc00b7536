// Package ids makes the keys that stand for the provider's identifiers in workflow ids, search attributes and signal
// names. The key of an identifier that tells a phone number is a keyed hash.
package ids

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/keys"
	"github.com/aftercall/aftercall/internal/phone"
)

// Namer makes keys. Without a hash key its keys are those of package calls.
type Namer struct {
	Hash keys.Hash
	// NoParties reports whether workflows are found by no number, so that none is hashed for them. It may be nil.
	NoParties func() bool
}

// Key returns the key of an identifier: calls.Key, or "hmac-" and 32 hex digits if the identifier is telling. Key(Key(x))
// is Key(x).
func (n Namer) Key(id string) string {
	if phone.Telling(id) && n.Hash.Ready() {
		return n.Hash.ID(id)
	}
	return calls.Key(id)
}

// Parties returns keyed hashes of the readable numbers, in order. It returns none without a hash key.
func (n Namer) Parties(numbers ...string) []string {
	if n.Unlisted() {
		return nil
	}
	return n.hashes(numbers)
}

// Unlisted reports whether workflows are found by no number.
func (n Namer) Unlisted() bool { return n.NoParties != nil && n.NoParties() }

func (n Namer) hashes(numbers []string) []string {
	var out []string
	if !n.Hash.Ready() {
		return nil
	}
	for _, number := range numbers {
		if plain, ok := phone.Plain(number); ok {
			out = append(out, n.Hash.Phone(plain))
		}
	}
	return out
}

// PartyForms returns the hashes that Parties may have made of a number, which may have lacked its country code.
func (n Namer) PartyForms(e164 string) []string { return n.hashes(phone.Forms(e164)) }

// Legs returns the hashes that may stand for a leg in ids and object names, the current one first: a keyed one if the
// leg's key is telling, and the plain one of package calls.
func (n Namer) Legs(legKey string) []string {
	if phone.Telling(legKey) && n.Hash.Ready() {
		return []string{n.Hash.Leg(legKey), calls.LegHash(legKey)}
	}
	return []string{calls.LegHash(legKey)}
}

// derivedPrefix starts a referenceId derived from an idempotency key.
const derivedPrefix = "idem-"

// References returns the referenceIds that may stand for an idempotency key, the current one first: a keyed hash if the
// idempotency key is telling, and the plain hash, whoever sends it.
func (n Namer) References(idempotencyKey string) []string {
	sum := sha256.Sum256([]byte(idempotencyKey))
	plain := derivedPrefix + hex.EncodeToString(sum[:])[:40]
	if phone.Telling(idempotencyKey) && n.Hash.Ready() {
		return []string{derivedPrefix + n.Hash.Of("idempotency", idempotencyKey)[:40], plain}
	}
	return []string{plain}
}
