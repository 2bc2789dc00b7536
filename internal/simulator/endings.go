package simulator

import (
	"net/http"
	"time"
)

const (
	queued        = "QUEUED"
	completed     = "COMPLETED"
	failedStatus  = "FAILED"
	transferring  = "TRANSFERRING" // no source names it: an unknown status
	talkSeconds   = 2
	failoverDelay = 1300 * time.Millisecond
)

// failure says which caller IDs fail.
type failure int

const (
	failsNever failure = iota
	failsFromPrimary
	failsFromAll
)

// busyTimes is how many attempts of a request find the line busy, for an ending of that kind.
const busyTimes = 2

// step is one status of a leg, which the webhook is sent and the call log keeps.
type step struct {
	at        time.Duration // simulated, since the POST
	status    string
	seconds   int
	reason    string
	recording bool // the status comes with the recording URL
	noCarrier bool // never handed to a carrier: no callSid
}

// ending is one row of the table: the API's response, then the course of the call.
type ending struct {
	about   string
	api     Fault     // how POST /v1/calls behaves
	times   int       // how often api happens per referenceId; 0: always
	early   bool      // notified before the API answers
	fails   failure   // replaces steps by a failed one
	busy    int       // this many attempts of a request find the line busy first
	silent  bool      // only the call log has it; the webhook is sent nothing
	unnamed bool      // a requested recording is never named
	copies  int       // how often each notification is sent, shuffled; 0: once
	host    Behaviour // how the recording host treats the recording
	steps   []step
}

// endings is the table in docs/simulator.md. Numbers with another ending behave as 00.
func endings() map[string]ending {
	talk := step{at: 2 * time.Second, status: completed, seconds: talkSeconds}
	taped := talk
	taped.recording = true
	tapedLater := taped
	tapedLater.at = 4 * time.Second
	talked, recorded := []step{talk}, []step{taped}
	return map[string]ending{
		"00": {about: "completed", steps: talked},
		"01": {about: "busy", steps: engaged()},
		"02": {about: "no answer", steps: []step{{at: 1500 * time.Millisecond, status: "NO_ANSWER"}}},
		"03": {about: "failed from every caller ID", fails: failsFromAll, steps: talked},
		"04": {about: "failed from the primary, completed from the secondary caller ID", fails: failsFromPrimary, steps: talked},
		"05": {about: "completed and recorded", steps: recorded},
		"06": {about: "recorded; the recording host fails three times first", steps: recorded,
			host: Behaviour{Kind: HostStatus, Status: http.StatusServiceUnavailable, Times: 3}},
		"07": {about: "every notification three times, shuffled", copies: 3, steps: talked},
		"08": {about: "no notification; the call log knows", silent: true, steps: talked},
		"09": {about: "accepted, then the connection hangs; the call completes", api: FaultAcceptHang, steps: talked},
		"10": {about: "refused twice with 429, then accepted", api: FaultRefuse429, times: 2, steps: talked},
		"11": {about: "rejected by policy", steps: []step{{at: 500 * time.Millisecond, status: "REJECTED",
			reason: "Rejected by policy", noCarrier: true}}},
		"12": {about: "an unknown status, then completed",
			steps: []step{{at: 800 * time.Millisecond, status: transferring}, talk}},
		"13": {about: "recorded, but the URL is already dead", steps: recorded,
			host: Behaviour{Kind: HostDead}},
		"14": {about: "completed without, then again with the recording URL", steps: []step{talk, tapedLater}},
		"15": {about: "notified before the API answers", early: true,
			steps: []step{{at: 300 * time.Millisecond, status: completed, seconds: talkSeconds}}},
		"16": {about: "accepted, then answered 500", api: FaultAccept500, steps: talked},
		"17": {about: "500 and never accepted; the call log never knows", api: FaultRefuse500,
			steps: talked}, // for a call that another fault accepts
		"18": {about: "busy for the first two attempts of a request, then completed", busy: busyTimes, steps: talked},
		"19": {about: "completed; a recording that was asked for is never named", unnamed: true, steps: talked},
	}
}

// engaged returns the steps of a call to a busy line.
func engaged() []step { return []step{{at: time.Second, status: "BUSY"}} }

// failed returns the steps of a call from a caller ID that does not get through.
func failed() []step {
	return []step{{at: time.Second, status: failedStatus, reason: "Network congestion"}}
}

// Endings describes each ending of a called number, by its two digits.
func Endings() map[string]string {
	about := map[string]string{}
	for digits, e := range endings() {
		about[digits] = e.about
	}
	return about
}

// endingOf returns the row of a number.
func (s *Simulator) endingOf(to string) ending {
	if len(to) >= 2 {
		if e, ok := s.endings[to[len(to)-2:]]; ok {
			return e
		}
	}
	return s.endings["00"]
}

// stepsFor returns the steps of a call from a caller ID. primary says whether that is the first caller ID of its story. nth
// counts the calls of the story, from 1.
func (e ending) stepsFor(primary bool, nth int) []step {
	if e.busy > 0 && nth <= e.busy {
		return engaged()
	}
	if e.fails == failsFromAll || (e.fails == failsFromPrimary && primary) {
		return failed()
	}
	return e.steps
}
