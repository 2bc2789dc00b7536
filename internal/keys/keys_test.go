package keys_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/keys"
)

func fresh(t *testing.T) keys.Text {
	t.Helper()
	return keys.New(time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC))
}

func ring(t *testing.T, text keys.Text) *keys.Ring {
	t.Helper()
	r, err := text.Ring()
	require.NoError(t, err)
	return r
}

func TestFirstKeyEncryptsAllDecrypt(t *testing.T) {
	first, second := fresh(t), fresh(t)
	r := ring(t, first)
	oldID, sealed, err := r.Seal([]byte("+966500000005"), []byte("where"))
	require.NoError(t, err)
	require.NotContains(t, string(sealed), "966500000005")

	require.NoError(t, r.Replace([]string{second.Encryption[0], first.Encryption[0]}))
	newID, again, err := r.Seal([]byte("x"), nil)
	require.NoError(t, err)
	require.Equal(t, []string{newID, oldID}, r.IDs())
	plain, err := r.Open(oldID, sealed, []byte("where"))
	require.NoError(t, err)
	require.Equal(t, "+966500000005", string(plain))

	_, err = ring(t, first).Open(newID, again, nil)
	require.ErrorIs(t, err, keys.ErrUnknownKey)
}

func TestWhatWasChangedIsNotOpened(t *testing.T) {
	r := ring(t, fresh(t))
	id, sealed, err := r.Seal([]byte("text"), []byte("call:1"))
	require.NoError(t, err)
	_, err = r.Open(id, sealed, []byte("call:2"))
	require.Error(t, err, "associated data is part of what is authenticated")
	for i := range sealed {
		changed := append([]byte(nil), sealed...)
		changed[i] ^= 1
		_, err = r.Open(id, changed, []byte("call:1"))
		require.Error(t, err, "byte %d", i)
	}
	_, err = r.Open(id, nil, []byte("call:1"))
	require.Error(t, err)
}

func TestNoKey(t *testing.T) {
	for _, r := range []*keys.Ring{nil, {}, ring(t, keys.Text{})} {
		require.False(t, r.CanSeal())
		require.Empty(t, r.IDs())
		_, _, err := r.Seal([]byte("x"), nil)
		require.ErrorIs(t, err, keys.ErrNoKey)
		h := r.Hash()
		require.False(t, h.Ready())
		require.Empty(t, h.Phone("+966500000005")+h.ID("x")+h.Leg("x")+h.Of("k", "x")+h.Fingerprint())
	}
}

func TestBadKeysAreRefusedUnshown(t *testing.T) {
	good := fresh(t).Encryption[0]
	secret := strings.SplitN(good, ":", 2)[1]
	for name, list := range map[string][]string{
		"no id": {secret}, "empty id": {":" + secret}, "id with a space": {"a b:" + secret}, "short": {"a:c2hvcnQ="},
		"no base64": {"a:" + secret[1:] + "!"}, "id twice": {"a:" + secret, "a:" + secret}, "empty": {""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := keys.Parse(list, "")
			require.Error(t, err)
			require.NotContains(t, err.Error(), secret[:8])
			r := ring(t, keys.Text{Encryption: []string{good}})
			require.Error(t, r.Replace(list))
			require.Len(t, r.IDs(), 1, "a ring stays as it was")
		})
	}
	_, err := keys.Parse(nil, "c2hvcnQ=")
	require.ErrorContains(t, err, "hash key")
}

func TestHashes(t *testing.T) {
	text := fresh(t)
	h, other := ring(t, text).Hash(), ring(t, fresh(t)).Hash()
	for _, spelling := range []string{"+966500000005", "00966 50 000 0005", " +966-50-000-0005 ", "966500000005"} {
		require.Equal(t, h.Phone("+966500000005"), h.Phone(spelling), spelling)
	}
	require.Regexp(t, `^[0-9a-f]{32}$`, h.Phone("+966500000005"))
	require.Regexp(t, `^hmac-[0-9a-f]{32}$`, h.ID("966500000005"))
	require.Regexp(t, `^[0-9a-f]{12}$`, h.Leg("leg"))
	require.Regexp(t, `^[0-9a-f]{64}$`, h.Of("kind", "value"))
	require.Regexp(t, `^[0-9a-f]{16}$`, h.Fingerprint())
	require.NotEqual(t, h.Phone("+966500000005"), h.Phone("+966500000006"))
	require.NotEqual(t, h.Phone("+966500000005"), other.Phone("+966500000005"), "the key counts")
	require.NotEqual(t, h.Fingerprint(), other.Fingerprint())
	require.NotEqual(t, h.Leg("x"), h.Of("id", "x")[:12], "kinds share no hash")
	require.Equal(t, h.Fingerprint(), ring(t, text).Hash().Fingerprint(), "the same key, the same hashes")
}

func TestFileIsWrittenOnceForItsOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "keys")
	text := fresh(t)
	require.NoError(t, keys.WriteFile(path, text))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
	read, err := keys.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, text, read)

	require.ErrorIs(t, keys.WriteFile(path, fresh(t)), os.ErrExist)
	read, err = keys.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, text, read, "keys that are there are never lost")
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing is left behind")
}

func TestDamagedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	_, err := keys.ReadFile(path)
	require.ErrorIs(t, err, os.ErrNotExist)
	whole := fresh(t).String()
	for _, text := range []string{"", "# nothing\n", whole[:len(whole)-9], whole[:40], "OTHER=1\n" + whole, regexp.MustCompile(`(?m)^AFTERCALL_HASH.*$`).ReplaceAllString(whole, "")} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := keys.ReadFile(path)
		require.ErrorContains(t, err, path, text)
	}
}

func TestBeside(t *testing.T) {
	require.Equal(t, filepath.Join("data", "keys"), keys.Beside("sqlite:data/inbox.db"))
	require.Equal(t, "/d/keys", keys.Beside("sqlite:///d/inbox.db"))
	require.Empty(t, keys.Beside("postgres://x/y"))
	require.Empty(t, keys.Beside("sqlite:"))
}
