package simulator

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// HostKind is how the recording host treats a download.
type HostKind string

// The kinds of behaviour. "Cut" means after Behaviour.After bytes of the answer's body.
const (
	HostOK              HostKind = "ok"
	HostStatus          HostKind = "status"           // answers Status, default 503
	HostDead            HostKind = "dead"             // the notified link answers Status, default 403; fresh links work
	HostSlow            HostKind = "slow"             // BytesPerSecond, default 1
	HostStall           HostKind = "stall"            // no byte more after the cut
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

// Behaviour is one way of the recording host. All of it but Kind is optional.
type Behaviour struct {
	Kind HostKind `json:"behaviour"`
	// Times is how many downloads of a recording are treated so before it is served well; 0 means all.
	Times          int    `json:"times"`
	Status         int    `json:"status"`
	RetryAfter     int    `json:"retryAfter"` // seconds, with HostStatus
	BytesPerSecond int    `json:"bytesPerSecond"`
	After          int64  `json:"after"` // bytes; default half the recording
	Location       string `json:"location"`
	// Size is the recording's size in bytes (WAV only, sparse), in force also when it is served well.
	Size        int64  `json:"size"`
	Format      string `json:"format"`      // wav, mp3 or ogg
	ContentType string `json:"contentType"` // in place of the true one
	NoRange     bool   `json:"noRange"`     // Range is ignored
	Refresh     bool   `json:"refresh"`     // the call log issues fresh links for dead ones
	// ExpiresAfter is the lifetime of links in simulated time, in place of the usual one.
	ExpiresAfter time.Duration `json:"-"`
}

// HostRule applies a behaviour to recordings by callId, callSid, maskId, referenceId or recipient; an empty Match means
// all. Of several rules that match the newest counts, also for links given out before.
type HostRule struct {
	Match string `json:"match"`
	Behaviour
}

// SetRecordingHost adds a rule.
func (s *Simulator) SetRecordingHost(rule HostRule) error {
	known := []HostKind{HostOK, HostStatus, HostDead, HostSlow, HostStall, HostTruncate, HostTruncateChunked,
		HostTruncateClose, HostLengthLong, HostLengthShort, HostHTML, HostRedirect, HostReset, HostEncoded, HostGzipBomb, HostHuge}
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

// download is one request for a recording, decided.
type download struct {
	rule    Behaviour
	sound   audio
	etag    string
	url     string
	refused int // HTTP status; 0 when the link works
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

// decide finds the recording and what this download of it gets.
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

// serve sends the recording, or the range asked for.
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

func (s *Simulator) misbehave(w http.ResponseWriter, r *http.Request, d download) {
	cut := d.rule.After
	if cut == 0 {
		cut = d.sound.size / 2
	}
	switch d.rule.Kind {
	case HostStatus:
		if d.rule.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(d.rule.RetryAfter))
		}
		refuseLink(w, statusOr(d.rule, http.StatusServiceUnavailable))
	case HostSlow:
		d.serve(&slowWriter{ResponseWriter: w, ctx: r.Context(), rate: max(d.rule.BytesPerSecond, 1)}, r)
	case HostStall:
		d.serve(&cutWriter{ResponseWriter: w, left: cut, then: func() { s.hang(r) }}, r)
	case HostTruncate:
		d.serve(&cutWriter{ResponseWriter: w, left: cut, then: abort}, r)
	case HostTruncateChunked:
		d.serve(&cutWriter{ResponseWriter: w, left: cut, chunked: true, then: abort}, r)
	case HostReset:
		d.serve(&cutWriter{ResponseWriter: w, left: cut, then: func() {
			pause(r.Context(), 20*time.Millisecond) // lets the bytes before the cut arrive
			reset(w)
		}}, r)
	case HostTruncateClose:
		d.serveRaw(w, -1, cut)
	case HostLengthLong:
		d.serveRaw(w, d.sound.size+100, d.sound.size)
	case HostLengthShort:
		d.serveRaw(w, d.sound.size-100, d.sound.size)
	case HostHTML:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, "<!doctype html><title>Sign in</title><form>Sign in to hear this recording</form>")
	case HostRedirect:
		location := d.rule.Location
		if location == "self" {
			location = d.url
		}
		http.Redirect(w, r, location, http.StatusFound)
	default:
		d.serveCompressed(w)
	}
}

func abort() { panic(http.ErrAbortHandler) }

// serveRaw writes an answer that net/http would refuse to: any announced length, or none where it is negative.
func (d download) serveRaw(w http.ResponseWriter, announced, sent int64) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer func() { _ = conn.Close() }()
	head := "HTTP/1.1 200 OK\r\nContent-Type: " + d.sound.contentType + "\r\nConnection: close\r\n"
	if announced >= 0 {
		head += "Content-Length: " + strconv.FormatInt(announced, 10) + "\r\n"
	}
	if _, err := io.WriteString(conn, head+"\r\n"); err == nil {
		_, _ = io.CopyN(conn, d.sound.open(), sent)
	}
}

// serveCompressed answers with a content coding that nobody asked for.
func (d download) serveCompressed(w http.ResponseWriter) {
	w.Header().Set("Content-Type", d.sound.contentType)
	w.Header().Set("Content-Encoding", "gzip")
	body := io.Reader(d.sound.open())
	if d.rule.Kind == HostGzipBomb {
		size := d.rule.Size
		if size == 0 {
			size = 1 << 30
		}
		body = io.LimitReader(zeros{}, size)
	}
	zip := gzip.NewWriter(w)
	if _, err := io.Copy(zip, body); err == nil {
		_ = zip.Close()
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

var errCut = errors.New("answer cut short on purpose")

// cutWriter calls then once left bytes were sent.
type cutWriter struct {
	http.ResponseWriter
	left    int64
	chunked bool
	then    func()
}

func (c *cutWriter) WriteHeader(status int) {
	if c.chunked {
		c.Header().Del("Content-Length")
	}
	c.ResponseWriter.WriteHeader(status)
}

func (c *cutWriter) Write(p []byte) (int, error) {
	if int64(len(p)) < c.left {
		c.left -= int64(len(p))
		return c.ResponseWriter.Write(p)
	}
	n, _ := c.ResponseWriter.Write(p[:c.left])
	_ = http.NewResponseController(c.ResponseWriter).Flush()
	c.then()
	return n, errCut
}

// slowWriter sends ten pieces a second, or fewer of one byte each.
type slowWriter struct {
	http.ResponseWriter
	ctx  context.Context
	rate int
}

func (s *slowWriter) Write(p []byte) (int, error) {
	piece := max(s.rate/10, 1)
	every := time.Duration(piece) * time.Second / time.Duration(s.rate)
	sent := 0
	for part := range slices.Chunk(p, piece) {
		n, err := s.ResponseWriter.Write(part)
		sent += n
		if err != nil {
			return sent, err
		}
		_ = http.NewResponseController(s.ResponseWriter).Flush()
		if !pause(s.ctx, every) {
			return sent, s.ctx.Err()
		}
	}
	return sent, nil
}
