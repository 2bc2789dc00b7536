package audio

import (
	"errors"
	"io"
)

// window reads small pieces of a large file, in order, through one buffer. The first error of the reader stays in err.
type window struct {
	r     io.ReaderAt
	size  int64
	start int64
	buf   []byte
	store [64 << 10]byte
	err   error
}

// at returns n bytes from an offset, fewer at the end of the file.
func (w *window) at(off int64, n int) []byte {
	if off >= w.size || w.err != nil {
		return nil
	}
	n = int(min(int64(n), w.size-off))
	if off < w.start || off+int64(n) > w.start+int64(len(w.buf)) {
		got, err := w.r.ReadAt(w.store[:min(int64(len(w.store)), w.size-off)], off)
		if err != nil && !errors.Is(err, io.EOF) {
			w.err = err
			return nil
		}
		w.start, w.buf = off, w.store[:got]
	}
	b := w.buf[off-w.start:]
	return b[:min(n, len(b))]
}
