package recordings

import (
	"compress/gzip"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/aftercall/aftercall/internal/audio"
)

// Audio describes a fetched recording: all that the host sent, unpacked.
type Audio struct {
	ContentType string // according to the bytes, not the host
	Extension   string // with the dot
	SizeBytes   int64
	SHA256      string        // lower-case hex
	Duration    time.Duration // of its sound; zero if unknown
	Open        bool          // nothing in it says where it ends
	Doubt       Doubt
	Remark      Doubt // why it is stored with a remark
}

// Doubt is a reason why a fetched file may not be the whole recording.
type Doubt string

// Doubts.
const (
	DoubtNone         Doubt = ""
	DoubtUnfinished   Doubt = "unfinished"          // its writer has not stated its length yet
	DoubtHeader       Doubt = "header-disagrees"    // it ends before its header says, or nothing says where it ends
	DoubtShort        Doubt = "shorter-than-call"   // it holds no sound, or far less than the call lasted
	DoubtUnrecognised Doubt = "unrecognised-format" // no player is known to play it
)

// finish judges the file as a whole.
func (d *download) finish() (Audio, error) {
	if d.size == 0 {
		return Audio{}, transient(ReasonEmpty, d.url.Host)
	}
	if err := d.unpack(); err != nil {
		return Audio{}, err
	}
	f, err := audio.Inspect(d.file, d.size)
	switch {
	case errors.Is(err, audio.ErrText):
		return Audio{}, &FetchError{Verdict: VerdictNotAudio, Reason: ReasonNotAudio, Host: d.url.Host}
	case err != nil:
		return Audio{}, fmt.Errorf("read what was fetched: %w", err)
	}
	return Audio{
		ContentType: f.ContentType, Extension: f.Extension, SizeBytes: d.size, SHA256: hex.EncodeToString(d.hash.Sum(nil)),
		Duration: f.Duration, Open: f.Open, Doubt: doubt(f, d.framed),
	}, nil
}

// doubt judges a file. framed reports whether HTTP said where the body ends.
func doubt(f audio.File, framed bool) Doubt {
	switch {
	case !f.Known:
		return DoubtUnrecognised
	case f.Cut, !framed && !f.Ends:
		return DoubtHeader
	case f.Empty:
		return DoubtShort
	case f.Unfinished:
		return DoubtUnfinished
	default:
		return DoubtNone
	}
}

// unpack replaces a gzip file by its content, whatever the host called it. The size limit holds for the content too.
func (d *download) unpack() error {
	head := make([]byte, 2)
	if n, _ := d.file.ReadAt(head, 0); n < 2 || head[0] != 0x1F || head[1] != 0x8B {
		return nil
	}
	packed, err := gzip.NewReader(io.NewSectionReader(d.file, 0, d.size))
	if err != nil { // only its first bytes look like gzip
		return nil
	}
	plain, err := os.CreateTemp(filepath.Dir(d.file.Name()), ".fetch-*.tmp")
	if err != nil {
		return fmt.Errorf("make a file to unpack into: %w", err)
	}
	defer func() {
		_ = plain.Close()
		_ = os.Remove(plain.Name())
	}()
	n, err := io.Copy(plain, io.LimitReader(packed, d.fetcher.max+1))
	switch {
	case n > d.fetcher.max:
		return refused(ReasonTooLarge, d.url.Host)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader):
		return transient(ReasonCutShort, d.url.Host)
	case err != nil:
		return fmt.Errorf("unpack what was fetched: %w", err)
	}
	return d.replace(plain, n)
}

// replace makes n bytes of another file the fetched ones.
func (d *download) replace(by io.ReaderAt, n int64) error {
	if err := d.restart(); err != nil {
		return err
	}
	if _, err := io.Copy(io.MultiWriter(d.file, d.hash), io.NewSectionReader(by, 0, n)); err != nil {
		return fmt.Errorf("keep what was unpacked: %w", err)
	}
	d.size = n
	return nil
}
