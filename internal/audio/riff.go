package audio

import "encoding/binary"

// isRIFF recognises WAV, its big-endian form, and its forms for more than 4 GiB.
func isRIFF(head []byte) bool {
	for _, kind := range []string{"RIFF", "RIFX", "RF64", "BW64"} {
		if tag(head, 0, kind) && tag(head, 8, "WAVE") {
			return true
		}
	}
	return false
}

const (
	sizeUnknown = 0xFFFFFFFF // the size that an encoder writes to a pipe; others write zero
	maxChunks   = 1000       // before the audio

	// riffSlack is how far the outer size may exceed the file: some encoders forget that it does not count the first
	// eight bytes. The audio itself is measured exactly.
	riffSlack = 8
)

// inspectRIFF walks the chunks up to the audio and compares sizes with bytes.
func inspectRIFF(w *window, f *File) {
	order, large, unsized := riffHeader(w, f)
	var dataSize, perSecond int64
	off := int64(12)
	for range maxChunks {
		chunk := w.at(off, 24)
		if len(chunk) < 8 {
			f.Cut, f.Empty, f.Known = true, true, perSecond > 0
			return
		}
		n := int64(order.Uint32(chunk[4:]))
		off += 8
		switch {
		case tag(chunk, 0, "ds64") && len(chunk) == 24:
			dataSize = int64(order.Uint64(chunk[16:]))
		case tag(chunk, 0, "fmt ") && n >= 14 && len(chunk) == 24:
			perSecond = max(int64(order.Uint32(chunk[16:])), 1)
		case !tag(chunk, 0, "data"):
		case perSecond == 0:
			f.Known = false
			return
		default:
			if large && n == sizeUnknown {
				n = dataSize
			}
			f.riffSound(w, off, n, perSecond, n == sizeUnknown || n == 0 && unsized)
			return
		}
		off += n + n%2
	}
	f.Known = false
}

// riffHeader reads the byte order of a file's numbers, whether its sizes are in chunk ds64, and whether a size of zero
// means unknown, since the file was written to a pipe.
func riffHeader(w *window, f *File) (order binary.ByteOrder, large, unsized bool) {
	head := w.at(0, 12)
	order = binary.LittleEndian
	if tag(head, 0, "RIFX") {
		order = binary.BigEndian
	}
	large = !tag(head, 0, "RIFF") && !tag(head, 0, "RIFX")
	outer := int64(order.Uint32(head[4:]))
	streamed := !large && (outer == 0 || outer == sizeUnknown)
	f.Cut = !large && !streamed && outer+8 > w.size+riffSlack
	return order, large, large || streamed
}

// riffSound judges n bytes of sound at an offset, perSecond of which make a second.
func (f *File) riffSound(w *window, off, n, perSecond int64, unstated bool) {
	f.data(off, n, w.size, unstated)
	f.sounds(min(n, w.size-off), perSecond)
	if f.Unfinished {
		f.sounds(w.size-off, perSecond)
	}
}

// data judges n bytes of sound at an offset.
func (f *File) data(off, n, size int64, unstated bool) {
	switch {
	case unstated:
		f.Unfinished = true
	case n < 0 || off+n > size:
		f.Cut = true
	default:
		f.Ends = !f.Cut
	}
}
