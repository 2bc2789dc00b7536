package audio_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/audio"
	"github.com/aftercall/aftercall/internal/audio/audiotest"
)

var (
	wav, mp3, id3, ogg = audiotest.WAV, audiotest.MP3, audiotest.ID3, audiotest.OGG
	mp3WithLength      = audiotest.MP3WithLength
)

func inspect(t *testing.T, b []byte) audio.File {
	t.Helper()
	f, err := audio.Inspect(bytes.NewReader(b), int64(len(b)))
	require.NoError(t, err)
	return f
}

// wavOfSizes returns a second of sound whose head states other sizes.
func wavOfSizes(outer, data uint32) []byte {
	b := wav(16_000)
	binary.LittleEndian.PutUint32(b[4:], outer)
	binary.LittleEndian.PutUint32(b[40:], data)
	return b
}

func box(kind string, body ...byte) []byte {
	return append(append(binary.BigEndian.AppendUint32(nil, uint32(8+len(body))), kind...), body...)
}

// m4a states a duration of 2,000 thousandths of a second.
func m4a(withIndex bool) []byte {
	mvhd := make([]byte, 100)
	binary.BigEndian.PutUint32(mvhd[12:], 1000)
	binary.BigEndian.PutUint32(mvhd[16:], 2000)
	b := slices.Concat(box("ftyp", []byte("M4A \x00\x00\x00\x00isom")...), box("mdat", audiotest.Pattern(5000)...))
	if withIndex {
		b = append(b, box("moov", box("mvhd", mvhd...)...)...)
	}
	return b
}

func rf64() []byte {
	plain := wav(16_000)
	b := slices.Concat([]byte("RF64\xff\xff\xff\xffWAVEds64\x1c\x00\x00\x00"), make([]byte, 28), plain[12:])
	binary.LittleEndian.PutUint64(b[20:], uint64(len(b)-8))
	binary.LittleEndian.PutUint64(b[28:], 16_000)
	binary.LittleEndian.PutUint32(b[12+8+28+8+16+4:], 0xFFFFFFFF)
	return b
}

func rifx() []byte {
	b := wav(16_000)
	copy(b, "RIFX")
	for _, at := range []int{4, 16, 24, 28, 40} {
		slices.Reverse(b[at : at+4])
	}
	return b
}

func au(n uint32) []byte {
	b := []byte(".snd")
	for _, v := range []uint32{24, n, 3, 8000, 1} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return append(b, audiotest.Pattern(16_000)...)
}

func flac(samples uint32) []byte {
	b := append([]byte("fLaC\x80\x00\x00\x22"), make([]byte, 34)...)
	binary.BigEndian.PutUint64(b[18:], 8000<<44|uint64(samples))
	return append(b, audiotest.Pattern(3000)...)
}

func amr(frames int) []byte {
	return append([]byte("#!AMR\n"), bytes.Repeat(append([]byte{0x3C}, make([]byte, 31)...), frames)...)
}

func adts(frames int) []byte {
	return bytes.Repeat(append([]byte{0xFF, 0xF1, 0x6C, 0x40, 0x0C, 0x9F, 0xFC}, make([]byte, 93)...), frames)
}

func webm(size byte) []byte {
	b := slices.Concat([]byte("\x1A\x45\xDF\xA3\x9F\x42\x86\x81\x01\x42\xF7\x81\x01\x42\xF2\x81\x04\x42\xF3\x81\x08\x42\x82\x84webm\x42\x87\x81\x02\x42\x85\x81\x02"),
		[]byte("\x18\x53\x80\x67"), []byte{size}, audiotest.Pattern(100))
	return b
}

