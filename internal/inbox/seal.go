package inbox

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/aftercall/aftercall/internal/keys"
)

// unreadPause is how long a notification whose key is missing is left alone.
const unreadPause = 30 * time.Second

// sealOverhead is keys.Overhead, for SQL.
const sealOverhead = "28"

var _ = [1]struct{}{}[keys.Overhead-28]

// body is a stored body: sealed with the key of that id, or in clear if the id is empty. hash is the hash of the clear
// text; a sealed body can be read under no other.
type body struct {
	data       []byte
	sealedWith string
	hash       []byte
}

// sealBody seals a body with the first key of a ring, or keeps it in clear if there is none.
func sealBody(ring *keys.Ring, text []byte) (body, error) {
	hash := sha256.Sum256(text)
	b := body{data: text, hash: hash[:]}
	if text == nil {
		b.data = []byte{} // the driver would store NULL
	}
	if !ring.CanSeal() {
		return b, nil
	}
	var err error
	b.sealedWith, b.data, err = ring.Seal(text, sealedAs(b.hash))
	return b, err
}

// openBody returns the clear text of a body. The error wraps keys.ErrUnknownKey if its key is missing.
func openBody(ring *keys.Ring, b body) ([]byte, error) {
	if b.sealedWith == "" {
		return b.data, nil
	}
	text, err := ring.Open(b.sealedWith, b.data, sealedAs(b.hash))
	if err != nil {
		return nil, fmt.Errorf("read a sealed body: %w", err)
	}
	return text, nil
}

func sealedAs(hash []byte) []byte { return append([]byte("inbox\x00"), hash...) }

// sealedTable is a table with bodies.
type sealedTable struct{ list, update string }

// sealedStore is what resealing needs of a driver.
type sealedStore interface {
	// stale returns the next bodies that are not sealed with a key, by row, and the last of these rows.
	stale(ctx context.Context, table sealedTable, with string, after int64) (map[int64]body, int64, error)
	// replace stores fresh bodies for stale ones that are still as they were.
	replace(ctx context.Context, table sealedTable, stale, fresh map[int64]body) error
}

// reseal seals bodies again that are in clear or not sealed with the ring's first key, and returns how many. It reads the
// whole of the tables, so it runs once for each first key, which sealedWith remembers. A body that cannot be read stays as
// it is. Several processes may run it at once.
func reseal(ctx context.Context, in sealedStore, tables []sealedTable, ring *keys.Ring, sealedWith *atomic.Value) (int, error) {
	ids := ring.IDs()
	if len(ids) == 0 || sealedWith.Load() == ids[0] {
		return 0, nil
	}
	total := 0
	for _, table := range tables {
		n, err := resealTable(ctx, in, table, ring, ids[0])
		if total += n; err != nil {
			return total, fmt.Errorf("reseal inbox: %w", err)
		}
	}
	sealedWith.Store(ids[0])
	return total, nil
}

func resealTable(ctx context.Context, in sealedStore, table sealedTable, ring *keys.Ring, with string) (total int, err error) {
	for after, more := int64(0), true; more; {
		var stale map[int64]body
		if stale, after, err = in.stale(ctx, table, with, after); err != nil {
			return total, err
		}
		more = len(stale) == sweepRows
		fresh := map[int64]body{}
		for row, b := range stale {
			if text, err := openBody(ring, b); err == nil {
				if fresh[row], err = sealBody(ring, text); err != nil {
					return total, err
				}
			}
		}
		if err := in.replace(ctx, table, stale, fresh); err != nil {
			return total, err
		}
		total += len(fresh)
	}
	return total, nil
}
