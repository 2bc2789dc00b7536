package recordings

import "encoding/binary"

func isWAV(head []byte) bool { return tag(head, 0, "RIFF") && tag(head, 8, "WAVE") }

const (
	sizeUnknown = 0xFFFFFFFF // what an encoder that writes to a pipe puts where a size belongs; others put zero
	maxChunks   = 1000       // before the audio

	// riffSlack is by how much the outer size may exceed the file: some encoders forget that it does not count the
	// first eight bytes. The audio itself is measured exactly.
	riffSlack = 8
)

// inspectWAV walks the chunks of a RIFF file up to its audio and compares sizes with bytes.
func inspectWAV(w *window) (whole bool, err error) {
	head := w.at(0, 12)
	if len(head) < 12 {
		return false, w.or(errTruncated)
	}
	outer := int64(binary.LittleEndian.Uint32(head[4:]))
	streamed := outer == 0 || outer == sizeUnknown
	if !streamed && outer+8 > w.size+riffSlack {
		return false, errTruncated
	}
	formatSeen := false
	off := int64(12)
	for range maxChunks {
		chunk := w.at(off, 8)
		if len(chunk) < 8 {
			return false, w.or(errTruncated)
		}
		n := int64(binary.LittleEndian.Uint32(chunk[4:]))
		off += 8
		switch {
		case tag(chunk, 0, "fmt "):
			formatSeen = n >= 14
		case !tag(chunk, 0, "data"):
		case !formatSeen:
			return false, errNotAudio
		case n == sizeUnknown || (n == 0 && streamed):
			return false, nil
		case off+n > w.size:
			return false, errTruncated
		default:
			return true, nil
		}
		off += n + n%2
	}
	return false, errNotAudio
}
