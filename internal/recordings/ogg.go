package recordings

import "encoding/binary"

func isOGG(head []byte) bool { return tag(head, 0, "OggS") }

// Flags of an OGG page.
const (
	oggFirst = 2
	oggLast  = 4
)

// inspectOGG walks the pages. The file is whole when every stream that began in it has ended; some encoders never mark
// the end, so that its absence alone does not condemn a file.
func inspectOGG(w *window) (whole bool, err error) {
	open := map[uint32]bool{}
	for off := int64(0); off < w.size; {
		head := w.at(off, 27)
		if len(head) < 27 {
			return false, w.or(errTruncated)
		}
		if !tag(head, 0, "OggS") || head[4] != 0 {
			return false, errNotAudio
		}
		flags, stream, segments := head[5], binary.LittleEndian.Uint32(head[14:]), int(head[26])
		table := w.at(off+27, segments)
		if len(table) < segments {
			return false, w.or(errTruncated)
		}
		off += 27 + int64(segments)
		for _, n := range table {
			off += int64(n)
		}
		if off > w.size {
			return false, errTruncated
		}
		if flags&oggFirst != 0 {
			open[stream] = true
		}
		if flags&oggLast != 0 {
			delete(open, stream)
		}
		if len(open) > maxStreams {
			return false, errNotAudio
		}
	}
	return len(open) == 0, nil
}

// maxStreams bounds what is remembered of a file that begins streams without end.
const maxStreams = 64
