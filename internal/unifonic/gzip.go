package unifonic

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
)

// maxUnpacked is the most bytes of an unpacked body: as many as a body without gzip may have.
const maxUnpacked = 64 << 10

var errUnpacked = fmt.Errorf("unpacks to more than %d bytes", maxUnpacked)

// Packed reports whether a body is packed with gzip, by its first bytes; headers do not matter.
func Packed(body []byte) bool { return bytes.HasPrefix(body, []byte{0x1f, 0x8b}) }

// Unpack returns the unpacked body of a notification; a body that is not packed is returned unchanged. The error says
// what is wrong with a packed body: it is cut, damaged, or unpacks to more than 64 KiB.
func Unpack(body []byte) ([]byte, error) {
	if !Packed(body) {
		return body, nil
	}
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, damaged(err)
	}
	plain, err := io.ReadAll(io.LimitReader(r, maxUnpacked+1))
	switch {
	case err != nil:
		return nil, damaged(err)
	case len(plain) > maxUnpacked:
		return nil, errUnpacked
	}
	return plain, nil
}

func damaged(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return errors.New("packed with gzip and cut off")
	}
	return fmt.Errorf("packed with gzip and damaged: %w", err)
}
