package recordings

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/aftercall/aftercall/calls"
)

// Store keeps recordings and a description of each.
//
// A recording is two objects: its bytes, whose name is made of hashes of the call, the leg and the content, and a
// sidecar in JSON. The sidecar is written last: a recording exists when its sidecar does. A sidecar changes only to
// record that the bytes were deleted, or that somebody changed them.
// It is safe for concurrent use, by several processes too.
type Store struct {
	bucket *blob.Bucket
	names  Names
	dir    string        // of a store in a local folder; else empty
	sound  sync.Map      // objects with checked bytes, by name and version
	turns  chan struct{} // of a store in S3: full while a recording is uploaded
}

// Errors of a Store.
var (
	ErrNotStored = errors.New("recording is not stored")
	ErrDeleted   = errors.New("recording was deleted")
	ErrDamaged   = errors.New("recording is not what was stored") // somebody changed it
)

// Names names the objects of a call. The zero Names has no key.
type Names struct {
	Hash  func(callKey string) string // a keyed hash in hex; "" if there is no key
	Ready func() bool                 // reports that no running release looks only for the names of earlier releases; nil: true
}

// Named makes the store use these names for new recordings. It still finds those of earlier releases.
func (s *Store) Named(n Names) *Store {
	s.names = n
	return s
}

// OpenStore opens a store by its URL: "file:" with a relative or an absolute path, which is created if it is missing,
// "s3://bucket?region=…", or the URL of any other Go CDK bucket that is linked in.
func OpenStore(ctx context.Context, rawURL string) (*Store, error) {
	if strings.HasPrefix(rawURL, "file:") {
		return openFolder(rawURL)
	}
	bucket, err := blob.OpenBucket(ctx, rawURL)
	if err != nil {
		return nil, fmt.Errorf("open recordings store: %w", err)
	}
	s := &Store{bucket: bucket}
	if s.s3Client() != nil {
		s.turns = make(chan struct{}, 1)
	}
	return s, nil
}

// Close releases the store.
func (s *Store) Close() error { return s.bucket.Close() }

// ReasonChanged is the reason of a stored recording whose bytes somebody changed.
const (
	ReasonChanged = "bytes-changed"
	adviceChanged = "Its bytes are not what was stored. Restore them from a backup."
)

// sidecar describes a recording, beside its bytes. It holds no phone number and no URL.
type sidecar struct {
	CallKey     string    `json:"callKey"`
	Leg         string    `json:"leg,omitempty"`
	LegHash     string    `json:"legHash"`
	MaskID      string    `json:"maskId,omitempty"`
	ContentType string    `json:"contentType"`
	SizeBytes   int64     `json:"sizeBytes"`
	SHA256      string    `json:"sha256"`
	StoredAt    time.Time `json:"storedAt"`
	Deadline    time.Time `json:"deadline"`
	Object      string    `json:"object"`
	Remark      string    `json:"remark,omitempty"`
	Parties     []string  `json:"parties,omitempty"` // keyed hashes of the call's numbers

	DeletedAt *time.Time `json:"deletedAt,omitempty"` // when its bytes were removed on purpose
	DamagedAt *time.Time `json:"damagedAt,omitempty"` // when its bytes were found to differ from the stored ones
}

func (m sidecar) recording() calls.Recording {
	r := calls.Recording{
		ID: m.LegHash, CallKey: m.CallKey, Leg: m.Leg, LegHash: m.LegHash, MaskID: m.MaskID, Status: calls.RecordingStored,
		ContentType: m.ContentType, SizeBytes: m.SizeBytes, SHA256: m.SHA256, StoredAt: &m.StoredAt, Deadline: m.Deadline,
		Remark: m.Remark, Alarm: m.Remark != "",
	}
	if m.DamagedAt != nil {
		r.Alarm, r.Reason, r.Advice = true, ReasonChanged, adviceChanged
	}
	if m.DeletedAt != nil {
		r.Reason, r.Advice = "", ""
		r.Status, r.DeletedAt, r.Alarm = calls.RecordingDeleted, m.DeletedAt, false
	}
	return r
}

const sidecarExtension = ".json"

// prefixes returns the prefixes of the names of a call's objects: with a keyed hash, if there is a key, and with the plain
// hash of earlier releases.
func (s *Store) prefixes(callKey string) []string {
	sum := sha256.Sum256([]byte(callKey))
	all := []string{prefix(hex.EncodeToString(sum[:]))}
	if s.names.Hash == nil {
		return all
	}
	if keyed := s.names.Hash(callKey); keyed != "" {
		return append([]string{prefix(keyed)}, all...)
	}
	return all
}

func prefix(hash string) string { return hash[:2] + "/" + hash + "-" }

