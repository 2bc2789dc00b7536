package simulator

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

const (
	sampleRate   = 8000
	wavHeader    = 44
	maxWAV       = math.MaxUint32 - 8 // a RIFF file cannot state a larger size
	noiseUpTo    = 16 << 20           // larger recordings are silent, so that they take no time to make
	mp3FrameSize = 417                // 128 kbit/s at 44.1 kHz
)

// audio is a sound file that is generated as it is read.
type audio struct {
	key, contentType string
	size             int64
	open             func() io.ReadSeeker
}

// newWAV returns 8 kHz mono with 16 bits: a tone with some noise, both from the seed. A positive size sets the size of the
// whole file, and makes the sound longer or shorter.
func newWAV(seconds int, size int64, seed uint64) audio {
	if size <= 0 {
		size = wavHeader + int64(seconds)*sampleRate*2
	}
	size = min(max(size, wavHeader+2), maxWAV) &^ 1
	w := &waveform{size: size, seed: seed}
	return audio{
		key: fmt.Sprintf("wav-%d", size), contentType: "audio/wav", size: size,
		open: func() io.ReadSeeker { return io.NewSectionReader(w, 0, size) },
	}
}

// waveform computes the bytes of a WAV file.
type waveform struct {
	size int64
	seed uint64
}

func (w *waveform) header() []byte {
	data := uint32(w.size - wavHeader)
	head := make([]byte, 0, wavHeader)
	head = append(head, "RIFF"...)
	head = binary.LittleEndian.AppendUint32(head, data+wavHeader-8)
	head = append(head, "WAVEfmt "...)
	head = binary.LittleEndian.AppendUint32(head, 16)
	for _, field := range []uint16{1, 1} { // PCM, mono
		head = binary.LittleEndian.AppendUint16(head, field)
	}
	head = binary.LittleEndian.AppendUint32(head, sampleRate)
	head = binary.LittleEndian.AppendUint32(head, sampleRate*2)
	head = binary.LittleEndian.AppendUint16(head, 2)
	head = binary.LittleEndian.AppendUint16(head, 16)
	head = append(head, "data"...)
	return binary.LittleEndian.AppendUint32(head, data)
}

// ReadAt fills p with the file's bytes from off.
func (w *waveform) ReadAt(p []byte, off int64) (int, error) {
	if off >= w.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), w.size-off))
	clear(p[:n])
	done := 0
	if off < wavHeader {
		done = copy(p[:n], w.header()[off:])
	}
	if w.size <= noiseUpTo {
		for i := done; i < n; i++ {
			at := off + int64(i) - wavHeader
			p[i] = byte(uint16(w.sample(at/2)) >> (8 * (at % 2)))
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (w *waveform) sample(i int64) int16 {
	hertz := float64(300 + w.seed%500)
	noise := (w.seed + uint64(i)) * 0x9e3779b97f4a7c15
	return int16(6000*math.Sin(2*math.Pi*hertz*float64(i)/sampleRate)) + int16(noise>>56)
}

// inMemory wraps a small file.
func inMemory(key, contentType string, content []byte) audio {
	return audio{key: key, contentType: contentType, size: int64(len(content)),
		open: func() io.ReadSeeker { return bytes.NewReader(content) }}
}

// newMP3 returns silence: an ID3v2 tag that holds the seed, then MPEG-1 layer III frames without sound.
func newMP3(seconds int, seed uint64) audio {
	text := fmt.Sprintf("\x00%016x", seed)
	frame := append([]byte("TIT2\x00\x00\x00"), byte(len(text)), 0, 0)
	frame = append(frame, text...)
	file := append([]byte("ID3\x03\x00\x00\x00\x00\x00"), byte(len(frame)))
	file = append(file, frame...)
	silence := make([]byte, mp3FrameSize)
	copy(silence, "\xff\xfb\x90\x00")
	for range seconds * 44100 / 1152 {
		file = append(file, silence...)
	}
	return inMemory("mp3", "audio/mpeg", file)
}

// newOGG returns silence in Opus: one page each for the head, the tags (which hold the seed) and the sound.
func newOGG(seconds int, seed uint64) audio {
	serial := uint32(seed)
	head := append([]byte("OpusHead\x01\x01\x00\x00"), 0x40, 0x1f, 0, 0, 0, 0, 0)
	tags := binary.LittleEndian.AppendUint32([]byte("OpusTags"), 16)
	tags = fmt.Appendf(tags, "%016x", seed)
	tags = binary.LittleEndian.AppendUint32(tags, 0)

	file := oggPage(2, 0, serial, 0, [][]byte{head})
	file = append(file, oggPage(0, 0, serial, 1, [][]byte{tags})...)
	packets := seconds * 50 // of 20 ms
	for sequence := uint32(2); packets > 0; sequence++ {
		count := min(packets, 100)
		packets -= count
		flags := byte(0)
		if packets == 0 {
			flags = 4 // end of stream
		}
		sound := make([][]byte, count)
		for i := range sound {
			sound[i] = []byte{0xf8, 0xff, 0xfe}
		}
		file = append(file, oggPage(flags, uint64(seconds*50-packets)*960, serial, sequence, sound)...)
	}
	return inMemory("ogg", "audio/ogg", file)
}

// oggPage frames packets of less than 255 bytes each.
func oggPage(flags byte, granule uint64, serial, sequence uint32, packets [][]byte) []byte {
	page := append([]byte("OggS\x00"), flags)
	page = binary.LittleEndian.AppendUint64(page, granule)
	page = binary.LittleEndian.AppendUint32(page, serial)
	page = binary.LittleEndian.AppendUint32(page, sequence)
	page = append(page, 0, 0, 0, 0, byte(len(packets)))
	for _, packet := range packets {
		page = append(page, byte(len(packet)))
	}
	for _, packet := range packets {
		page = append(page, packet...)
	}
	binary.LittleEndian.PutUint32(page[22:], oggChecksum(page))
	return page
}

// oggChecksum returns the container's own CRC-32: most significant bit first, start and end value zero.
func oggChecksum(page []byte) uint32 {
	sum := uint32(0)
	for _, b := range page {
		sum ^= uint32(b) << 24
		for range 8 {
			if sum&0x80000000 != 0 {
				sum = sum<<1 ^ 0x04c11db7
			} else {
				sum <<= 1
			}
		}
	}
	return sum
}
