package recordings_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/recordings"
)

func TestInspectKnowsWholeRecordings(t *testing.T) {
	t.Parallel()
	listAfter := append(wav(100), []byte("LIST\x04\x00\x00\x00abcd")...)
	binary.LittleEndian.PutUint32(listAfter[4:], uint32(len(listAfter)-8))
	streamed := wav(1000)
	binary.LittleEndian.PutUint32(streamed[4:], 0xFFFFFFFF)
	binary.LittleEndian.PutUint32(streamed[40:], 0xFFFFFFFF)
	eightTooMuch := wav(100)
	binary.LittleEndian.PutUint32(eightTooMuch[4:], uint32(len(eightTooMuch)))
	for name, c := range map[string]struct {
		body  []byte
		whole bool
	}{
		"wav":                         {wav(1000), true},
		"wav, no audio in it":         {wav(0), true},
		"wav, a list behind":          {listAfter, true},
		"wav, outer size 8 too large": {eightTooMuch, true},
		"wav, written to a pipe":      {streamed, false},
		"mp3":                         {mp3(10), true},
		"mp3, length stated":          {mp3WithLength(10), true},
		"mp3, tag before":             {append(id3(300), mp3(10)...), true},
		"mp3, tag behind":             {append(mp3(10), append([]byte("TAG"), make([]byte, 125)...)...), true},
		"mp3, two joined":             {append(mp3(10), append(id3(10), mp3(3)...)...), true},
		"mp3, garbage behind":         {append(mp3(10), "garbage"...), false},
		"ogg":                         {ogg(5, true), true},
		"ogg, end not marked":         {ogg(5, false), false},
	} {
		t.Run(name, func(t *testing.T) {
			_, whole, err := recordings.Inspect(bytes.NewReader(c.body), int64(len(c.body)))
			require.NoError(t, err)
			require.Equal(t, c.whole, whole)
		})
	}
}

func TestInspectNeverTakesACutRecordingForWhole(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body  []byte
		blind int // cuts that the structure cannot show
	}{
		"wav":                {wav(3000), 0},
		"mp3":                {append(id3(20), mp3(6)...), 5}, // between two frames
		"mp3, length stated": {mp3WithLength(6), 0},
		"ogg":                {ogg(4, true), 0},
	} {
		t.Run(name, func(t *testing.T) {
			missed := 0
			for n := range len(c.body) {
				if _, whole, err := recordings.Inspect(bytes.NewReader(c.body[:n]), int64(n)); err == nil && whole {
					missed++
				}
			}
			require.Equal(t, c.blind, missed)
		})
	}
}

func TestInspectRefusesWhatIsNoRecording(t *testing.T) {
	t.Parallel()
	noFormat := slices.Clone(wav(10))
	copy(noFormat[12:], "junk")
	emptyChunks := append([]byte("RIFF\xff\xff\xff\xffWAVE"), make([]byte, 1<<20)...)
	for name, body := range map[string][]byte{
		"nothing":         nil,
		"a login page":    []byte("<!DOCTYPE html><html><body>Sign in</body></html>"),
		"json":            []byte(`{"error":"expired"}`),
		"jpeg":            {0xFF, 0xD8, 0xFF, 0xE0, 0, 16, 'J', 'F', 'I', 'F'},
		"utf-16 text":     {0xFF, 0xFE, '<', 0, 'h', 0, 't', 0},
		"aac":             {0xFF, 0xF1, 0x50, 0x80, 0x02, 0x1F, 0xFC},
		"one mp3 header":  append([]byte{0xFF, 0xFB, 0x90, 0x00}, make([]byte, 5000)...),
		"wav, no format":  noFormat,
		"endless chunks":  emptyChunks,
		"ogg, other page": append(ogg(2, false), make([]byte, 200)...),
		"ogg, version 1":  append([]byte("OggS\x01"), make([]byte, 100)...),
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := recordings.Inspect(bytes.NewReader(body), int64(len(body)))
			require.ErrorIs(t, err, recordings.ErrNotAudio)
		})
	}
}

func TestInspectReportsTheReadersError(t *testing.T) {
	t.Parallel()
	_, _, err := recordings.Inspect(brokenDisk{}, 1000)
	require.ErrorContains(t, err, "input/output")
}

type brokenDisk struct{}

func (brokenDisk) ReadAt([]byte, int64) (int, error) { return 0, errors.New("input/output error") }

func FuzzInspect(f *testing.F) {
	for _, b := range [][]byte{wav(50), mp3(3), mp3WithLength(3), append(id3(5), mp3(2)...), ogg(2, true)} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, whole, err := recordings.Inspect(bytes.NewReader(b), int64(len(b)))
		_, _ = c, whole
		if err != nil && !errors.Is(err, recordings.ErrNotAudio) && !errors.Is(err, recordings.ErrTruncated) {
			t.Fatal(err)
		}
	})
}
