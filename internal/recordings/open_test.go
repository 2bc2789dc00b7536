package recordings_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/recordings"
)

// keep stores a WAV of n bytes of sound for a call.
func keep(t *testing.T, s *recordings.Store, key string, n int) {
	t.Helper()
	b := wav(n)
	_, err := s.Put(t.Context(), calls.Recording{CallKey: key, Leg: "l", LegHash: calls.LegHash("l"), Deadline: time.Now()}, nil,
		recordings.Audio{ContentType: "audio/wav", Extension: ".wav", SizeBytes: int64(len(b)), SHA256: digest(b)}, bytes.NewReader(b))
	require.NoError(t, err)
}

func TestWhatSomebodyChangedIsNotServed(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(t *testing.T, dir, audio, sidecar, other string){
		"bytes": func(t *testing.T, dir, audio, _, _ string) {
			b := wav(100)
			b[60] ^= 0xFF
			require.NoError(t, os.WriteFile(filepath.Join(dir, audio), b, 0o600))
		},
		"a sidecar that names the object of another call": func(t *testing.T, dir, audio, sidecar, other string) {
			rewrite(t, filepath.Join(dir, sidecar), audio, other)
		},
		"a sidecar that leads out of the store": func(t *testing.T, dir, audio, sidecar, _ string) {
			rewrite(t, filepath.Join(dir, sidecar), audio, "../../../../../../etc/passwd")
		},
		"a sidecar of another call": func(t *testing.T, dir, _, sidecar, _ string) {
			rewrite(t, filepath.Join(dir, sidecar), `"callKey":"a"`, `"callKey":"b"`)
		},
		"a sidecar that is broken": func(t *testing.T, dir, _, sidecar, _ string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, sidecar), []byte("{"), 0o600))
		},
		"a link": func(t *testing.T, dir, audio, _, other string) {
			require.NoError(t, os.Remove(filepath.Join(dir, audio)))
			require.NoError(t, os.Symlink(filepath.Join(dir, other), filepath.Join(dir, audio)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, "file://"+filepath.ToSlash(dir))
			keep(t, s, "a", 100)
			before := s.Names(t.Context())
			keep(t, s, "b", 200)
			var audio, sidecar, other string
			for _, n := range s.Names(t.Context()) {
				switch mine := slices.Contains(before, n); {
				case mine && strings.HasSuffix(n, ".wav"):
					audio = n
				case mine:
					sidecar = n
				case strings.HasSuffix(n, ".wav"):
					other = n
				}
			}
			damage(t, dir, audio, sidecar, other)
			_, err := s.Open(t.Context(), "a", calls.LegHash("l"))
			require.ErrorIs(t, err, recordings.ErrDamaged)
		})
	}
}

// TestChangedBytesRaiseAnAlarm: a recording with changed bytes reports that to every reader, until the bytes are right
// again.
func TestChangedBytesRaiseAnAlarm(t *testing.T) {
	dir := t.TempDir()
	url := "file://" + filepath.ToSlash(dir)
	s := open(t, url)
	keep(t, s, "a", 100)
	var audio string
	for _, n := range s.Names(t.Context()) {
		if strings.HasSuffix(n, ".wav") {
			audio = filepath.Join(dir, filepath.FromSlash(n))
		}
	}
	whole, err := os.ReadFile(audio)
	require.NoError(t, err)
	changed := slices.Clone(whole)
	changed[60] ^= 1
	for _, bytes := range [][]byte{changed, whole} {
		require.NoError(t, os.WriteFile(audio, bytes, 0o600))
		again := open(t, url) // as another process, which has not checked it yet
		r, err := again.Open(t.Context(), "a", calls.LegHash("l"))
		damaged := slices.Equal(bytes, changed)
		require.Equal(t, damaged, errors.Is(err, recordings.ErrDamaged))
		if err == nil {
			require.NoError(t, r.Close())
		}
		rec, ok, err := s.Meta(t.Context(), "a", calls.LegHash("l"))
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, calls.RecordingStored, rec.Status)
		require.Equal(t, damaged, rec.Alarm)
		require.Equal(t, damaged, rec.Reason == recordings.ReasonChanged)
		list, err := s.List(t.Context(), "a")
		require.NoError(t, err)
		require.Equal(t, damaged, list[0].Alarm)
	}
}

func rewrite(t *testing.T, file, old, by string) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(text), old)
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(string(text), old, by, 1)), 0o600))
}

func TestRemoveKeepsANote(t *testing.T) {
	everyStore(t, func(t *testing.T, s *recordings.Store) {
		_, err := s.Remove(t.Context(), "a", calls.LegHash("l"))
		require.ErrorIs(t, err, recordings.ErrNotStored)
		keep(t, s, "a", 100)
		audio, err := s.Open(t.Context(), "a", calls.LegHash("l"))
		require.NoError(t, err)
		got, err := io.ReadAll(audio)
		require.NoError(t, err)
		require.Equal(t, wav(100), got)
		require.NoError(t, audio.Close())
		for range 2 {
			rec, err := s.Remove(t.Context(), "a", calls.LegHash("l"))
			require.NoError(t, err)
			require.Equal(t, calls.RecordingDeleted, rec.Status)
			require.NotNil(t, rec.DeletedAt)
		}
		require.Len(t, s.Names(t.Context()), 1, "the note")
		_, err = s.Open(t.Context(), "a", calls.LegHash("l"))
		require.ErrorIs(t, err, recordings.ErrDeleted)
		rec, ok, err := s.Meta(t.Context(), "a", calls.LegHash("l"))
		require.NoError(t, err)
		require.True(t, ok, "it is not fetched again")
		require.Equal(t, digest(wav(100)), rec.SHA256)
	})
}
