package audio

import "time"

// isAMR recognises narrow-band and wide-band AMR of one channel.
func isAMR(head []byte) bool { return tag(head, 0, "#!AMR\n") || tag(head, 0, "#!AMR-WB\n") }

// Bytes of a frame by its type, header included; zero: no such type.
var (
	amrFrames     = [16]int64{13, 14, 16, 18, 20, 21, 27, 32, 6, 0, 0, 0, 0, 0, 0, 1}
	amrWideFrames = [16]int64{18, 24, 33, 37, 41, 47, 51, 59, 61, 6, 0, 0, 0, 0, 1, 1}
)

const amrFrameTime = 20 * time.Millisecond

func inspectAMR(w *window, f *File) {
	off, sizes := int64(6), amrFrames
	if tag(w.at(0, 9), 0, "#!AMR-WB\n") {
		off, sizes = 9, amrWideFrames
	}
	frames := 0
	for ; off < w.size; frames++ {
		b := w.at(off, 1)
		if len(b) == 0 {
			return
		}
		n := sizes[b[0]>>3&15]
		if n == 0 || b[0]&0x83 != 0 { // no frame here: the rest is not judged
			break
		}
		off += n
	}
	f.Empty, f.Duration = frames == 0, time.Duration(frames)*amrFrameTime
	f.Cut, f.Ends, f.Open = off > w.size, off == w.size, true
}

// isADTS recognises AAC in its streaming form.
func isADTS(head []byte) bool {
	n, _, ok := adtsFrame(head)
	if !ok {
		return false
	}
	_, _, again := adtsFrame(head[min(n, int64(len(head))):])
	return again || n >= int64(len(head))-7
}

var adtsRates = [16]int64{96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350}

// adtsFrame reads the length of a frame and the rate of its samples.
func adtsFrame(b []byte) (length, rate int64, ok bool) {
	if len(b) < 7 || b[0] != 0xFF || b[1]&0xF6 != 0xF0 {
		return 0, 0, false
	}
	length = int64(b[3]&3)<<11 | int64(b[4])<<3 | int64(b[5])>>5
	rate = adtsRates[b[2]>>2&15]
	return length, rate, length >= 7 && rate > 0
}

func inspectADTS(w *window, f *File) {
	off, samples, rate := int64(0), int64(0), int64(0)
	for off < w.size {
		b := w.at(off, 7)
		n, r, ok := adtsFrame(b)
		if !ok {
			f.Cut = len(b) < 7 && len(b) > 0 && b[0] == 0xFF
			break
		}
		off, samples, rate = off+n, samples+1024, r
	}
	f.sounds(samples, rate)
	f.Cut, f.Ends, f.Open = f.Cut || off > w.size, off == w.size, true
}
