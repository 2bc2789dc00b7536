package recordings_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/recordings"
)

// keyed hashes a call key with a secret key.
func keyed(callKey string) string {
	mac := hmac.New(sha256.New, []byte("key"))
	mac.Write([]byte(callKey))
	return hex.EncodeToString(mac.Sum(nil))
}

func plain(callKey string) string {
	sum := sha256.Sum256([]byte(callKey))
	return hex.EncodeToString(sum[:])
}

// TestNamesHaveAKey: the id of a call and the names of the objects do not lead to its recording.
func TestNamesHaveAKey(t *testing.T) {
	everyStore(t, func(t *testing.T, s *recordings.Store) {
		ready := false
		s.Named(recordings.Names{Hash: keyed, Ready: func() bool { return ready }})
		put(t, s, leg("early"), []byte("early"))
		ready = true
		put(t, s, leg("late"), []byte("late"))
		var early, late int
		for _, name := range s.Names(t.Context()) {
			early, late = early+strings.Count(name, plain(callKey)), late+strings.Count(name, keyed(callKey))
		}
		require.Equal(t, []int{2, 2}, []int{early, late})
		require.Equal(t, "early", read(t, s, "early"))
		require.Equal(t, "late", read(t, s, "late"))

		kept, err := s.OfCall(t.Context(), callKey)
		require.NoError(t, err)
		require.Len(t, kept, 2)
		walked := 0
		unread, err := s.Walk(t.Context(), time.Now().Add(time.Hour), func(recordings.Kept) error { walked++; return nil })
		require.NoError(t, err)
		require.Equal(t, []int{2, 0}, []int{walked, unread})
		removed, err := s.Sweep(t.Context(), time.Now().Add(2*time.Hour), time.Hour)
		require.NoError(t, err)
		require.Equal(t, 2, removed)
		for _, sid := range []string{"early", "late"} {
			rec, ok, err := s.Meta(t.Context(), callKey, calls.LegHash(sid))
			require.NoError(t, err)
			require.True(t, ok)
			require.Equal(t, calls.RecordingDeleted, rec.Status)
		}
		_, err = s.Sweep(t.Context(), time.Now().Add(80*24*time.Hour), time.Hour)
		require.NoError(t, err)
		require.Empty(t, s.Names(t.Context()))
	})
}

// TestARecordingOfAnEarlierReleaseStaysTheOnlyOne: it is found, served and removed, and no second one is stored.
func TestARecordingOfAnEarlierReleaseStaysTheOnlyOne(t *testing.T) {
	everyStore(t, func(t *testing.T, s *recordings.Store) {
		put(t, s, leg("sid"), []byte("first"))
		before := s.Names(t.Context())
		s.Named(recordings.Names{Hash: keyed})
		put(t, s, leg("sid"), []byte("second"))
		require.Equal(t, before, s.Names(t.Context()))
		require.Equal(t, "first", read(t, s, "sid"))
		_, err := s.Remove(t.Context(), callKey, calls.LegHash("sid"))
		require.NoError(t, err)
		_, err = s.Open(t.Context(), callKey, calls.LegHash("sid"))
		require.ErrorIs(t, err, recordings.ErrDeleted)
		put(t, s, leg("sid"), []byte("third"))
		_, err = s.Open(t.Context(), callKey, calls.LegHash("sid"))
		require.ErrorIs(t, err, recordings.ErrDeleted, "what was deleted on purpose is not stored again")
	})
}

// TestARecordingThatTwoReleasesStored is removed as a whole.
func TestARecordingThatTwoReleasesStored(t *testing.T) {
	s := open(t, "mem://")
	s.Named(recordings.Names{Hash: keyed})
	put(t, s, leg("sid"), []byte("bytes"))
	s.Named(recordings.Names{})
	put(t, s, leg("sid"), []byte("bytes"))
	s.Named(recordings.Names{Hash: keyed})
	require.Len(t, s.Names(t.Context()), 4)
	kept, err := s.OfCall(t.Context(), callKey)
	require.NoError(t, err)
	require.Len(t, kept, 1)
	_, err = s.Remove(t.Context(), callKey, calls.LegHash("sid"))
	require.NoError(t, err)
	require.Len(t, s.Names(t.Context()), 2, "the notes are left")
	_, err = s.Remove(context.Background(), callKey, calls.LegHash("none"))
	require.ErrorIs(t, err, recordings.ErrNotStored)
}

// read reads the stored bytes of a leg.
func read(t *testing.T, s *recordings.Store, sid string) string {
	t.Helper()
	stored, err := s.Open(t.Context(), callKey, calls.LegHash(sid))
	require.NoError(t, err)
	defer func() { require.NoError(t, stored.Close()) }()
	bytes, err := io.ReadAll(stored)
	require.NoError(t, err)
	return string(bytes)
}
