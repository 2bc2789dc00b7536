package activities

import (
	"fmt"
	"time"

	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/recordings"
)

// notWhole is the error of a download that may be incomplete.
type notWhole struct {
	doubt   recordings.Doubt
	sha256  string
	answers int // alike, this one included
	enough  int // of them
}

func (e *notWhole) Error() string { return "fetch recording: " + string(e.doubt) }

// news reports whether to tell the workflow: the bytes differ from the last ones, or the workflow counts them.
func (e *notWhole) news() bool { return e.answers < e.enough }

// proof says how many equal answers, over what time, settle a doubt.
func proof(d recordings.Doubt) (answers int, over time.Duration) {
	if d == recordings.DoubtUnfinished { // formats allow it: all that counts is that the file does not grow
		return 2, 3 * time.Second
	}
	return 3, 10 * time.Minute
}

// Limits of a recording's length. A recording that is far shorter than its call is probably incomplete. A shorter one may
// still be growing if its format, like MP3, does not mark its end: it is fetched again.
const (
	farShorter = 20 // the call lasted so many times as long
	shorter    = 9  // tenths of the call
)

// trust decides whether to store the fetched bytes: if there is no doubt, if the host sent the same bytes often enough, or
// if there is no other chance. It stores the doubt as a remark. The error is *notWhole.
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