// prefixOfNew returns the prefix for a new recording.
func (s *Store) prefixOfNew(callKey string) string {
	all := s.prefixes(callKey)
	if s.names.Ready != nil && !s.names.Ready() {
		return all[len(all)-1]
	}
	return all[0]
}

func sidecarName(prefix, legHash string) string { return prefix + legHash + sidecarExtension }

// objectName returns different names for different bytes, so the bytes under a name never change.
func objectName(prefix, legHash, sha256 string) string { return prefix + legHash + "-" + sha256[:16] }

// find reads the sidecar of a leg's recording, and returns its name. The error is ErrNotStored if there is none.
func (s *Store) find(ctx context.Context, callKey, legHash string) (m sidecar, name string, err error) {
	for _, prefix := range s.prefixes(callKey) {
		name = sidecarName(prefix, legHash)
		if m, err = s.sidecar(ctx, name); !errors.Is(err, ErrNotStored) {
			break
		}
	}
	return m, name, err
}

// Put stores a recording: the bytes of audio in content, under the call key and leg hash of rec, which also gives leg,
// mask and deadline. parties are keyed hashes of the call's numbers, by which it is found. It returns the recording that
// is stored in the end: the earlier one, if the leg has one already. A recording that could not be stored in full is
// never visible.
func (s *Store) Put(ctx context.Context, rec calls.Recording, parties []string, audio Audio, content io.ReaderAt) (calls.Recording, error) {
	prefix := s.prefixOfNew(rec.CallKey)
	for _, other := range s.prefixes(rec.CallKey) {
		if other == prefix {
			continue // the write below finds out
		}
		first, err := s.sidecar(ctx, sidecarName(other, rec.LegHash))
		if err == nil {
			return first.recording(), nil
		}
		if !errors.Is(err, ErrNotStored) {
			return calls.Recording{}, fmt.Errorf("store recording: %w", err)
		}
	}
	meta := sidecar{
		CallKey: rec.CallKey, Leg: calls.Key(rec.Leg), LegHash: rec.LegHash, MaskID: calls.Key(rec.MaskID),
		ContentType: audio.ContentType, SizeBytes: audio.SizeBytes, SHA256: audio.SHA256,
		StoredAt: time.Now().UTC().Truncate(time.Millisecond), Deadline: rec.Deadline.UTC(),
		Object: objectName(prefix, rec.LegHash, audio.SHA256) + audio.Extension, Remark: string(audio.Remark), Parties: parties,
	}
	if err := s.putBytes(ctx, meta, content); err != nil {
		return calls.Recording{}, fmt.Errorf("store recording: %w", err)
	}
	text, err := json.Marshal(meta)
	if err != nil {
		return calls.Recording{}, fmt.Errorf("encode what is known of a recording: %w", err)
	}
	err = s.write(ctx, sidecarName(prefix, rec.LegHash), "application/json", strings.NewReader(string(text)))
	if gcerrors.Code(err) == gcerrors.FailedPrecondition {
		return s.yield(ctx, sidecarName(prefix, rec.LegHash), meta)
	}
	if err != nil {
		return calls.Recording{}, fmt.Errorf("store what is known of a recording: %w", err)
	}
	return meta.recording(), nil
}

// putBytes writes the object of a recording, unless it exists already, and checks the bytes as it writes them.
func (s *Store) putBytes(ctx context.Context, meta sidecar, content io.ReaderAt) error {
	if a, err := s.bucket.Attributes(ctx, meta.Object); err == nil {
		if a.Size == meta.SizeBytes {
			return nil
		}
		if err := s.bucket.Delete(ctx, meta.Object); err != nil { // somebody damaged it
			return err
		}
	}
	leave, err := s.takeTurn(ctx)
	if err != nil {
		return err
	}
	defer leave()
	check := sha256.New()
	err = s.write(ctx, meta.Object, meta.ContentType, &verified{
		Reader: io.TeeReader(io.NewSectionReader(content, 0, meta.SizeBytes), check),
		verify: func() error {
			if hex.EncodeToString(check.Sum(nil)) != meta.SHA256 {
				return errors.New("the bytes are not those that were fetched")
			}
			return nil
		},
	})
	if gcerrors.Code(err) == gcerrors.FailedPrecondition { // somebody else stored the same bytes meanwhile
		return nil
	}
	return err
}

// verified is a reader that ends in an error if its bytes are wrong.
type verified struct {
	io.Reader
	verify func() error
}

func (v *verified) Read(p []byte) (int, error) {
	n, err := v.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		if bad := v.verify(); bad != nil {
			return n, bad
		}
	}
	return n, err
}

