package audio

import "encoding/binary"

func isOGG(head []byte) bool { return tag(head, 0, "OggS") }

// Flags of an OGG page.
const (
	oggFirst = 2
	oggLast  = 4
)

// inspectOGG walks the pages. The file is whole if every stream that began in it has ended. Some encoders never mark the
// end, so a missing end alone is not a cut.
func inspectOGG(w *window, f *File) {
	open := map[uint32]bool{}
	rate, position := int64(0), int64(0)
	for off := int64(0); off < w.size; {
		head := w.at(off, 27)
		if len(head) < 27 {
			f.Cut = true
			break
		}
		if !tag(head, 0, "OggS") || head[4] != 0 {
			f.Known = false
			return
		}
		flags, stream, segments := head[5], binary.LittleEndian.Uint32(head[14:]), int(head[26])
		granule := int64(binary.LittleEndian.Uint64(head[6:]))
		table := w.at(off+27, segments)
		if len(table) < segments {
			f.Cut = true
			break
		}
		body := off + 27 + int64(segments)
		off = body
		for _, n := range table {
			off += int64(n)
		}
		if off > w.size {
			f.Cut = true
			break
		}
		if flags&oggFirst != 0 {
			open[stream] = true
			if r := oggRate(w.at(body, 16)); r > 0 {
				rate = r
			}
		}
		if flags&oggLast != 0 {
			delete(open, stream)
		}
		if len(open) > maxStreams {
			f.Known = false
			return
		}
		position = max(position, granule)
	}
	if rate > 0 {
		f.sounds(position, rate)
	}
	f.Ends = !f.Cut && len(open) == 0
	f.Unfinished = !f.Cut && len(open) > 0
}

// oggRate returns how many of its units make a second, for a stream of Opus or Vorbis with this head. It returns 0 for others.
func oggRate(b []byte) int64 {
	switch {
	case tag(b, 0, "OpusHead"):
		return 48_000
	case tag(b, 0, "\x01vorbis") && len(b) == 16:
		return int64(binary.LittleEndian.Uint32(b[12:]))
	default:
		return 0
	}
}

// maxStreams bounds the memory for a file that begins ever more streams.
const maxStreams = 64