func TestInspect(t *testing.T) {
	t.Parallel()
	listAfter := append(wav(100), []byte("LIST\x04\x00\x00\x00abcd")...)
	binary.LittleEndian.PutUint32(listAfter[4:], uint32(len(listAfter)-8))
	eightTooMuch := wav(100)
	binary.LittleEndian.PutUint32(eightTooMuch[4:], uint32(len(eightTooMuch)))
	type want struct {
		kind                           string
		cut, ends, unfinished, isEmpty bool
		duration                       time.Duration
	}
	for name, c := range map[string]struct {
		body []byte
		want want
	}{
		"wav":                           {wav(16_000), want{kind: ".wav", ends: true, duration: time.Second}},
		"wav, header alone":             {wav(0), want{kind: ".wav", ends: true, isEmpty: true}},
		"wav, a list behind":            {listAfter, want{kind: ".wav", ends: true, duration: 6250 * time.Microsecond}},
		"wav, outer size 8 too large":   {eightTooMuch, want{kind: ".wav", ends: true, duration: 6250 * time.Microsecond}},
		"wav, written to a pipe":        {wavOfSizes(0xFFFFFFFF, 0xFFFFFFFF), want{kind: ".wav", unfinished: true, duration: time.Second}},
		"wav, sizes not written yet":    {wavOfSizes(0, 0), want{kind: ".wav", unfinished: true, duration: time.Second}},
		"wav of sox to a pipe":          {wavOfSizes(0x7ffff024, 0x7ffff000), want{kind: ".wav", cut: true, duration: time.Second}},
		"wav, placeholders":             {wavOfSizes(0x7fffffff, 0x7fffffff), want{kind: ".wav", cut: true, duration: time.Second}},
		"wav, some bytes missing":       {wav(16_000)[:8_044], want{kind: ".wav", cut: true, duration: time.Second / 2}},
		"wav, big-endian":               {rifx(), want{kind: ".wav", ends: true, duration: time.Second}},
		"wav, for more than 4 GiB":      {rf64(), want{kind: ".wav", ends: true, duration: time.Second}},
		"wav, for more than 4 GiB, cut": {rf64()[:8_000], want{kind: ".wav", cut: true, duration: 495 * time.Millisecond}},
		"mp3":                           {mp3(10), want{kind: ".mp3", ends: true, duration: 261_224_489}},
		"mp3, length stated":            {mp3WithLength(10), want{kind: ".mp3", ends: true, duration: 261_224_489}},
		"mp3, length stated, cut":       {mp3WithLength(10)[:4170-417], want{kind: ".mp3", cut: true, duration: 235_102_040}},
		"mp3, last frame cut":           {mp3(10)[:4100], want{kind: ".mp3", cut: true, duration: 261_224_489}},
		"mp3, tag before":               {append(id3(300), mp3(10)...), want{kind: ".mp3", ends: true, duration: 261_224_489}},
		"mp3, zeros behind the tag":     {slices.Concat(id3(300), make([]byte, 5000), mp3(10)), want{kind: ".mp3", ends: true, duration: 261_224_489}},
		"mp3, zeros before":             {append(make([]byte, 100), mp3(10)...), want{kind: ".mp3", ends: true, duration: 261_224_489}},
		"mp3, tag behind":               {append(mp3(10), append([]byte("TAG"), make([]byte, 125)...)...), want{kind: ".mp3", ends: true, duration: 261_224_489}},
		"mp3, two joined":               {append(mp3(10), append(id3(10), mp3(3)...)...), want{kind: ".mp3", ends: true, duration: 339_591_836}},
		"mp3, garbage behind":           {append(mp3(10), "garbage"...), want{kind: ".mp3", duration: 261_224_489}},
		"mp3, tag alone":                {id3(3000)[:1000], want{kind: ".mp3", cut: true, isEmpty: true}},
		"ogg":                           {ogg(5, true), want{kind: ".ogg", ends: true}},
		"ogg, end not marked":           {ogg(5, false), want{kind: ".ogg", unfinished: true}},
		"ogg, cut":                      {ogg(5, true)[:4500], want{kind: ".ogg", cut: true}},
		"m4a":                           {m4a(true), want{kind: ".m4a", ends: true, duration: 2 * time.Second}},
		"m4a, index not written yet":    {m4a(false), want{kind: ".m4a", cut: true}},
		"m4a, cut":                      {m4a(true)[:3000], want{kind: ".m4a", cut: true}},
		"amr":                           {amr(50), want{kind: ".amr", ends: true, duration: time.Second}},
		"amr, header alone":             {amr(0), want{kind: ".amr", ends: true, isEmpty: true}},
		"amr, cut":                      {amr(50)[:1600], want{kind: ".amr", cut: true, duration: time.Second}},
		"au":                            {au(16_000), want{kind: ".au", ends: true, duration: time.Second}},
		"au, size not stated":           {au(0xFFFFFFFF), want{kind: ".au", unfinished: true, duration: time.Second}},
		"au, cut":                       {au(16_000)[:8_024], want{kind: ".au", cut: true, duration: time.Second / 2}},
		"flac":                          {flac(16_000), want{kind: ".flac", duration: 2 * time.Second}},
		"flac, length not stated":       {flac(0), want{kind: ".flac", unfinished: true}},
		"aac":                           {adts(20), want{kind: ".aac", ends: true, duration: 2560 * time.Millisecond}},
		"aac, cut":                      {adts(20)[:1990], want{kind: ".aac", cut: true, duration: 2560 * time.Millisecond}},
		"webm":                          {webm(0x80 + 100), want{kind: ".webm", ends: true}},
		"webm, cut":                     {webm(0x80 + 110), want{kind: ".webm", cut: true}},
		"webm of a live writer":         {webm(0xFF), want{kind: ".webm", unfinished: true}},
		"aiff, by its mark":             {append([]byte("FORM\x00\x00\x10\x00AIFFCOMM"), make([]byte, 100)...), want{kind: ".aiff"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := inspect(t, c.body)
			require.True(t, f.Known)
			got := want{f.Extension, f.Cut, f.Ends, f.Unfinished, f.Empty, c.want.duration}
			require.Equal(t, c.want, got)
			require.InDelta(t, c.want.duration, f.Duration, float64(2*time.Millisecond))
		})
	}
}

