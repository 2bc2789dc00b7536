// Package audio reads from the bytes of a sound file its format, whether it ends where its structure says, and how long it
// sounds. It decodes nothing and must not know where a file comes from.
package audio

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/gabriel-vasile/mimetype"
)

// SniffLength is the number of bytes that identify a format, or a text.
const SniffLength = 3072

// ErrText means that a file is a page or a message, such as a log-in form: HTML, JSON, XML or plain text.
var ErrText = errors.New("text, not audio")

// File describes a file.
type File struct {
	ContentType string        // application/octet-stream if the format is unknown
	Extension   string        // with the dot
	Known       bool          // players know the format
	Cut         bool          // it ends before its structure does, or lacks a part that players need
	Ends        bool          // its structure proves that nothing is missing at its end
	Unfinished  bool          // its writer has not stated its length, as while it is still writing
	Open        bool          // of frames without a count: it looks whole wherever it ends between two
	Empty       bool          // it holds no sound
	Duration    time.Duration // of the sound in it; zero if unknown
}

// format is a format whose structure is known here. Other formats are recognised by their first bytes alone.
type format struct {
	contentType, extension string
	is                     func(head []byte) bool
	inspect                func(w *window, f *File)
}

func formats() []format {
	return []format{
		{"audio/wav", ".wav", isRIFF, inspectRIFF},
		{"audio/ogg", ".ogg", isOGG, inspectOGG},
		{"audio/amr", ".amr", isAMR, inspectAMR},
		{"audio/basic", ".au", isAU, inspectAU},
		{"audio/flac", ".flac", isFLAC, inspectFLAC},
		{"audio/mp4", ".m4a", isMP4, inspectMP4},
		{"audio/webm", ".webm", isEBML, inspectEBML},
		{"audio/aac", ".aac", isADTS, inspectADTS},
		{"audio/mpeg", ".mp3", isMP3, inspectMP3},
	}
}

// Inspect reads a file of the given size. Errors: ErrText, or the reader's.
func Inspect(r io.ReaderAt, size int64) (File, error) {
	w := &window{r: r, size: size}
	head := bytes.Clone(w.at(0, SniffLength))
	if w.err != nil {
		return File{}, fmt.Errorf("read file: %w", w.err)
	}
	f := File{ContentType: "application/octet-stream", Extension: ".bin", Empty: size == 0}
	for _, known := range formats() {
		if !known.is(head) {
			continue
		}
		found := File{ContentType: known.contentType, Extension: known.extension, Known: true}
		known.inspect(w, &found)
		if w.err != nil {
			return File{}, fmt.Errorf("read file: %w", w.err)
		}
		if found.Known {
			return found, nil
		}
	}
	if IsText(head) {
		return File{}, ErrText
	}
	if m := mimetype.Detect(head); playable(m) && !structured(m.Extension()) {
		f.ContentType, f.Extension, f.Known = m.String(), m.Extension(), true
	}
	return f, nil
}

// IsText reports whether a file with this head is a page or a message.
func IsText(head []byte) bool {
	if len(head) == 0 {
		return false
	}
	m := mimetype.Detect(head)
	if !within(m, "text/plain") {
		return false
	}
	if m.Parent() != nil && !m.Is("text/plain") { // HTML, JSON, XML and the like, by their markers
		return true
	}
	if tag(head, 0, "\xFF\xFE") || tag(head, 0, "\xFE\xFF") {
		return true
	}
	plain := 0
	for _, b := range head {
		if b >= ' ' && b < 0x7F || b == '\n' || b == '\r' || b == '\t' {
			plain++
		}
	}
	return bytes.ContainsFunc(head, func(r rune) bool { return r != rune(head[0]) }) && (validText(head) || plain*10 >= len(head)*9)
}

// validText reports whether head is UTF-8, but for a character that is cut at its end.
func validText(head []byte) bool {
	for cut := range min(4, len(head)) {
		if s := string(head[:len(head)-cut]); strings.ToValidUTF8(s, "") == s {
			return true
		}
	}
	return false
}

func within(m *mimetype.MIME, kind string) bool {
	for ; m != nil; m = m.Parent() {
		if m.Is(kind) {
			return true
		}
	}
	return false
}

// playable reports whether players play a type. Some recorders put sound alone into a container for pictures.
func playable(m *mimetype.MIME) bool {
	return strings.HasPrefix(m.String(), "audio/") || strings.HasPrefix(m.String(), "video/")
}

// structured reports whether files of an extension are judged by their structure. A file that only has the marker of such a
// format is not of that format.
func structured(extension string) bool {
	for _, f := range formats() {
		if f.extension == extension {
			return true
		}
	}
	return false
}

// sounds sets the duration to n units, perSecond of which make a second.
func (f *File) sounds(n, perSecond int64) {
	f.Empty = n <= 0
	if perSecond > 0 && n > 0 {
		f.Duration = time.Duration(float64(n) / float64(perSecond) * float64(time.Second))
	}
}

// tag reports whether head has s at an offset.
func tag(head []byte, off int, s string) bool {
	return len(head) >= off+len(s) && string(head[off:off+len(s)]) == s
}