// yield leaves the leg to the recording that was stored first, and removes our bytes if they differ.
func (s *Store) yield(ctx context.Context, name string, ours sidecar) (calls.Recording, error) {
	first, err := s.sidecar(ctx, name)
	if err != nil {
		return calls.Recording{}, fmt.Errorf("read the recording that was stored first: %w", err)
	}
	if first.Object != ours.Object {
		if err := s.bucket.Delete(ctx, ours.Object); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
			return calls.Recording{}, fmt.Errorf("remove a second recording of a leg: %w", err)
		}
	}
	return first.recording(), nil
}

// write creates an object whole or not at all. It never overwrites one: then the error's code is FailedPrecondition.
// An object in a local folder survives a power cut.
func (s *Store) write(ctx context.Context, name, contentType string, from io.Reader) error {
	if client := s.s3Client(); client != nil {
		return s.upload(ctx, client, name, contentType, from)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var file *os.File
	w, err := s.bucket.NewWriter(ctx, name, &blob.WriterOptions{
		ContentType: contentType, IfNotExist: true,
		BeforeWrite: func(as func(any) bool) error {
			if as(&file) {
				return file.Chmod(0o600)
			}
			return nil
		},
	})
	if err != nil {
		return err
	}
	_, err = io.Copy(w, from)
	if err == nil && file != nil {
		err = file.Sync()
	}
	if err != nil {
		cancel() // before Close: nothing becomes visible
		_ = w.Close()
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return s.syncFolder(name)
}

// Meta returns the recording of a leg. ok is false if none is stored.
func (s *Store) Meta(ctx context.Context, callKey, legHash string) (rec calls.Recording, ok bool, err error) {
	m, _, err := s.find(ctx, callKey, legHash)
	if errors.Is(err, ErrNotStored) {
		return calls.Recording{}, false, nil
	}
	if err != nil {
		return calls.Recording{}, false, err
	}
	return m.recording(), true, nil
}

func (s *Store) sidecar(ctx context.Context, name string) (sidecar, error) {
	text, err := s.bucket.ReadAll(ctx, name)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return sidecar{}, ErrNotStored
	}
	if err != nil {
		return sidecar{}, fmt.Errorf("read what is known of a recording: %w", err)
	}
	var m sidecar
	if err := json.Unmarshal(text, &m); err != nil {
		return sidecar{}, fmt.Errorf("%w: what is known of it cannot be read: %w", ErrDamaged, err)
	}
	for _, prefix := range s.prefixes(m.CallKey) {
		if sidecarName(prefix, m.LegHash) == name && len(m.SHA256) == 64 && m.Object == objectName(prefix, m.LegHash, m.SHA256)+path.Ext(m.Object) {
			return m, nil
		}
	}
	return sidecar{}, fmt.Errorf("%w: what is known of it belongs to another, or was named with another AFTERCALL_HASH_KEY", ErrDamaged)
}

// List returns the stored recordings of a call, first stored first.
func (s *Store) List(ctx context.Context, callKey string) ([]calls.Recording, error) {
	kept, err := s.OfCall(ctx, callKey)
	if err != nil {
		return nil, err
	}
	found := []calls.Recording{}
	for _, k := range kept {
		found = append(found, k.Recording)
	}
	return found, nil
}

// OfCall is List with the parties.
func (s *Store) OfCall(ctx context.Context, callKey string) ([]Kept, error) {
	var found []Kept
	for _, prefix := range s.prefixes(callKey) {
		var err error
		if found, err = s.under(ctx, prefix, found); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(found, func(a, b Kept) int { return a.StoredAt.Compare(*b.StoredAt) })
	return found, nil
}

// under adds the recordings with a name prefix to found, unless found has the leg already.
func (s *Store) under(ctx context.Context, prefix string, found []Kept) ([]Kept, error) {
	for it := s.bucket.List(&blob.ListOptions{Prefix: prefix}); ; {
		o, err := it.Next(ctx)
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list recordings: %w", err)
		}
		if !strings.HasSuffix(o.Key, sidecarExtension) {
			continue
		}
		m, err := s.sidecar(ctx, o.Key)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(found, func(k Kept) bool { return k.LegHash == m.LegHash }) {
			found = append(found, Kept{m.recording(), m.Parties})
		}
	}
}

// Writable proves that recordings can be stored now, by storing, reading and removing a small object.
func (s *Store) Writable(ctx context.Context) error {
	name, want := "probe/"+strings.ToLower(rand.Text()), []byte("aftercall")
	if err := s.write(ctx, name, "text/plain", strings.NewReader(string(want))); err != nil {
		return fmt.Errorf("write to the recordings store: %w", err)
	}
	got, err := s.bucket.ReadAll(ctx, name)
	if err != nil {
		return fmt.Errorf("read from the recordings store: %w", err)
	}
	if string(got) != string(want) {
		return errors.New("read from the recordings store: not what was written")
	}
	if err := s.bucket.Delete(ctx, name); err != nil {
		return fmt.Errorf("remove from the recordings store: %w", err)
	}
	return nil
}
