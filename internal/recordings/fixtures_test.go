package recordings_test

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/aftercall/aftercall/internal/audio/audiotest"
)

var (
	wav, wavHeader = audiotest.WAV, audiotest.WAVHeader
	mp3            = audiotest.MP3
	ogg            = audiotest.OGG
)

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
