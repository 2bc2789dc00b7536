package keys

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Names of the settings, and of the lines in a file of keys.
const (
	EncryptionSetting = "AFTERCALL_ENCRYPTION_KEYS"
	HashSetting       = "AFTERCALL_HASH_KEY"
)

// Text holds keys in the form of the settings. JSON has the names of the settings.
type Text struct {
	Encryption []string `json:"AFTERCALL_ENCRYPTION_KEYS"`
	Hash       string   `json:"AFTERCALL_HASH_KEY"`
}

// New makes an encryption key and a hash key. The encryption key's id holds the day, which shows its age.
func New(now time.Time) Text {
	random := func(n int) []byte {
		b := make([]byte, n)
		_, _ = rand.Read(b) // never fails
		return b
	}
	name := now.UTC().Format("20060102") + "-" + hex.EncodeToString(random(3))
	return Text{
		Encryption: []string{name + ":" + base64.StdEncoding.EncodeToString(random(size))},
		Hash:       base64.StdEncoding.EncodeToString(random(size)),
	}
}

// String returns the keys as lines of NAME=VALUE.
func (t Text) String() string {
	return fmt.Sprintf("%s=%s\n%s=%s\n", EncryptionSetting, strings.Join(t.Encryption, ","), HashSetting, t.Hash)
}

// Ring returns the keys, ready for use.
func (t Text) Ring() (*Ring, error) { return Parse(t.Encryption, t.Hash) }

// Beside returns the path of the file of keys in an inbox's folder, by the inbox's URL; "" if the inbox is no file.
func Beside(inboxURL string) string {
	path, ok := strings.CutPrefix(inboxURL, "sqlite:")
	if path = strings.TrimPrefix(path, "//"); !ok || path == "" {
		return ""
	}
	return filepath.Join(filepath.Dir(path), "keys")
}

// ReadFile reads a file that WriteFile wrote. The error wraps os.ErrNotExist if there is none.
func ReadFile(path string) (Text, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return Text{}, fmt.Errorf("read keys: %w", err)
	}
	var t Text
	for lines := bufio.NewScanner(bytes.NewReader(raw)); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		name, value, _ := strings.Cut(line, "=")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case name == EncryptionSetting:
			t.Encryption = strings.Split(value, ",")
		case name == HashSetting:
			t.Hash = value
		default:
			return Text{}, fmt.Errorf("read keys: %s has a line that is neither %s=… nor %s=…", path, EncryptionSetting, HashSetting)
		}
	}
	if _, err := t.Ring(); err != nil || len(t.Encryption) == 0 || t.Hash == "" {
		return Text{}, errors.Join(fmt.Errorf("read keys: %s is damaged: restore it from a copy", path), err)
	}
	return t, nil
}

const preface = `# The keys of aftercall. Whoever has them reads what was encrypted with them; without them nobody does.
# Keep a copy apart from the data. Several encryption keys stand by comma: the first encrypts, all decrypt.
`

// WriteFile writes keys to a file that only its owner can read, completely or not at all, and creates its folder. It never
// changes an existing file: then the error wraps os.ErrExist.
func WriteFile(path string, t Text) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("write keys: %w", err)
	}
	f, err := os.CreateTemp(dir, ".keys-") // 0600
	if err != nil {
		return fmt.Errorf("write keys: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.WriteString(preface + t.String())
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write keys: %w", err)
	}
	if err := os.Link(f.Name(), path); err != nil {
		return fmt.Errorf("write keys: %w", err)
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("write keys: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}
