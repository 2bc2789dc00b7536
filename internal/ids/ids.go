// Package ids makes the keys that stand for the provider's identifiers in workflow ids, search attributes and signal
// names. An identifier that tells a phone number stands there as a keyed hash.
package ids

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/keys"
	"github.com/aftercall/aftercall/internal/phone"
)

// Namer makes keys. Without a hash key it makes those of package calls.
type Namer struct {
	Hash keys.Hash
	// NoParties reports that workflows are found by no number, so that none is hashed for them. It may be nil.
	NoParties func() bool
}

// Key stands for an identifier: calls.Key, or "hmac-" and 32 hex digits where the identifier is telling. Key(Key(x)) is
// Key(x).
func (n Namer) Key(id string) string {
	if phone.Telling(id) && n.Hash.Ready() {
		return n.Hash.ID(id)
	}
	return calls.Key(id)
}

// Parties are keyed hashes of those of the numbers that can be read, in order. There are none without a hash key.
func (n Namer) Parties(numbers ...string) []string {
	if n.Unlisted() {
		return nil
	}
	return n.hashes(numbers)
}

// Unlisted reports that workflows are found by no number.
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

// PartyForms are the hashes under which Parties may have put a number: it may have been written without its country.
func (n Namer) PartyForms(e164 string) []string { return n.hashes(phone.Forms(e164)) }

// Legs are the hashes that may stand for a leg in ids and object names, the one that is made now first: a keyed one where
// the leg's key is telling, and the plain one of package calls.
func (n Namer) Legs(legKey string) []string {
	if phone.Telling(legKey) && n.Hash.Ready() {
		return []string{n.Hash.Leg(legKey), calls.LegHash(legKey)}
	}
	return []string{calls.LegHash(legKey)}
}

// derivedPrefix starts a referenceId that was made from an idempotency key.
const derivedPrefix = "idem-"

// References are the referenceIds that may stand for an idempotency key, the one that is made now first: a keyed hash
// where the idempotency key is telling, and the plain hash, whoever sends it.
func (n Namer) References(idempotencyKey string) []string {
	sum := sha256.Sum256([]byte(idempotencyKey))
	plain := derivedPrefix + hex.EncodeToString(sum[:])[:40]
	if phone.Telling(idempotencyKey) && n.Hash.Ready() {
		return []string{derivedPrefix + n.Hash.Of("idempotency", idempotencyKey)[:40], plain}
	}
	return []string{plain}
}
