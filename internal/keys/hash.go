package keys

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/aftercall/aftercall/internal/phone"
)

// hashedID is the prefix of a telling id's hash in workflow ids, search attributes and signal names.
const hashedID = "hmac-"

// Hash makes keyed hashes (HMAC-SHA-256) of values that must be found again but not read. Without the key nobody can turn
// a hash back by trying all numbers, as with a plain hash. Kinds of value never share a hash. The zero Hash has no key: it
// returns "" for everything, and the caller says what happens then.
type Hash struct{ key []byte }

// Ready reports whether there is a key.
func (h Hash) Ready() bool { return len(h.key) > 0 }

// Phone returns the hash of a phone number in 32 hex digits: the same for each spelling that names the country, whatever
// its separators.
func (h Hash) Phone(number string) string {
	normalized, _ := phone.Normalize(strings.TrimSpace(number))
	return h.sum("phone", normalized, 32)
}

// ID returns the hash of an id that tells a number: "hmac-" and 32 hex digits.
func (h Hash) ID(id string) string {
	if sum := h.sum("id", id, 32); sum != "" {
		return hashedID + sum
	}
	return ""
}

// Leg returns the hash of a leg's key for ids and object names: 12 hex digits.
func (h Hash) Leg(legKey string) string { return h.sum("leg", legKey, 12) }

// Of returns the hash of any other kind of value in 64 hex digits. The caller chooses the word kind.
func (h Hash) Of(kind, value string) string { return h.sum(kind, value, 64) }

// Fingerprint distinguishes hash keys by 16 hex digits, and says nothing else about the key.
func (h Hash) Fingerprint() string { return h.sum("fingerprint", "aftercall", 16) }

func (h Hash) sum(kind, value string, digits int) string {
	if !h.Ready() {
		return ""
	}
	mac := hmac.New(sha256.New, h.key)
	mac.Write([]byte(kind + "\x00" + value))
	return hex.EncodeToString(mac.Sum(nil))[:digits]
}
