package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Dial is one dial of a person, with the number N on its date.
type Dial struct {
	Attempt string    `json:"attempt"` // its referenceId: a dial that is posted again counts once
	At      time.Time `json:"at"`
	Date    string    `json:"-"` // "2026-01-31"
	N       int       `json:"-"` // from 1
}

func (d Dial) name(hash string) string {
	return persons + "/" + hash + "/" + d.Date + "-" + strconv.Itoa(d.N)
}

// Dials returns the dials of a person that the ledger still has, by date and number.
func (l *Ledger) Dials(ctx context.Context, hash string) (out []Dial, err error) {
	listed := make(chan []Dial, 1)
	err = l.bounded(ctx, func(ctx context.Context) error {
		found, err := l.dials(ctx, hash)
		listed <- found
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the dials of a person: %w", err)
	}
	return <-listed, nil
}

func (l *Ledger) dials(ctx context.Context, hash string) (out []Dial, err error) {
	err = l.objects.list(ctx, persons+"/"+hash, func(o object) error {
		base := path.Base(o.name)
		i := strings.LastIndexByte(base, '-')
		if i < 0 || isDraft(base) {
			return nil
		}
		n, err := strconv.Atoi(base[i+1:])
		if err != nil {
			return nil //nolint:nilerr // no dial of ours
		}
		d := Dial{Date: base[:i], N: n}
		content, err := l.objects.read(ctx, o.name)
		if errors.Is(err, errMissing) {
			return nil // uncounted meanwhile
		}
		if err == nil {
			err = json.Unmarshal(content, &d)
		}
		if err == nil {
			out = append(out, d)
		}
		return err
	})
	slices.SortFunc(out, func(a, b Dial) int {
		if c := strings.Compare(a.Date, b.Date); c != 0 {
			return c
		}
		return a.N - b.N
	})
	return out, err
}

// Count records a dial of a person under its date and number. It returns ErrTaken if another dial has that number.
func (l *Ledger) Count(ctx context.Context, hash string, d Dial) error {
	content, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("encode a dial of a person: %w", err)
	}
	err = l.bounded(ctx, func(ctx context.Context) error { return l.objects.create(ctx, d.name(hash), content) })
	if errors.Is(err, errExists) {
		return ErrTaken
	}
	if err != nil {
		return fmt.Errorf("count a dial of a person: %w", err)
	}
	return nil
}

// Uncount removes a dial that was counted but not made.
func (l *Ledger) Uncount(ctx context.Context, hash string, d Dial) error {
	err := l.bounded(ctx, func(ctx context.Context) error { return l.objects.remove(ctx, d.name(hash)) })
	if err != nil && !errors.Is(err, errMissing) {
		return fmt.Errorf("take back a counted dial: %w", err)
	}
	return nil
}
