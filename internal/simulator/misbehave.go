package simulator

import (
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// misbehave serves a download as its rule says.
func (s *Simulator) misbehave(w http.ResponseWriter, r *http.Request, d download) {
	cut := cmp.Or(d.rule.After, d.sound.size/2)
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
		d.serve(&cutWriter{ResponseWriter: w, left: cut, then: func() { //nolint:contextcheck // it is r's context that pause gets
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

// serveRaw writes a response that net/http would refuse: with any announced length, or with none if it is negative.
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

// serveCompressed responds with a content coding that nobody requested.
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

// cutWriter calls then once left bytes have been sent.
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
