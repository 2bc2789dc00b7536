package recordings

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/aftercall/aftercall/calls"
)

// Stored is an open recording: its description, and its bytes, which can be read from any offset.
type Stored struct {
	calls.Recording
	io.ReadSeekCloser
}

// Open opens the stored recording of a leg; the caller closes it. It fits http.ServeContent, which serves ranges of it.
// Open checks the bytes once per process and version. It records that they differ from the stored ones, until they are
// right again. Errors: ErrNotStored, ErrDeleted, ErrDamaged, the store's.
func (s *Store) Open(ctx context.Context, callKey, legHash string) (*Stored, error) {
	m, name, err := s.find(ctx, callKey, legHash)
	switch {
	case err != nil:
		return nil, err
	case m.DeletedAt != nil:
		return nil, ErrDeleted
	case !s.plain(name) || !s.plain(m.Object):
		return nil, fmt.Errorf("%w: it is a link", ErrDamaged)
	}
	r, err := s.bucket.NewReader(ctx, m.Object, nil)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil, fmt.Errorf("%w: its bytes are gone", ErrNotStored)
	}
	if err != nil {
		return nil, fmt.Errorf("open recording: %w", err)
	}
	err = s.check(r, m)
	switch {
	case errors.Is(err, ErrDamaged) && m.DamagedAt == nil:
		m.DamagedAt = now()
		err = errors.Join(err, s.rewrite(ctx, name, m))
	case err == nil && m.DamagedAt != nil:
		m.DamagedAt = nil
		_ = s.rewrite(ctx, name, m) // it can be served anyway
	}
	if err != nil {
		_ = r.Close()
		return nil, err
	}
	return &Stored{Recording: m.recording(), ReadSeekCloser: r}, nil
}

// plain reports whether an object in a local folder is a file, and not a link, which could lead anywhere.
func (s *Store) plain(name string) bool {
	if s.dir == "" {
		return true
	}
	info, err := os.Lstat(filepath.Join(s.dir, filepath.FromSlash(name)))
	return err != nil || info.Mode().IsRegular() // a missing object is found to be missing later
}

// check compares the bytes with their digest, and rewinds the reader.
func (s *Store) check(r *blob.Reader, m sidecar) error {
	version := fmt.Sprint(m.Object, r.ModTime().UnixNano(), r.Size())
	if _, ok := s.sound.Load(version); ok {
		return nil
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, r); err != nil {
		return fmt.Errorf("read recording: %w", err)
	}
	if hex.EncodeToString(sum.Sum(nil)) != m.SHA256 {
		return fmt.Errorf("%w: its bytes have another SHA-256", ErrDamaged)
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("rewind recording: %w", err)
	}
	s.sound.Store(version, true)
	return nil
}

// rewrite overwrites a sidecar.
func (s *Store) rewrite(ctx context.Context, name string, m sidecar) error {
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode what is known of a recording: %w", err)
	}
	return s.bucket.WriteAll(ctx, name, text, &blob.WriterOptions{ContentType: "application/json"})
}

func now() *time.Time { return new(time.Now().UTC().Truncate(time.Millisecond)) }

// Remove deletes the bytes of a recording and keeps its sidecar as a note. It may be repeated. The error is ErrNotStored if
// there was none. Two releases at once may have stored it under a name each.
func (s *Store) Remove(ctx context.Context, callKey, legHash string) (removed calls.Recording, err error) {
	err = ErrNotStored
	for _, prefix := range s.prefixes(callKey) {
		r, failed := s.remove(ctx, sidecarName(prefix, legHash))
		switch {
		case errors.Is(failed, ErrNotStored):
		case failed != nil:
			return calls.Recording{}, failed
		default:
			removed, err = r, nil
		}
	}
	return removed, err
}

func (s *Store) remove(ctx context.Context, name string) (calls.Recording, error) {
	m, err := s.sidecar(ctx, name)
	if err != nil {
		return calls.Recording{}, err
	}
	if m.DeletedAt == nil {
		m.DeletedAt = now()
		// The note first, so that a recording that is being removed is not served.
		if err := s.rewrite(ctx, name, m); err != nil {
			return calls.Recording{}, fmt.Errorf("note that a recording is deleted: %w", err)
		}
	}
	if err := s.bucket.Delete(ctx, m.Object); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return calls.Recording{}, fmt.Errorf("delete recording: %w", err)
	}
	return m.recording(), s.syncFolder(name)
}
