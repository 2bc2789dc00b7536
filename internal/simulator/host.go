package simulator

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// HostKind is the way in which the recording host treats a download.
type HostKind string

// The kinds of behaviour. "Cut" means after Behaviour.After bytes of the response's body.
const (
	HostOK              HostKind = "ok"
	HostStatus          HostKind = "status"           // answers Status, default 503
	HostDead            HostKind = "dead"             // the notified link answers Status, default 403; fresh links work
	HostSlow            HostKind = "slow"             // BytesPerSecond, default 1
	HostStall           HostKind = "stall"            // no more bytes after the cut
	HostTruncate        HostKind = "truncate"         // cut below the announced length
	HostTruncateChunked HostKind = "truncate-chunked" // cut within a chunked body
	HostTruncateClose   HostKind = "truncate-close"   // cut without any length, cleanly closed
	HostLengthLong      HostKind = "length-long"      // announces 100 bytes more than it sends
	HostLengthShort     HostKind = "length-short"     // announces 100 bytes less than the recording has
	HostHTML            HostKind = "html"             // a login page with 200
	HostRedirect        HostKind = "redirect"         // 302 to Location; "self" loops
	HostReset           HostKind = "reset"            // TCP reset at the cut
	HostEncoded         HostKind = "encoded"          // Content-Encoding: gzip, unasked
	HostGzipBomb        HostKind = "gzip-bomb"        // Size zero bytes, default 1 GiB, compressed
	HostHuge            HostKind = "huge"             // a WAV of Size bytes, default 2 GiB
)

func hostKinds() []HostKind {
	return []HostKind{HostOK, HostStatus, HostDead, HostSlow, HostStall, HostTruncate, HostTruncateChunked,
		HostTruncateClose, HostLengthLong, HostLengthShort, HostHTML, HostRedirect, HostReset, HostEncoded, HostGzipBomb, HostHuge}
}

// Behaviour describes how the recording host behaves. All of it but Kind is optional.
type Behaviour struct {
	Kind HostKind `json:"behaviour"`
	// Times is how many downloads of a recording are treated this way before it is served well; 0 means all.
	Times          int    `json:"times"`
	Status         int    `json:"status"`
	RetryAfter     int    `json:"retryAfter"` // seconds, with HostStatus
	BytesPerSecond int    `json:"bytesPerSecond"`
	After          int64  `json:"after"` // bytes; default half the recording
	Location       string `json:"location"`
	// Size is the recording's size in bytes (WAV only, sparse). It also holds when the recording is served well.
	Size        int64  `json:"size"`
	Format      string `json:"format"`      // wav, mp3 or ogg
	ContentType string `json:"contentType"` // in place of the true one
	NoRange     bool   `json:"noRange"`     // Range is ignored
	Refresh     bool   `json:"refresh"`     // the call log issues fresh links for dead ones
	// ExpiresAfter is the lifetime of links in simulated time, in place of the usual one.
	ExpiresAfter time.Duration `json:"-"`
}

// HostRule applies a behaviour to recordings by callId, callSid, maskId, referenceId or recipient. An empty Match means
// all. The newest matching rule counts, also for links that were issued before it.
type HostRule struct {
	Match string `json:"match"`
	Behaviour
}

// SetRecordingHost adds a rule.
func (s *Simulator) SetRecordingHost(rule HostRule) error {
	known := hostKinds()
	if rule.Kind == "" {
		rule.Kind = HostOK
	}
	if !slices.Contains(known, rule.Kind) {
		return fmt.Errorf("set recording host: unknown behaviour %q; want one of %q", rule.Kind, known)
	}
	if !slices.Contains([]string{"", "wav", "mp3", "ogg"}, rule.Format) {
		return fmt.Errorf("set recording host: unknown format %q; want wav, mp3 or ogg", rule.Format)
	}
	if rule.Kind == HostRedirect && rule.Location == "" {
		return errors.New("set recording host: redirect needs a location")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recordings.rules = append(s.recordings.rules, rule)
	return nil
}

// download is one request for a recording, with its treatment.
type download struct {
	rule    Behaviour
	sound   audio
	etag    string
	url     string
	refused int // HTTP status; 0 if the link works
	well    bool
}

func (s *Simulator) serveRecording(w http.ResponseWriter, r *http.Request) {
	d := s.decide(r)
	switch {
	case d.refused != 0:
		refuseLink(w, d.refused)
	case d.well:
		d.serve(w, r)
	default:
		s.misbehave(w, r, d)
	}
}

// decide finds the recording and the treatment of this download.
func (s *Simulator) decide(r *http.Request) download {
	s.mu.Lock()
	defer s.mu.Unlock()
	rec, found := s.recordings.byName[r.PathValue("name")]
	if !found {
		return download{refused: http.StatusNotFound}
	}
	rec.requests++
	rule, number := s.ruleFor(rec)
	d := download{rule: rule, sound: rec.audio(rule), url: rec.url()}
	d.etag = fmt.Sprintf(`"%016x"`, hashOf(rec.name, d.sound.key))
	i := slices.IndexFunc(rec.links, func(l link) bool { return l.query == r.URL.RawQuery })
	if i < 0 {
		d.refused = http.StatusForbidden
		return d
	}
	if s.dead(rec, i, rule) {
		d.refused = statusOr(rule, http.StatusForbidden)
		return d
	}
	d.well = slices.Contains([]HostKind{"", HostOK, HostHuge, HostDead}, rule.Kind) || (rule.Times > 0 && rec.spent[number] >= rule.Times)
	if !d.well {
		rec.spent[number]++
	}
	return d
}

func statusOr(rule Behaviour, otherwise int) int {
	if rule.Status != 0 {
		return rule.Status
	}
	return otherwise
}

func refuseLink(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code></Error>", strings.ReplaceAll(http.StatusText(status), " ", ""))
}

// serve sends the recording, or the requested range.
func (d download) serve(w http.ResponseWriter, r *http.Request) {
	contentType := d.sound.contentType
	if d.rule.ContentType != "" {
		contentType = d.rule.ContentType
	}
	w.Header().Set("Content-Type", contentType)
	if d.rule.NoRange {
		w.Header().Set("Content-Length", strconv.FormatInt(d.sound.size, 10))
		if r.Method != http.MethodHead {
			_, _ = io.Copy(w, d.sound.open())
		}
		return
	}
	w.Header().Set("ETag", d.etag)
	http.ServeContent(w, r, "", time.Time{}, d.sound.open())
}
