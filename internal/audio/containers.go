package audio

import (
	"encoding/binary"
	"math/bits"
)

func isAU(head []byte) bool { return tag(head, 0, ".snd") }

// Bytes of a sample by AU's encodings: mu-law, 8, 16, 24 and 32 bits, float, double, and A-law.
var auSampleBytes = map[uint32]int64{1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}

func inspectAU(w *window, f *File) {
	h := w.at(0, 24)
	if len(h) < 24 {
		f.Cut, f.Empty = true, true
		return
	}
	off, n := int64(binary.BigEndian.Uint32(h[4:])), int64(binary.BigEndian.Uint32(h[8:]))
	perSecond := auSampleBytes[binary.BigEndian.Uint32(h[12:])] * int64(binary.BigEndian.Uint32(h[16:])) * int64(binary.BigEndian.Uint32(h[20:]))
	f.data(off, n, w.size, n == sizeUnknown)
	if f.Unfinished || f.Cut {
		n = w.size - off
	}
	f.sounds(n, perSecond)
}

func isFLAC(head []byte) bool { return tag(head, 0, "fLaC") }

// inspectFLAC reads the number of samples. Only a decoder can tell where the frames end.
func inspectFLAC(w *window, f *File) {
	h := w.at(0, 26)
	if len(h) < 26 {
		f.Cut, f.Empty = true, true
		return
	}
	if h[4]&0x7F != 0 { // the first block describes the stream
		return
	}
	packed := binary.BigEndian.Uint64(h[18:])
	rate, samples := int64(packed>>44), int64(packed&(1<<36-1))
	if f.Unfinished = samples == 0; !f.Unfinished {
		f.sounds(samples, rate)
	}
	f.Empty = w.size <= 42
}

// isMP4 recognises M4A, MP4 and 3GP.
func isMP4(head []byte) bool { return tag(head, 4, "ftyp") }

const maxBoxes = 100_000

// inspectMP4 walks the top-level boxes. Without moov, which many writers write last, nothing can be played.
func inspectMP4(w *window, f *File) {
	index := false
	off := int64(0)
	for range maxBoxes {
		if off >= w.size {
			break
		}
		h := w.at(off, 16)
		if len(h) < 8 {
			f.Cut = true
			return
		}
		n := int64(binary.BigEndian.Uint32(h))
		switch {
		case n == 1 && len(h) == 16:
			n = int64(binary.BigEndian.Uint64(h[8:]))
		case n == 0: // to the end of the file
			n = w.size - off
		}
		if n < 8 || n > w.size-off {
			f.Cut = true
			return
		}
		if tag(h, 4, "moov") {
			index = true
			f.movie(w, off+8, off+n)
		}
		off += n
	}
	f.Cut, f.Ends = !index, index
}

// movie looks for the duration among the boxes of moov.
func (f *File) movie(w *window, off, end int64) {
	for off+8 <= end {
		h := w.at(off, 40)
		if len(h) < 40 {
			return
		}
		if tag(h, 4, "mvhd") {
			scale, length := int64(binary.BigEndian.Uint32(h[20:])), int64(binary.BigEndian.Uint32(h[24:]))
			if h[8] == 1 { // its times have 64 bits
				scale, length = int64(binary.BigEndian.Uint32(h[28:])), int64(binary.BigEndian.Uint64(h[32:]))
			}
			if length > 0 && length != sizeUnknown { // fragments state their own
				f.sounds(length, scale)
			}
			return
		}
		n := int64(binary.BigEndian.Uint32(h))
		if n < 8 {
			return
		}
		off += n
	}
}

// isEBML recognises WebM and Matroska.
func isEBML(head []byte) bool { return tag(head, 0, "\x1A\x45\xDF\xA3") }

// inspectEBML compares the size of the segment with the file. A live writer leaves it open.
func inspectEBML(w *window, f *File) {
	n, used, _ := ebmlSize(w.at(4, 8))
	off := 4 + used + n
	if used == 0 || !tag(w.at(off, 4), 0, "\x18\x53\x80\x67") {
		f.Cut = true
		return
	}
	n, used, open := ebmlSize(w.at(off+4, 8))
	if used == 0 {
		f.Cut = true
		return
	}
	f.data(off+4+used, n, w.size, open)
}

// ebmlSize reads a number whose first bits give its length in bytes. All ones mean that the number is not stated.
func ebmlSize(b []byte) (n, used int64, open bool) {
	if len(b) == 0 || b[0] == 0 {
		return 0, 0, false
	}
	length := bits.LeadingZeros8(b[0]) + 1
	if len(b) < length {
		return 0, 0, false
	}
	n = int64(b[0]) & (1<<(8-length) - 1)
	ones := n == 1<<(8-length)-1
	for _, x := range b[1:length] {
		n = n<<8 | int64(x)
		ones = ones && x == 0xFF
	}
	return n, int64(length), ones
}
