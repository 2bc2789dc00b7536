package simulator

import (
	"crypto/rand"
	"encoding/binary"
	"hash/fnv"
	"io"
	mathrand "math/rand/v2"
	"regexp"
	"strings"
	"sync"

	"github.com/google/uuid"
)

var attemptSuffix = regexp.MustCompile(`-a[0-9]+$`)

// ids makes the identifiers of the provider.
type ids struct {
	mu     sync.Mutex
	source io.Reader
}

func newIDs(seed int64) *ids {
	if seed == 0 {
		return &ids{source: rand.Reader}
	}
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], uint64(seed))
	return &ids{source: mathrand.NewChaCha8(key)}
}

func (g *ids) next() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return uuid.Must(uuid.NewRandomFromReader(g.source)).String()
}

// story identifies the attempts of one request: the referenceId without its attempt, and the called number.
func story(referenceID, to string) string {
	return attemptSuffix.ReplaceAllString(referenceID, "") + " " + to
}

// masked shows enough of a number to recognise it, but not enough to call it.
func masked(number string) string {
	if len(number) < 8 {
		return "•••"
	}
	return number[:4] + strings.Repeat("•", 4) + number[len(number)-2:]
}

// hashOf hashes texts to a number that is the same in every run.
func hashOf(parts ...string) uint64 {
	h := fnv.New64a()
	for _, part := range parts {
		_, _ = h.Write([]byte(part))
		_, _ = h.Write([]byte{0})
	}
	return h.Sum64()
}
