// Package audiotest makes sound files for tests.
package audiotest

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// WAV returns a recording of n bytes of audio.
func WAV(n int) []byte {
	h := WAVHeader(uint32(n))
	return append(h, Pattern(n)...)
}

// WAVHeader returns the head of a WAV file with n bytes of sound, 16,000 a second.
func WAVHeader(n uint32) []byte {
	var b bytes.Buffer
	put := func(v any) { _ = binary.Write(&b, binary.LittleEndian, v) }
	b.WriteString("RIFF")
	put(36 + n)
	b.WriteString("WAVEfmt ")
	put(uint32(16))
	put([]uint16{1, 1})
	put([]uint32{8000, 16000})
	put([]uint16{2, 16})
	b.WriteString("data")
	put(n)
	return b.Bytes()
}

// Pattern returns n bytes, not all alike.
func Pattern(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i*7 + i>>8)
	}
	return p
}

// MP3 returns a recording of n frames of 417 bytes (MPEG 1 layer III, 128 kbit/s, 44.1 kHz).
func MP3(n int) []byte {
	frame := append([]byte{0xFF, 0xFB, 0x90, 0x00}, make([]byte, 413)...)
	return bytes.Repeat(frame, n)
}

// MP3WithLength returns MP3(n) with the length of all frames in the first one.
func MP3WithLength(n int) []byte {
	b := slices.Clone(MP3(n))
	copy(b[4+32:], "Xing\x00\x00\x00\x03")
	binary.BigEndian.PutUint32(b[4+32+8:], uint32(n))
	binary.BigEndian.PutUint32(b[4+32+12:], uint32(len(b)))
	return b
}

// ID3 returns a tag of n zeros.
func ID3(n int) []byte {
	h := []byte{'I', 'D', '3', 4, 0, 0, 0, 0, byte(n >> 7), byte(n & 0x7F)}
	return append(h, make([]byte, n)...)
}

// OGG returns a recording of n pages of 1,000 bytes. ended marks the last one as such.
func OGG(n int, ended bool) []byte {
	var b bytes.Buffer
	for i := range n {
		head := make([]byte, 27)
		copy(head, "OggS")
		if i == 0 {
			head[5] |= 2
		}
		if i == n-1 && ended {
			head[5] |= 4
		}
		binary.LittleEndian.PutUint32(head[14:], 77)
		binary.LittleEndian.PutUint32(head[18:], uint32(i))
		head[26] = 4
		b.Write(head)
		b.Write([]byte{255, 255, 255, 204})
		b.Write(Pattern(969))
	}
	return b.Bytes()
}
