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

// Audio is what was fetched: all that the host sent, unpacked.
type Audio struct {
	ContentType string // by the bytes, not by what the host says
	Extension   string // with the dot
	SizeBytes   int64
	SHA256      string        // lower-case hex
	Duration    time.Duration // of its sound; zero where that is not known
	Open        bool          // nothing in it says where it ends
	Doubt       Doubt
	Remark      Doubt // why it is stored with a remark
}

// Doubt is why something that was fetched may not be the whole recording.
type Doubt string

// Doubts.
const (
	DoubtNone         Doubt = ""
	DoubtUnfinished   Doubt = "unfinished"          // its writer has not said yet how long it is
	DoubtHeader       Doubt = "header-disagrees"    // it ends before its header says, or nothing says where it ends
	DoubtShort        Doubt = "shorter-than-call"   // it holds no sound, or far less than the call lasted
	DoubtUnrecognised Doubt = "unrecognised-format" // no player is known to take it
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

// doubt judges a file. framed says that HTTP told where its body ends.
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

// unpack replaces a file that is gzip by what is in it, whatever the host called it. The limit holds for that too.
func (d *download) unpack() error {
	head := make([]byte, 2)
	if n, _ := d.file.ReadAt(head, 0); n < 2 || head[0] != 0x1F || head[1] != 0x8B {
		return nil
	}
	packed, err := gzip.NewReader(io.NewSectionReader(d.file, 0, d.size))
	if err != nil { // it only begins so
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

// replace makes n bytes of another file those that were fetched.
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
