package activities

import (
	"fmt"
	"time"

	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/recordings"
)

// notWhole is the error of a download that may not be the whole recording.
type notWhole struct {
	doubt   recordings.Doubt
	sha256  string
	answers int // alike, this one included
	enough  int // of them
}

func (e *notWhole) Error() string { return "fetch recording: " + string(e.doubt) }

// news reports whether the workflow has to hear of it: the bytes are others than before, or it is to count them.
func (e *notWhole) news() bool { return e.answers < e.enough }

// proof says how many answers that are alike, and over what time, dispel a doubt.
func proof(d recordings.Doubt) (answers int, over time.Duration) {
	if d == recordings.DoubtUnfinished { // formats allow it: all that counts is that the file does not grow
		return 2, 3 * time.Second
	}
	return 3, 10 * time.Minute
}

// What a recording's length says. One that is far shorter than its call is hardly the recording. One that is shorter
// may still be growing where nothing in it says where it ends, as in MP3: it is asked for again.
const (
	farShorter = 20 // the call lasted so many times as long
	shorter    = 9  // tenths of the call
)

// trust decides whether what was fetched is stored: where nothing speaks against it, where the host gave the same often
// enough, and where there is no other chance. What is stored in spite of a doubt has that as its remark. The error is
// *notWhole.
func (a *Recordings) trust(in contract.DownloadRecordingInput, audio recordings.Audio) (recordings.Audio, error) {
	doubt := audio.Doubt
	call := time.Duration(in.Seconds) * time.Second
	if (doubt == recordings.DoubtNone || doubt == recordings.DoubtUnfinished) && audio.Duration > 0 {
		switch {
		case audio.Duration < call/farShorter:
			doubt = recordings.DoubtShort
		case audio.Open && audio.Duration < call*shorter/10:
			doubt = recordings.DoubtUnfinished
		}
	}
	if doubt == recordings.DoubtNone {
		return audio, nil
	}
	enough, over := proof(doubt)
	answers, since := 1, a.now()
	if in.Held != nil && in.Held.SHA256 == audio.SHA256 {
		answers, since = in.Held.Answers+1, in.Held.Since
	}
	if in.LastChance || (answers >= enough && a.now().Sub(since) >= over) {
		if doubt != recordings.DoubtUnfinished || in.LastChance {
			audio.Remark = doubt
		}
		return audio, nil
	}
	return audio, fmt.Errorf("judge what was fetched: %w", &notWhole{doubt: doubt, sha256: audio.SHA256, answers: answers, enough: enough})
}
