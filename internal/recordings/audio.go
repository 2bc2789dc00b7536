package recordings

import (
	"bytes"
	"errors"
	"io"
)

// Audio is what was fetched: a whole recording in a container that we know.
type Audio struct {
	ContentType string // by the container, not by what the host says
	Extension   string // with the dot
	SizeBytes   int64
	SHA256      string // lower-case hex
}

// container is a format that a recording may have.
type container struct {
	contentType, extension string
	sniff                  func(head []byte) bool
	// inspect walks the structure. whole says that the structure itself proves that nothing is missing at the end.
	inspect func(w *window) (whole bool, err error)
}

var (
	errNotAudio  = errors.New("no recording: neither WAV nor MP3 nor OGG")
	errTruncated = errors.New("the container ends early")
)

// sniffLength is how many bytes decide what a body is.
const sniffLength = 512

func containers() []container {
	return []container{
		{"audio/wav", ".wav", isWAV, inspectWAV},
		{"audio/ogg", ".ogg", isOGG, inspectOGG},
		{"audio/mpeg", ".mp3", isMP3, inspectMP3},
	}
}

// sniff tells the container by the first bytes of a body.
func sniff(head []byte) (container, bool) {
	for _, c := range containers() {
		if c.sniff(head) {
			return c, true
		}
	}
	return container{}, false
}

// inspect tells the container of a file by its structure. Errors: errNotAudio, errTruncated, or that of the reader.
func inspect(r io.ReaderAt, size int64) (c container, whole bool, err error) {
	w := &window{r: r, size: size}
	c, ok := sniff(w.at(0, sniffLength))
	if !ok {
		return c, false, w.or(errNotAudio)
	}
	whole, err = c.inspect(w)
	return c, whole, err
}

// tag reports whether head has s at an offset.
func tag(head []byte, off int, s string) bool {
	return len(head) >= off+len(s) && bytes.Equal(head[off:off+len(s)], []byte(s))
}
