// Package access says who may do what: credentials of the webhook, keys of the API with their scopes, and who has
// failed to log in too often. It knows nothing of HTTP.
package access

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"unicode/utf8"
)

// Scope is something that a key of the API may do.
type Scope string

// Scopes.
const (
	Call   Scope = "call"   // place, follow, stop, open, close, retry, suppress
	Read   Scope = "read"   // ask for calls, sessions, recordings and events
	Listen Scope = "listen" // fetch the audio of recordings
	Erase  Scope = "erase"  // delete recordings, and what is kept of a person
	Urgent Scope = "urgent" // ask for priorities 1 and 2, before everybody else
)

var (
	allScopes     = []Scope{Call, Read, Listen, Erase, Urgent}
	defaultScopes = []Scope{Call, Read, Listen} // of a key that names none
)

// Key is what a key of the API stands for.
type Key struct {
	Name   string // several keys may have the same, for rotation
	Scopes []Scope
}

// May reports whether the key has a scope.
func (k Key) May(s Scope) bool { return slices.Contains(k.Scopes, s) }

// Grants are all credentials and keys that are valid. They may be replaced while they are used.
type Grants struct {
	credentials atomic.Pointer[ring[struct{}]]
	keys        atomic.Pointer[ring[Key]]
}

// NewGrants returns what Replace sets.
func NewGrants(credentials, keys []string) *Grants {
	g := &Grants{}
	g.Replace(credentials, keys)
	return g
}

// Replace makes these pairs valid and no others: credentials are user:password, keys are name:key or
// name:key:scope+scope.
func (g *Grants) Replace(credentials, keys []string) {
	users, named := &ring[struct{}]{}, &ring[Key]{}
	for _, text := range credentials {
		user, password, _ := strings.Cut(text, ":")
		users.add(pair(user, password), struct{}{})
	}
	for _, text := range keys {
		name, secret, scopes := parseKey(text)
		named.add(secret, Key{Name: name, Scopes: scopes})
	}
	g.credentials.Store(users)
	g.keys.Store(named)
}

// HasCredentials reports whether there is any credential of the webhook.
func (g *Grants) HasCredentials() bool { return len(g.credentials.Load().digests) > 0 }

// HasKeys reports whether there is any key of the API.
func (g *Grants) HasKeys() bool { return len(g.keys.Load().digests) > 0 }

// Credential reports whether a user and password are valid, in UTF-8 or, as many clients send them, in ISO 8859-1.
func (g *Grants) Credential(user, password string) bool {
	r := g.credentials.Load()
	if _, ok := r.find(pair(user, password)); ok {
		return true
	}
	if isASCII(user + password) {
		return false
	}
	_, ok := r.find(pair(fromLatin1(user), fromLatin1(password)))
	return ok
}

// Key returns what a key of the API stands for.
func (g *Grants) Key(secret string) (Key, bool) { return g.keys.Load().find(secret) }

// Secret is what a client sends of a key that is written as name:key or name:key:scope+scope.
func Secret(text string) string {
	_, secret, _ := parseKey(text)
	return secret
}

// parseKey takes name:key:scope+scope apart. What follows the last colon belongs to the key where it names no scopes:
// keys with a colon are older than scopes.
func parseKey(text string) (name, secret string, scopes []Scope) {
	name, secret, _ = strings.Cut(text, ":")
	if i := strings.LastIndexByte(secret, ':'); i > 0 {
		if scopes = parseScopes(secret[i+1:]); scopes != nil {
			return name, secret[:i], scopes
		}
	}
	return name, secret, defaultScopes
}

func parseScopes(text string) []Scope {
	var out []Scope
	for word := range strings.SplitSeq(text, "+") {
		if !slices.Contains(allScopes, Scope(word)) {
			return nil
		}
		out = append(out, Scope(word))
	}
	return out
}

// shortest is the length from which a secret is not called weak.
const shortest = 16

// Weaknesses says of which secrets somebody might guess or mix up, without showing them.
func Weaknesses(credentials, keys []string) []string {
	var out []string
	names := map[string]string{} // by key
	for _, text := range credentials {
		if user, password, _ := strings.Cut(text, ":"); weak(user, password) {
			out = append(out, fmt.Sprintf("AFTERCALL_WEBHOOK_CREDENTIALS: the password of %q is weak: use %d random characters or more", user, shortest))
		}
	}
	for _, text := range keys {
		name, secret, _ := parseKey(text)
		if weak(name, secret) {
			out = append(out, fmt.Sprintf("AFTERCALL_API_KEYS: a key of %q is weak: use %d random characters or more", name, shortest))
		}
		if strings.Contains(secret, ":") {
			out = append(out, fmt.Sprintf("AFTERCALL_API_KEYS: a key of %q has a colon; if scopes are meant, join these by +: call, read, listen, erase", name))
		}
		if other, ok := names[secret]; ok && other != name {
			out = append(out, fmt.Sprintf("AFTERCALL_API_KEYS: %q and %q have the same key: it counts as %q", other, name, name))
		}
		names[secret] = name
	}
	return out
}

func weak(name, secret string) bool { return len(secret) < shortest || strings.EqualFold(name, secret) }

type digest = [sha256.Size]byte

// ring compares a secret with all that it holds, in a time that tells neither which nor how much of it fits.
type ring[T any] struct {
	digests []digest
	values  []T
}

func (r *ring[T]) add(secret string, v T) {
	r.digests = append(r.digests, sha256.Sum256([]byte(secret)))
	r.values = append(r.values, v)
}

// find returns what the secret stands for.
func (r *ring[T]) find(secret string) (v T, ok bool) {
	given, at := sha256.Sum256([]byte(secret)), -1
	for i := range r.digests {
		at = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(r.digests[i][:], given[:]), i, at)
	}
	if at < 0 {
		return v, false
	}
	return r.values[at], true
}

// pair joins user and password so that no two pairs look the same: a user name has no NUL and no colon.
func pair(user, password string) string { return user + "\x00" + password }

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}

func fromLatin1(s string) string {
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}
