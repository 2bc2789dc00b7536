package keys

import (
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync/atomic"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"
)

// Overhead is how many bytes Seal adds.
const Overhead = subtle.AESGCMIVSize + subtle.AESGCMTagSize

// size is the length of every key in bytes.
const size = 32

var id = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// ErrUnknownKey is returned by Open for data sealed with a key that the ring does not have.
var ErrUnknownKey = errors.New("encrypted with a key that is not among AFTERCALL_ENCRYPTION_KEYS")

// ErrNoKey is returned by Seal if the ring has no encryption key.
var ErrNoKey = errors.New("no encryption key")

// Ring is the set of keys of a process: AES-256-GCM keys, of which the first encrypts and all decrypt, and the hash key.
// The zero Ring has none. It is safe for concurrent use.
type Ring struct {
	hash  Hash
	state atomic.Pointer[[]encryptionKey]
}

type encryptionKey struct {
	id   string
	aead *subtle.AESGCM
}

// Parse reads keys in the form of the settings: encryption keys as "id:base64 of 32 bytes", the hash key as base64 of
// 32 bytes. Either may be absent. No error shows a key.
func Parse(encryption []string, hash string) (*Ring, error) {
	r := &Ring{}
	if err := r.Replace(encryption); err != nil {
		return nil, err
	}
	if hash != "" {
		key, err := decode(hash)
		if err != nil {
			return nil, fmt.Errorf("hash key: %w", err)
		}
		r.hash = Hash{key}
	}
	return r, nil
}

// Replace replaces the ring's encryption keys. On an error the ring is unchanged.
func (r *Ring) Replace(encryption []string) error {
	list := make([]encryptionKey, 0, len(encryption))
	for i, text := range encryption {
		k, err := parseKey(text)
		if err != nil {
			return fmt.Errorf("encryption key %d: %w", i+1, err)
		}
		for _, other := range list {
			if other.id == k.id {
				return fmt.Errorf("encryption key %d: id %s stands twice", i+1, k.id)
			}
		}
		list = append(list, k)
	}
	r.state.Store(&list)
	return nil
}

func parseKey(text string) (encryptionKey, error) {
	name, secret, _ := strings.Cut(text, ":")
	if !id.MatchString(name) {
		return encryptionKey{}, errors.New("must be id:base64, the id of letters, digits, dot, dash and underscore")
	}
	key, err := decode(secret)
	if err != nil {
		return encryptionKey{}, err
	}
	aead, err := subtle.NewAESGCM(key)
	return encryptionKey{name, aead}, err
}

func decode(secret string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(secret))
	if err != nil || len(key) != size {
		return nil, fmt.Errorf("must be the base64 of %d bytes, as aftercall keys new makes them", size)
	}
	return key, nil
}

func (r *Ring) list() []encryptionKey {
	if r == nil {
		return nil
	}
	if p := r.state.Load(); p != nil {
		return *p
	}
	return nil
}

// IDs returns the ids of the encryption keys; the first is the one that encrypts.
func (r *Ring) IDs() []string {
	out := []string{}
	for _, k := range r.list() {
		out = append(out, k.id)
	}
	return out
}

// CanSeal reports whether there is an encryption key.
func (r *Ring) CanSeal() bool { return len(r.list()) > 0 }

// Seal encrypts plain with the first key. Open needs the same associated data. Seal returns the key's id, which must be
// kept with the sealed data, or ErrNoKey.
func (r *Ring) Seal(plain, associated []byte) (keyID string, sealed []byte, err error) {
	list := r.list()
	if len(list) == 0 {
		return "", nil, ErrNoKey
	}
	sealed, err = list[0].aead.Encrypt(plain, withID(list[0].id, associated))
	return list[0].id, sealed, err
}

// Open decrypts data that Seal made. The error is ErrUnknownKey if the key is not in the ring; any other error means that
// the sealed data or its associated data was changed.
func (r *Ring) Open(keyID string, sealed, associated []byte) ([]byte, error) {
	for _, k := range r.list() {
		if k.id != keyID {
			continue
		}
		plain, err := k.aead.Decrypt(sealed, withID(k.id, associated))
		if err != nil {
			return nil, fmt.Errorf("decrypt with key %s: changed since it was encrypted, or another key of that id", keyID)
		}
		return plain, nil
	}
	return nil, fmt.Errorf("key %s: %w", keyID, ErrUnknownKey)
}

// withID adds the key's id to the associated data.
func withID(keyID string, associated []byte) []byte {
	return append([]byte(keyID+"\x00"), associated...)
}

// Hash returns the ring's hash key. It may be absent: see Hash.Ready.
func (r *Ring) Hash() Hash {
	if r == nil {
		return Hash{}
	}
	return r.hash
}
