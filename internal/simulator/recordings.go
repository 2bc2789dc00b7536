package simulator

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Recording is a recording of the recording host, for checks.
type Recording struct {
	CallID  string `json:"callId,omitempty"`
	CallSID string `json:"callSid"`
	MaskID  string `json:"maskId,omitempty"`
	// URL is the notified one. It needs no credentials, but its exact query string.
	URL string `json:"url"`
	// SHA256, in lower-case hex, and SizeBytes are of the whole recording, as served when nothing goes wrong.
	SHA256      string `json:"sha256"`
	SizeBytes   int64  `json:"sizeBytes"`
	ContentType string `json:"contentType"`
	// Requests counts the attempted downloads, of every link.
	Requests int `json:"requests"`
}

// link is one signed URL of a recording.
type link struct {
	query  string
	issued time.Time
}

// recording is one file of the host. The simulator's lock guards it.
type recording struct {
	name, base string
	leg        *leg
	seconds    int
	builtin    Behaviour
	links      []link // the first one is notified
	requests   int
	spent      map[int]int       // how often the rule of a number has misbehaved
	sums       map[string]string // SHA-256 by format and size
}

// recordingBook is the recording host.
type recordingBook struct {
	list   []*recording
	byName map[string]*recording
	rules  []HostRule
}

func newRecordingBook() recordingBook { return recordingBook{byName: map[string]*recording{}} }

// newRecording must be called with the lock held.
func (s *Simulator) newRecording(l *leg, host Behaviour) *recording {
	rec := &recording{base: s.publicURL() + "/recordings/", name: s.ids.next(), leg: l, seconds: max(l.seconds, 1),
		builtin: host, spent: map[int]int{}, sums: map[string]string{}}
	rec.links = []link{s.newLink()}
	s.recordings.list = append(s.recordings.list, rec)
	s.recordings.byName[rec.name] = rec
	return rec
}

// newLink signs as object stores do: only the exact query string works.
func (s *Simulator) newLink() link {
	now := time.Now()
	expires := now.Add(s.scaled(s.opts.LinkLifetime)).Unix()
	signature := strings.ReplaceAll(s.ids.next(), "-", "")
	return link{query: "expires=" + strconv.FormatInt(expires, 10) + "&signature=" + signature + "%2B%3D", issued: now}
}

func (rec *recording) url() string { return rec.base + rec.name + "?" + rec.links[0].query }

// dead reports whether link number i has stopped working under a rule.
func (s *Simulator) dead(rec *recording, i int, rule Behaviour) bool {
	lifetime := s.opts.LinkLifetime
	if rule.ExpiresAfter > 0 {
		lifetime = rule.ExpiresAfter
	}
	return (i == 0 && rule.Kind == HostDead) || time.Since(rec.links[i].issued) >= s.scaled(lifetime)
}

// freshURL returns a working URL on the same path. It issues a new link if the last one is dead.
func (s *Simulator) freshURL(rec *recording) string {
	rule, _ := s.ruleFor(rec)
	last := len(rec.links) - 1
	if s.dead(rec, last, rule) {
		rec.links = append(rec.links, s.newLink())
		last++
	}
	return rec.base + rec.name + "?" + rec.links[last].query
}

// loggedURL returns the call log's URL: the notified one, unless dead links are refreshed.
func (s *Simulator) loggedURL(rec *recording) string {
	if rule, _ := s.ruleFor(rec); s.opts.RefreshDeadLinks || rule.Refresh {
		return s.freshURL(rec)
	}
	return rec.url()
}

// matches reports whether a rule's match names this recording: by callId, callSid, maskId, referenceId or recipient.
func (rec *recording) matches(match string) bool {
	l := rec.leg
	return match == "" || slices.Contains([]string{l.callID, l.callSID, l.maskID, l.referenceID, l.to}, match)
}

// ruleFor returns the newest rule that matches and its number; the ending's own behaviour has number -1.
func (s *Simulator) ruleFor(rec *recording) (Behaviour, int) {
	for i, rule := range slices.Backward(s.recordings.rules) {
		if rec.matches(rule.Match) {
			return rule.Behaviour, i
		}
	}
	return rec.builtin, -1
}

// Recordings returns every recording, oldest first.
func (s *Simulator) Recordings() ([]Recording, error) {
	s.mu.Lock()
	recordings := slices.Clone(s.recordings.list)
	s.mu.Unlock()
	list := []Recording{}
	for _, rec := range recordings {
		shown, err := s.show(rec)
		if err != nil {
			return nil, err
		}
		list = append(list, shown)
	}
	return list, nil
}

// show hashes without the lock: a huge recording takes seconds.
func (s *Simulator) show(rec *recording) (Recording, error) {
	s.mu.Lock()
	rule, _ := s.ruleFor(rec)
	sound := rec.audio(rule)
	sum, known := rec.sums[sound.key]
	shown := Recording{CallID: rec.leg.callID, CallSID: rec.leg.callSID, MaskID: rec.leg.maskID, URL: rec.url(),
		SizeBytes: sound.size, ContentType: sound.contentType, Requests: rec.requests}
	s.mu.Unlock()
	if !known {
		hash := sha256.New()
		if _, err := io.Copy(hash, sound.open()); err != nil {
			return Recording{}, fmt.Errorf("hash recording: %w", err)
		}
		sum = hex.EncodeToString(hash.Sum(nil))
		s.mu.Lock()
		rec.sums[sound.key] = sum
		s.mu.Unlock()
	}
	shown.SHA256 = sum
	return shown, nil
}

// audio returns the file's content. The seed comes from the leg, so no two recordings are alike.
func (rec *recording) audio(rule Behaviour) audio {
	seed := hashOf(rec.leg.callSID, rec.name)
	switch rule.Format {
	case "mp3":
		return newMP3(rec.seconds, seed)
	case "ogg":
		return newOGG(rec.seconds, seed)
	}
	size := rule.Size
	if size == 0 && rule.Kind == HostHuge {
		size = 2 << 30
	}
	return newWAV(rec.seconds, size, seed)
}
