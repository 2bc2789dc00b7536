package audio

import "encoding/binary"

// isMP3 recognises a tag, a frame, and zeros, which some writers leave before the first frame.
func isMP3(head []byte) bool {
	if tag(head, 0, "ID3") {
		return len(head) > 4 && head[3] < 0xFF && head[4] < 0xFF && head[3] < 0x10
	}
	_, ok := parseFrame(head)
	return ok || len(head) >= 4 && head[0] == 0 && head[1] == 0 && head[2] == 0 && head[3] == 0
}

// frame is the header of an MPEG audio frame.
type frame struct {
	kind       byte // version and layer, which do not change within a file
	sampleRate int
	length     int64
	samples    int64
	sideInfo   int // bytes between the header and a Xing or Info tag
}

// Bit rates by index, in kbit/s, of layers 3 and 2 of MPEG 1, and of both in MPEG 2 and 2.5.
var (
	bitRatesV1L3 = [15]int{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320}
	bitRatesV1L2 = [15]int{0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384}
	bitRatesV2   = [15]int{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160}
	sampleRates  = [4][3]int{{11025, 12000, 8000}, {}, {22050, 24000, 16000}, {44100, 48000, 32000}}
)

// parseFrame reads the header of a frame of layer 2 or 3. It rejects free-format frames, which state no length.
func parseFrame(b []byte) (frame, bool) {
	if len(b) < 4 || b[0] != 0xFF || b[1]&0xE0 != 0xE0 {
		return frame{}, false
	}
	version, layer := b[1]>>3&3, b[1]>>1&3 // version 3 is MPEG 1, 2 is MPEG 2, 0 is MPEG 2.5; layer 1 is III, 2 is II
	rate, sampling := b[2]>>4, b[2]>>2&3
	if version == 1 || (layer != 1 && layer != 2) || rate == 0 || rate == 15 || sampling == 3 {
		return frame{}, false
	}
	f := frame{kind: b[1] & 0x1E, sampleRate: sampleRates[version][sampling]}
	bits, samples := bitRatesV2[rate], 144
	switch {
	case version == 3 && layer == 1:
		bits = bitRatesV1L3[rate]
	case version == 3:
		bits = bitRatesV1L2[rate]
	case layer == 1:
		samples = 72
	}
	f.samples = int64(samples) * 8
	f.length = int64(samples*bits*1000/f.sampleRate) + int64(b[2]>>1&1)
	f.sideInfo = sideInfo(version == 3, b[3]>>6 == 3)
	return f, true
}

func sideInfo(mpeg1, mono bool) int {
	switch {
	case mpeg1 && !mono:
		return 32
	case mpeg1 || !mono:
		return 17
	default:
		return 9
	}
}

// inspectMP3 walks the frames. It sees a cut between two frames only if the first one states the length of all. Behind
// bytes that are no frame it judges nothing more: players play such files.
func inspectMP3(w *window, f *File) {
	off, ok := skipID3(w, 0)
	if !ok {
		f.Cut, f.Empty = true, true
		return
	}
	off = skipZeros(w, off)
	first, ok := parseFrame(w.at(off, 4))
	if !ok {
		f.Known = false
		return
	}
	stated, ok := statedLength(w, off, first)
	f.Cut, f.Open = ok && off+stated > w.size, !ok
	f.walkFrames(w, off, first)
}

// walkFrames walks from frame to frame, starting at the first one, at off.
func (f *File) walkFrames(w *window, off int64, first frame) {
	frames := int64(0)
	defer func() { f.sounds(frames*first.samples, int64(first.sampleRate)) }()
	for off < w.size {
		b := w.at(off, 4)
		next, ok := parseFrame(b)
		switch {
		case ok && next.kind == first.kind && next.sampleRate == first.sampleRate:
			off += next.length
			frames++
		case tag(b, 0, "ID3"):
			if off, ok = skipID3(w, off); !ok {
				f.Cut = true
				return
			}
		case len(b) < 4 && len(b) > 0 && b[0] == 0xFF:
			f.Cut = true // in the middle of a header
			return
		case frames < 2:
			f.Known = false
			return
		default:
			f.Ends = !f.Cut && endTag(b, off, w.size)
			f.Open = f.Open && !f.Ends
			return
		}
	}
	f.Cut = f.Cut || off > w.size
	f.Ends = !f.Cut
}

// endTag reports whether b, at an offset, is a tag that ends a file.
func endTag(b []byte, off, size int64) bool {
	return tag(b, 0, "TAG") && off+128 == size || tag(b, 0, "APET")
}

// maxZeros bounds the zeros before the first frame.
const maxZeros = 1 << 20

// skipZeros returns the offset behind the zeros at an offset.
func skipZeros(w *window, off int64) int64 {
	for end := off + maxZeros; off < min(end, w.size); off++ {
		if b := w.at(off, 1); len(b) == 0 || b[0] != 0 {
			break
		}
	}
	return off
}

// skipID3 returns the offset behind the ID3v2 tags at an offset. ok is false if the file ends within a tag.
func skipID3(w *window, off int64) (behind int64, ok bool) {
	for {
		h := w.at(off, 10)
		if !tag(h, 0, "ID3") {
			return off, true
		}
		if len(h) < 10 {
			return 0, false
		}
		n := int64(h[6]&0x7F)<<21 | int64(h[7]&0x7F)<<14 | int64(h[8]&0x7F)<<7 | int64(h[9]&0x7F)
		if h[5]&0x10 != 0 { // a footer repeats the header
			n += 10
		}
		if off += 10 + n; off >= w.size {
			return 0, false
		}
	}
}

// statedLength reads the length of all frames in bytes, if the first frame has it in a Xing or Info tag.
func statedLength(w *window, off int64, first frame) (int64, bool) {
	h := w.at(off+4+int64(first.sideInfo), 16)
	if len(h) < 16 || !tag(h, 0, "Xing") && !tag(h, 0, "Info") {
		return 0, false
	}
	flags, field := binary.BigEndian.Uint32(h[4:]), 8
	if flags&2 == 0 {
		return 0, false
	}
	if flags&1 != 0 { // the number of frames comes first
		field += 4
	}
	return int64(binary.BigEndian.Uint32(h[field:])), true
}