func TestInspectNeverTakesACutFileForWhole(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body  []byte
		blind int // cuts that the structure cannot reveal
	}{
		"wav":                {wav(3000), 0},
		"wav, large":         {rf64(), 0},
		"au":                 {au(16_000), 0},
		"webm":               {webm(0x80 + 100), 0},
		"m4a":                {m4a(true), 0},
		"mp3":                {append(id3(20), mp3(6)...), 5}, // between two frames
		"mp3, length stated": {mp3WithLength(6), 0},
		"amr":                {amr(6), 6},
		"aac":                {adts(6), 5},
		"ogg":                {ogg(4, true), 0},
	} {
		t.Run(name, func(t *testing.T) {
			missed := 0
			for n := range len(c.body) {
				if f, err := audio.Inspect(bytes.NewReader(c.body[:n]), int64(n)); err == nil && f.Known && f.Ends {
					missed++
				}
			}
			require.Equal(t, c.blind, missed)
		})
	}
}

func TestInspectTellsTexts(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"a login page":      "<!DOCTYPE html><html><body>Sign in</body></html>",
		"a page's middle":   "<html><script>alert(1)</script>",
		"a page with a tag": "ID3<html><body>Please log in</body></html>",
		"json":              `{"error":"expired"}`,
		"json list":         `[{"code": 1}]`,
		"xml":               `<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>`,
		"xml, no head":      `<Error><Code>AccessDenied</Code></Error>`,
		"words":             "The recording is being processed.",
		"arabic":            "التسجيل غير جاهز بعد",
		"latin-1":           "L'enregistrement n'est pas pr\xeat, r\xe9essayez plus tard",
		"utf-16":            "\xFF\xFE<\x00h\x00t\x00m\x00l\x00>\x00",
		"one word":          "ok",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := audio.Inspect(bytes.NewReader([]byte(body)), int64(len(body)))
			require.ErrorIs(t, err, audio.ErrText)
		})
	}
}

func TestInspectDoesNotKnow(t *testing.T) {
	t.Parallel()
	noFormat := slices.Clone(wav(10))
	copy(noFormat[12:], "junk")
	for name, body := range map[string][]byte{
		"jpeg":                {0xFF, 0xD8, 0xFF, 0xE0, 0, 16, 'J', 'F', 'I', 'F'},
		"one mp3 header":      append([]byte{0xFF, 0xFB, 0x90, 0x00}, make([]byte, 5000)...),
		"wav, no format":      noFormat,
		"wav of a page":       append([]byte("RIFF\x24\x00\x00\x00WAVE<html><script>alert(1)</script>"), make([]byte, 600)...),
		"endless chunks":      append([]byte("RIFF\xff\xff\xff\xffWAVE"), make([]byte, 1<<20)...),
		"ogg, other page":     append(ogg(2, false), make([]byte, 200)...),
		"ogg, version 1":      append([]byte("OggS\x01"), make([]byte, 100)...),
		"mu-law without head": bytes.Repeat([]byte{0xFF, 0x7F, 0xFE, 0xF9, 0x80}, 1000),
		"mu-law silence":      bytes.Repeat([]byte{0xFF}, 1000),
		"zeros":               make([]byte, 1000),
	} {
		t.Run(name, func(t *testing.T) {
			f := inspect(t, body)
			require.False(t, f.Known)
			require.Equal(t, "application/octet-stream", f.ContentType)
		})
	}
}

func TestInspectReportsTheReadersError(t *testing.T) {
	t.Parallel()
	_, err := audio.Inspect(brokenDisk{}, 1000)
	require.ErrorContains(t, err, "input/output")
}

type brokenDisk struct{}

func (brokenDisk) ReadAt([]byte, int64) (int, error) { return 0, errors.New("input/output error") }

func FuzzInspect(f *testing.F) {
	for _, b := range [][]byte{wav(50), mp3(3), mp3WithLength(3), append(id3(5), mp3(2)...), ogg(2, true), m4a(true), rf64(), au(9), flac(9), amr(3), adts(3), webm(0xFF)} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		found, err := audio.Inspect(bytes.NewReader(b), int64(len(b)))
		if err != nil && !errors.Is(err, audio.ErrText) {
			t.Fatal(err)
		}
		if found.Duration < 0 || found.Ends && found.Cut {
			t.Fatal(found)
		}
	})
}
